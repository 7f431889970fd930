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
from revaer.types import TorrentState

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

_STATES: Final = {TorrentState.DOWNLOADING: 1, TorrentState.SEEDING: 2}
_DASHBOARD: Final[dict[str, Any]] = {
    "instance_name": "revaer",
    "version": "0.1.0",
    "mode": "active",
    "revision": 12,
    "uptime": 86_400.5,
    "torrents": {
        "total": 3,
        "active": 1,
        "loading": False,
        "states": {state.value: _STATES.get(state, 0) for state in TorrentState},
    },
    "rates": {"download_bps": 5_000_000, "upload_bps": 1_250_000},
    "totals": {
        "wanted_bytes": 9_000_000_000,
        "completed_bytes": 6_400_000_000,
        "downloaded_bytes": 6_500_000_000,
        "uploaded_bytes": 12_000_000_000,
    },
    "queue": {
        "queued": 0,
        "downloading": 1,
        "seeding": 2,
        "max_active": 500,
        "max_active_downloads": 3,
        "max_active_seeds": -1,
    },
    "volumes": [
        {
            "roots": {"download_root": "/srv/downloads", "library_root": "/srv/library"},
            "measured_at": "2026-11-02T12:00:00.000Z",
            "total_bytes": 4_000_000_000_000,
            "free_bytes": 1_200_000_000_000,
        }
    ],
    "health": {"status": "ok", "components": [], "guardrails": []},
    "failures": [],
    "limits": {"download_bps": 5_000_000, "upload_bps": None, "in_effect": True, "alt_speed": {"active": False}},
    "fsops": {"queue": 2, "running": 1, "failed": 0, "paused": False},
}

OPERATIONS: Final = (
    Operation(
        route="GET /v1/dashboard",
        id="getDashboard",
        tag="node",
        answers=(Answer(200, "The whole node in one small document.", Dashboard, example=_DASHBOARD),),
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
        problems=("conflict",),
    ),
)
