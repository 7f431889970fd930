"""What is to be said of the calls about torrents."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, WithJsonSchema, create_model

from revaer.api import fields
from revaer.api.forms import FILE_FIELD, FORM_TYPE, OPTIONS_FIELD
from revaer.api.openapi import samples
from revaer.api.openapi.operation import JSON, Answer, Body, Link, Operation, Parameter
from revaer.api.openapi.parameters import CURSOR, LIMIT, STATES, TAGS, Items, choice
from revaer.api.pages import SORTS
from revaer.api.schema_act import ACTION_BODIES, RemoveBody, SelectBody
from revaer.api.schema_add import AddBody
from revaer.api.shapes.torrents import FileList, Torrent, TorrentDetail, TorrentPage
from revaer.api.views import TORRENT_FIELDS

_ONE: Final = "/v1/torrents/{id}"

FILTERS: Final = (
    STATES,
    Parameter(
        name="tracker",
        type=Items,
        text="Trackers by host or URL; one must be the torrent's.",
        example=["tracker.example"],
    ),
    Parameter(
        name="extension",
        type=Items,
        text="Extensions; one must be that of a wanted file.",
        example=["mkv", "mp4"],
    ),
    TAGS,
    Parameter(name="category", type=Items, text="Categories; one must hold.", example=["films"]),
    Parameter(
        name="name",
        type=Annotated[str, Field(min_length=1)],
        text="A part of the name, in any case.",
        example="film",
    ),
)
"""Parameters that filter torrents; between them all must hold."""

FIELDS: Final = Parameter(
    name="fields",
    type={"type": "array", "items": choice(sorted(TORRENT_FIELDS)), "minItems": 1},
    text="Only these fields, and `id`.",
    example=["name", "progress"],
)


class NewTorrent(AddBody):
    """Everything that may be asked of a new torrent, and its source: a magnet link or a `.torrent` file."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [one], "properties": {one: {"type": "string"}, other: {"type": "null"}}}
                for one, other in (("magnet", "metainfo"), ("metainfo", "magnet"))
            ]
        }
    )


class AddForm(fields.Body):
    """A `.torrent` file, and what is asked beside it. Single fields may stand in place of `options`, a list as often as
    it has elements."""

    metainfo: Annotated[bytes, WithJsonSchema({"type": "string", "contentMediaType": "application/x-bittorrent"})]
    options: AddBody = Field(default_factory=AddBody)


assert set(AddForm.model_fields) == {FILE_FIELD, OPTIONS_FIELD}


def _action(kind: str) -> Any:
    """Return the body of an action with its `type` told."""
    name = "".join(word.capitalize() for word in kind.split("_")) + "Action"
    told: Any = Literal[kind]
    return create_model(name, __base__=ACTION_BODIES[kind], type=(told, ...))


_ANY: Any = reduce(or_, map(_action, ACTION_BODIES))
AnyAction: Any = Annotated[_ANY, Field(discriminator="type")]
"""Every action, told apart by `type`."""


_LINKED: Final = {
    "getTorrent": "Show it with its files.",
    "listFiles": "Show its files.",
    "listPeers": "Show who it is connected to.",
    "listTrackers": "Show its trackers.",
    "getPieces": "Show which pieces are there.",
    "amendTorrent": "Change its name, labels and options.",
    "changeTrackers": "Change its trackers.",
    "actOnTorrent": "Do something with it.",
    "selectFiles": "Choose its files.",
    "getJob": "Show its post-processing.",
    "deleteTorrent": "Remove it.",
}
"""What leads on from an answer that has a torrent."""


def torrent_links(expression: str = "$response.body#/id") -> dict[str, Link]:
    """Return the calls that an answer with a torrent leads to. `expression` finds its id."""
    return {name: Link(name, {"id": expression}, text) for name, text in _LINKED.items()}


_ADD_ENCODING: Final = {
    FILE_FIELD: {"contentType": "application/x-bittorrent"},
    OPTIONS_FIELD: {"contentType": JSON},
}

