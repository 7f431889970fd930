"""The timeline of one torrent: its events as the journal keeps them, page by page, also after the torrent is gone."""

from __future__ import annotations

from typing import Any, Final

import orjson

from revaer.api.call import Answer, Call, Reply
from revaer.api.cursors import read_fields, refuse_cursor, write_fields
from revaer.api.filters import parse_limit, refuse
from revaer.api.finding import find
from revaer.api.keys import torrent_key
from revaer.api.services import Services
from revaer.journal.messages import END_OF_EPOCH, Gap, ReadTimeline, TimelinePage
from revaer.types import EventId, TorrentId

READ_SECONDS: Final = 10.0
QUERY: Final = frozenset({"limit", "cursor", "sort"})
SORTS: Final = {"timestamp": False, "-timestamp": True}
"""The orders, by whether the newest event comes first."""


async def show_timeline(call: Call, services: Services) -> Answer:
    """Show the durable events of one torrent."""
    query = call.query(QUERY)
    limit = parse_limit(query.get("limit"))
    sort = query.get("sort", "timestamp")
    if sort not in SORTS:
        refuse("sort", f"no such order: {sort[:60]!r}; there are {', '.join(SORTS)}")
    torrent_id = await _torrent_id(call, services)
    cursor = _decode_cursor(query["cursor"], torrent_id, sort) if "cursor" in query else None
    request = ReadTimeline(torrent_id, limit, SORTS[sort], cursor)
    page = await services.journal.ask(request, within=READ_SECONDS)
    if not page.events and cursor is None:
        # Nobody may have heard of it.
        await find(call, services)
    return Reply(200, _encode(page, torrent_id, sort))


async def _torrent_id(call: Call, services: Services) -> TorrentId:
    """Return our id of the torrent; one that is gone is known by nothing else.

    Raises:
        MalformedRequest, UnknownTorrent, NotReady: see `find`.
    """
    key = torrent_key(call.args["id"])
    return TorrentId(key) if "-" in key else (await find(call, services)).id


def _encode(page: TimelinePage, torrent_id: TorrentId, sort: str) -> bytes:
    """Write a page. The envelopes are JSON already."""
    rest: dict[str, Any] = {"gaps": list(map(_gap_document, page.gaps))}
    if page.next is not None:
        rest["next"] = _encode_cursor(page.next, torrent_id, sort)
    return b'{"events":[%b],%b' % (b",".join(event.envelope for event in page.events), orjson.dumps(rest)[1:])


def _gap_document(gap: Gap) -> dict[str, str]:
    """Write a gap. An end that nobody knows is left out."""
    document = {"reason": gap.reason}
    if gap.first.epoch >= 0:
        document["first"] = str(gap.first)
    if gap.last.seq < END_OF_EPOCH:
        document["last"] = str(gap.last)
    return document


def _encode_cursor(position: EventId, torrent_id: TorrentId, sort: str) -> str:
    return write_fields(["t", torrent_id, sort, position.epoch, position.seq])


def _decode_cursor(text: str, torrent_id: TorrentId, sort: str) -> EventId:
    """Read a cursor. Raises: MalformedRequest: it is none, or one of another walk."""
    match read_fields(text):
        case ["t", str(of), str(order), int(epoch), int(seq)] if _is_position(epoch, seq):
            position = EventId(epoch, seq)
        case _:
            refuse_cursor("this is no cursor of this list")
    if (of, order) != (torrent_id, sort):
        refuse_cursor("this cursor belongs to another torrent or sort; a walk keeps those it began with")
    return position


def _is_position(epoch: int, seq: int) -> bool:
    return min(epoch, seq) >= 0 and max(epoch, seq) <= END_OF_EPOCH
