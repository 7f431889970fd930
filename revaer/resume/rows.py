"""Reading intents from the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from revaer.database.messages import Database, Row
from revaer.resume.disk import Lane
from revaer.resume.documents import Stored, read_row
from revaer.resume.errors import UnreadableDocument
from revaer.resume.queries import INTENTS_BY_ID, NODE, PAGE_OF_INTENTS
from revaer.types import TorrentId

PAGE: Final = 250
_WITHIN: Final = 20.0
_BEFORE_ALL: Final = "00000000-0000-0000-0000-000000000000"

Rows: TypeAlias = Mapping[TorrentId, Stored | UnreadableDocument]
"""Rows by id, in the order of ids; an unreadable one by what is wrong with it."""


async def all_rows(database: Database, lane: Lane) -> Rows:
    """Read every intent of this node, page by page.

    Raises:
        DatabaseError: They cannot be read now.
    """
    rows: dict[TorrentId, Stored | UnreadableDocument] = {}
    last = _BEFORE_ALL
    while True:
        page = await database.fetch(PAGE_OF_INTENTS, NODE, last, PAGE, within=_WITHIN)
        rows |= await lane.run(_read, page)
        if len(page) < PAGE:
            return rows
        last = page[-1]["id"]


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
