"""Cursors: where a walk over a list stands, as one opaque word."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

import orjson

from revaer.api.errors import InvalidParam, MalformedRequest
from revaer.types import TorrentId

MAX_CHARS = 400


@dataclass(frozen=True, slots=True)
class KeyCursor:
    """A walk in an order that never changes: go on behind this torrent."""

    query: str
    added_at: float
    torrent_id: TorrentId


@dataclass(frozen=True, slots=True)
class WalkCursor:
    """A walk over an order that was frozen when it began: go on at this place."""

    query: str
    walk: str
    offset: int


Cursor: TypeAlias = KeyCursor | WalkCursor


def encode_cursor(cursor: Cursor) -> str:
    """Write a cursor."""
    if isinstance(cursor, KeyCursor):
        fields: list[object] = ["k", cursor.query, cursor.added_at, cursor.torrent_id]
    else:
        fields = ["w", cursor.query, cursor.walk, cursor.offset]
    return write_fields(fields)


def decode_cursor(text: str, query: str) -> Cursor:
    """Read a cursor.

    Args:
        text: what the client gave.
        query: what order and filter it goes on with; they must be those it began with.

    Raises:
        MalformedRequest: it is no cursor, or one of another query.
    """
    match read_fields(text):
        case ["k", str(began), float(added_at) | int(added_at), str(torrent_id)] if math.isfinite(added_at):
            cursor: Cursor = KeyCursor(began, float(added_at), TorrentId(torrent_id))
        case ["w", str(began), str(walk), int(offset)] if offset >= 0:
            cursor = WalkCursor(began, walk, offset)
        case _:
            refuse_cursor("this is no cursor of this list")
    if cursor.query != query:
        refuse_cursor("this cursor belongs to another sort or filter; a walk keeps those it began with")
    return cursor


def refuse_cursor(message: str) -> NoReturn:
    """Refuse a cursor. Raises: MalformedRequest."""
    raise MalformedRequest("the cursor cannot be used", [InvalidParam("/query/cursor", message)])


def write_fields(fields: Sequence[object]) -> str:
    """Write what a cursor holds as one word."""
    return base64.urlsafe_b64encode(orjson.dumps(fields)).rstrip(b"=").decode()


def read_fields(text: str) -> object:
    """Return what a cursor holds; None when it is none."""
    if len(text) > MAX_CHARS:
        return None
    try:
        return orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        return None