OPERATIONS: Final = (
    Operation(
        route="GET /v1/torrents",
        id="listTorrents",
        tag="torrents",
        text="Walking all pages shows every torrent that was there throughout exactly once, however much changes "
        "meanwhile.",
        parameters=(
            LIMIT,
            CURSOR,
            Parameter(
                name="sort",
                type=choice(f"{sign}{name}" for name in SORTS for sign in ("", "-")),
                text="The order, `added_at` unless given; with `-` in front it is descending.",
                example="-added_at",
            ),
            *FILTERS,
            FIELDS,
        ),
        answers=(Answer(200, "A page of torrents.", TorrentPage, headers=("etag",), example=samples.TORRENT_PAGE),),
    ),
    Operation(
        route="POST /v1/torrents",
        id="addTorrent",
        tag="torrents",
        text="From a magnet link or a `.torrent` file. It is answered when it is durable: from then on the torrent is "
        "there, whatever happens.",
        body=Body(
            {JSON: NewTorrent, FORM_TYPE: AddForm},
            encoding=_ADD_ENCODING,
            examples={
                "file": {"metainfo": samples.METAINFO, "exclude": ["**/*.nfo"]},
                "magnet": {"magnet": samples.MAGNET, "category": "films", "skip_fluff": True},
                "paused": {"magnet": samples.MAGNET, "start_paused": True, "max_download_bps": 5_000_000},
            },
        ),
        answers=(
            Answer(
                201,
                "It is in.",
                Torrent,
                headers=("location",),
                example=samples.TORRENT,
                links=torrent_links(),
            ),
        ),
        problems=("conflict",),
    ),
    Operation(
        route=f"GET {_ONE}",
        id="getTorrent",
        tag="torrents",
        answers=(Answer(200, "The torrent.", TorrentDetail, headers=("etag",), example=samples.TORRENT_DETAIL),),
    ),
    Operation(
        route=f"DELETE {_ONE}",
        id="deleteTorrent",
        tag="torrents",
        text="`delete_data` may be in the query or in the body.",
        parameters=(
            Parameter(
                name="delete_data",
                type=bool,
                text="Whether its payload goes too; otherwise it stays where it is.",
                example=True,
            ),
        ),
        body=Body({JSON: RemoveBody}, required=False, examples={"with its payload": {"delete_data": True}}),
        answers=(Answer(204, "It is gone."),),
        problems=("conflict",),
    ),
    Operation(
        route=f"POST {_ONE}/action",
        id="actOnTorrent",
        tag="torrents",
        body=Body(
            {JSON: AnyAction},
            examples={
                "pause": {"type": "pause"},
                "rate": {"type": "rate", "download_bps": 1_000_000, "upload_bps": None},
                "move": {"type": "move", "download_dir": "/srv/downloads/films"},
            },
        ),
        answers=(
            Answer(200, "The torrent after it.", Torrent, example=samples.TORRENT),
            Answer(204, "The torrent was removed."),
        ),
        problems=("conflict",),
    ),
    Operation(
        route=f"POST {_ONE}/select",
        id="selectFiles",
        tag="torrents",
        text="The strongest rule wins: an override by index, `skip_fluff`, `exclude`, `include`; what no rule names is "
        "wanted. Each file of the answer says which rule decided.",
        body=Body(
            {JSON: SelectBody},
            examples={"no extras": {"exclude": ["**/*.nfo"], "skip_fluff": True, "priorities": {"3": "high"}}},
        ),
        answers=(Answer(200, "The torrent after it.", TorrentDetail, example=samples.TORRENT_DETAIL),),
        problems=("conflict",),
    ),
    Operation(
        route=f"GET {_ONE}/files",
        id="listFiles",
        tag="torrents",
        answers=(Answer(200, "The files.", FileList, headers=("etag",), example=samples.FILES),),
    ),
)
