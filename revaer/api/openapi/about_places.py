"""What is to be said of the dashboard, of looking into directories, and of making torrents."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from revaer.api import fields
from revaer.api.browsing import MAX_CURSOR_CHARS
from revaer.api.create_routes import CreateBody
from revaer.api.openapi import samples
from revaer.api.openapi.operation import JSON, Answer, Body, Operation, Parameter
from revaer.api.openapi.parameters import LIMIT
from revaer.api.shapes.dashboard import Dashboard
from revaer.api.shapes.places import DirectoryPage, MadeTorrent

_ENTRIES: Final[dict[str, Any]] = {
    "path": "/srv/downloads",
    "parent": "/srv",
    "entries": [
        {
            "name": "films",
            "kind": "directory",
            "path": "/srv/downloads/films",
            "modified_at": "2026-11-02T12:00:00.000Z",
        },
        {
            "name": "readme.txt",
            "kind": "file",
            "path": "/srv/downloads/readme.txt",
            "size_bytes": 1024,
            "modified_at": "2026-11-02T12:00:00.000Z",
        },
    ],
}

OPERATIONS: Final = (
    Operation(
        route="GET /v1/dashboard",
        id="getDashboard",
        tag="node",
        answers=(Answer(200, "The whole node in one small document.", Dashboard),),
    ),
    Operation(
        route="GET /v1/fs/browse",
        id="browse",
        tag="node",
        text="Only the download root, and what `fs_policy.allow_paths` names.",
        parameters=(
            Parameter(
                name="path",
                type=fields.Directory,
                text="The directory; without it, those that may be looked into are listed.",
                example="/srv/downloads",
            ),
            LIMIT,
            Parameter(
                name="cursor",
                type=Annotated[str, Field(min_length=1, max_length=MAX_CURSOR_CHARS)],
                text="`next` of the page before; it goes with the same `path` and `dirs_only`.",
            ),
            Parameter(name="dirs_only", type=bool, text="Only directories.", example=True),
        ),
        answers=(Answer(200, "A page of the directory.", DirectoryPage, example=_ENTRIES),),
        problems=("not-found",),
    ),
    Operation(
        route="POST /v1/torrents/create",
        id="createTorrent",
        tag="torrents",
        text="It is answered when everything is hashed, which may take long; `authoring_progress` tells how far it is. "
        "Hang up, and the work stops. The same files and the same request give the same bytes.",
        body=Body(
            {JSON: CreateBody},
            examples={
                "a film": {
                    "root_path": "/srv/downloads/films/Some.Film.2026",
                    "trackers": [samples.TRACKER],
                    "exclude": ["**/*.nfo"],
                    "format": "hybrid",
                }
            },
        ),
        answers=(Answer(200, "The torrent.", MadeTorrent, example=samples.MADE),),
        problems=("conflict", "validation"),
    ),
)
