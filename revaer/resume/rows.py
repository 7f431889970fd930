"""Reading intents from the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from revaer.database.messages import Database, Row
from revaer.resume.disk import Lane
from revaer.resume.documents import Stored, read_row
from revaer.resume.errors import UnreadableDocument
from revaer.resume.queries import IDS_OF_INTENTS, INTENTS_BY_ID
from revaer.types import NODE, TorrentId

PAGE: Final = 250
_WITHIN: Final = 20.0

Rows: TypeAlias = Mapping[TorrentId, Stored | UnreadableDocument]
"""Rows by id, in the order of ids; an unreadable one by what is wrong with it."""


async def all_rows(database: Database, lane: Lane) -> Rows:
    """Read every intent of this node, page by page.

    Raises:
        DatabaseError: They cannot be read now.
    """
    ids = [TorrentId(row["id"]) for row in await database.fetch(IDS_OF_INTENTS, NODE, within=_WITHIN)]
    read: dict[TorrentId, Stored | UnreadableDocument] = {}
    for start in range(0, len(ids), PAGE):
        read |= await rows_by_id(database, lane, ids[start : start + PAGE])
    return {torrent_id: read[torrent_id] for torrent_id in ids if torrent_id in read}


async def rows_by_id(database: Database, lane: Lane, torrent_ids: Sequence[TorrentId]) -> Rows:
    """Read some intents; those that do not exist are left out.

    Raises:
        DatabaseError: They cannot be read now.
    """
    return await lane.run(_read, await database.fetch(INTENTS_BY_ID, NODE, list(torrent_ids), within=_WITHIN))


def _read(page: Sequence[Row]) -> dict[TorrentId, Stored | UnreadableDocument]:
    return {TorrentId(row["id"]): _read_or_tell(row) for row in page}


def _read_or_tell(row: Row) -> Stored | UnreadableDocument:
    try:
        return read_row(row)
    except UnreadableDocument as error:
        return error
