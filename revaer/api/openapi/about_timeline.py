"""What is to be said of the timeline of a torrent."""

from __future__ import annotations

from typing import Final

from revaer.api.openapi import samples
from revaer.api.openapi.operation import Answer, Operation, Parameter
from revaer.api.openapi.parameters import CURSOR, LIMIT, choice
from revaer.api.shapes.timeline import Timeline
from revaer.api.timeline import SORTS

_EXAMPLE: Final = {
    "events": [
        {
            "id": "12-345",
            "timestamp": "2026-11-01T12:00:00Z",
            "request_id": samples.REQUEST,
            "event": {"type": "torrent_removed", "torrent_id": samples.TORRENT_ID, "data_deleted": False},
        }
    ],
    "gaps": [{"first": "11-98", "reason": "the daemon was cut off, and what it published last may not be here"}],
}

OPERATIONS: Final = (
    Operation(
        route="GET /v1/torrents/{id}/timeline",
        id="showTimeline",
        tag="torrents",
        text="All that happened to it but progress, as long as it is kept; what was just answered is in it. A torrent "
        "that was removed has its timeline too, by our id. `gaps` says from where something may be missing.",
        parameters=(
            LIMIT,
            CURSOR,
            Parameter(
                name="sort",
                type=choice(SORTS),
                text="The order, `timestamp` unless given: the oldest first; with `-` in front the newest first.",
                example="-timestamp",
            ),
        ),
        answers=(Answer(200, "A page of events.", Timeline, example=_EXAMPLE),),
    ),
)
