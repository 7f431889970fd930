"""What is to be said of the calls that look closely at one torrent, change it, or are about many."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, create_model

from revaer.api.bodies import PATCH_TYPES
from revaer.api.openapi import samples
from revaer.api.openapi.about_torrents import AnyAction, NewTorrent
from revaer.api.openapi.operation import JSON, Answer, Body, Operation
from revaer.api.schema_amend import AmendBody, TrackersBody, UrlsBody, WebSeedsBody
from revaer.api.schema_many import ActionsBody, BulkBody
from revaer.api.settings import BULK
from revaer.api.shapes.looks import (
    ActionResults,
    BulkResults,
    PeerList,
    PieceFacts,
    TorrentTerms,
    TrackerList,
    WebSeedList,
)

_ONE: Final = "/v1/torrents/{id}"

_Adds = Annotated[list[NewTorrent], Field(min_length=1, max_length=BULK)]
# The reader takes an item as it comes, so that a wrong one disturbs no other; what it should be is told here.
Adds: Any = create_model("BulkBody", __base__=BulkBody, torrents=(_Adds, ...))
Acts: Any = create_model("ActionsBody", __base__=ActionsBody, action=(AnyAction, ...))

LOOKS: Final = (
    Operation(
        route=f"GET {_ONE}/peers",
        id="listPeers",
        tag="torrents",
        answers=(Answer(200, "The peers.", PeerList, example=samples.PEERS),),
    ),
    Operation(
        route=f"GET {_ONE}/trackers",
        id="listTrackers",
        tag="torrents",
        answers=(Answer(200, "The trackers.", TrackerList, example=samples.TRACKERS),),
    ),
    Operation(
        route=f"GET {_ONE}/pieces",
        id="getPieces",
        tag="torrents",
        answers=(Answer(200, "The pieces.", PieceFacts, example=samples.PIECES),),
    ),
)

CHANGES: Final = (
    Operation(
        route=f"PATCH {_ONE}",
        id="amendTorrent",
        tag="torrents",
        text="Where the payload lies, whether it runs and which files are wanted is changed by actions and `select`.",
        body=Body(
            dict.fromkeys(PATCH_TYPES, AmendBody),
            examples={"labels": {"category": "films", "tags": ["weekend"], "comment": None}},
        ),
        answers=(Answer(200, "The torrent after it.", TorrentTerms, example=samples.TERMS),),
        problems=("conflict",),
    ),
    Operation(
        route=f"PATCH {_ONE}/trackers",
        id="changeTrackers",
        tag="torrents",
        text="From then on what the torrent's source says of trackers no longer counts.",
        body=Body(
            {JSON: TrackersBody},
            examples={"one more": {"add": [samples.TRACKER]}, "only this": {"replace": [samples.TRACKER]}},
        ),
        answers=(Answer(200, "All of its trackers.", TrackerList, example=samples.TRACKERS),),
        problems=("conflict",),
    ),
    Operation(
        route=f"DELETE {_ONE}/trackers",
        id="removeTrackers",
        tag="torrents",
        body=Body({JSON: UrlsBody}, required=False, examples={"one": {"urls": [samples.TRACKER]}}),
        answers=(Answer(200, "The trackers that are left.", TrackerList, example=samples.TRACKERS),),
        problems=("conflict",),
    ),
    Operation(
        route=f"PATCH {_ONE}/web_seeds",
        id="changeWebSeeds",
        tag="torrents",
        text="From then on what the torrent's source says of web seeds no longer counts.",
        body=Body({JSON: WebSeedsBody}, examples={"one more": {"add": ["https://seed.example/films/"]}}),
        answers=(
            Answer(200, "All of its web seeds.", WebSeedList, example={"web_seeds": ["https://seed.example/films/"]}),
        ),
        problems=("conflict",),
    ),
)

MANY: Final = (
    Operation(
        route="POST /v1/torrents/bulk",
        id="addTorrents",
        tag="torrents",
        text=f"At most {BULK}. A refused one disturbs no other: each has its own result.",
        body=Body({JSON: Adds}, examples={"two": {"torrents": [{"magnet": samples.MAGNET}, {"magnet": "magnet:?"}]}}),
        answers=(Answer(200, "One result for each, in order.", BulkResults, example=samples.BULK_RESULTS),),
    ),
    Operation(
        route="POST /v1/torrents/actions",
        id="actOnTorrents",
        tag="torrents",
        text="Each torrent has its own result.",
        body=Body(
            {JSON: Acts},
            examples={
                "by id": {"action": {"type": "pause"}, "ids": [samples.TORRENT_ID]},
                "by filter": {"action": {"type": "resume"}, "filter": {"state": ["stopped"], "category": "films"}},
            },
        ),
        answers=(Answer(200, "One result for each.", ActionResults, example=samples.ACTION_RESULTS),),
    ),
)

OPERATIONS: Final = (*LOOKS, *CHANGES, *MANY)
