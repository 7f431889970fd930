"""Looking into fast-resume records without the engine: pure.

Records of format 2 hold one bit per piece, the first piece in the highest bit; those of format 1 one byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from revaer.bencode import BencodeError, Value, decode

SMALL: Final = 16 * 1024
"""Bytes of a record that is read in a moment, and that is worth remembering for that moment."""


def fields_of(record: bytes) -> Mapping[bytes, Value] | None:
    """A decoded record, not to be changed; `None` when it is unreadable. On its way into the engine a record is asked
    several things, one after the other: the last few small ones are remembered."""
    return _remembered(record) if len(record) <= SMALL else _decoded(record)


def piece_string(record: bytes) -> bytes | None:
    """The record's piece list as it stands; `None` when the record has none, or is unreadable."""
    fields = fields_of(record)
    return None if fields is None else _bytes(fields.get(b"pieces"))


def record_pieces(record: bytes, count: int | None = None) -> list[bool] | None:
    """Which pieces a record claims; `None` when it has no piece list or is unreadable.

    Args:
        record: the record.
        count: how many pieces the torrent has. The record tells it only up to the next multiple of eight: without a
            count the list may have up to seven flags too many, all false. A list that does not fit is none.
    """
    fields = fields_of(record)
    return None if fields is None else pieces_of(fields, count)


def pieces_of(fields: Mapping[bytes, Value], count: int | None = None) -> list[bool] | None:
    """As `record_pieces`, of a record that is decoded already."""
    pieces = _bytes(fields.get(b"pieces"))
    if pieces is None:
        return None
    if fields.get(b"file-version", 1) == 1:
        flags = [bool(flag & 1) for flag in pieces]
        return flags if count is None or len(flags) == count else None
    if count is not None and len(pieces) != (count + 7) // 8:
        return None
    return [bool(byte >> shift & 1) for byte in pieces for shift in range(7, -1, -1)][:count]


def pack_pieces(flags: bytes | bytearray | list[bool]) -> bytes:
    """A piece list in format 2."""
    packed = bytearray((len(flags) + 7) // 8)
    for index, flag in enumerate(flags):
        if flag:
            packed[index // 8] |= 0x80 >> index % 8
    return bytes(packed)


def claims_pieces(pieces: bytes | None) -> bool:
    """Whether a piece list claims any piece."""
    return bool(pieces and pieces.strip(b"\0"))


@lru_cache(maxsize=64)
def _remembered(record: bytes) -> Mapping[bytes, Value] | None:
    return _decoded(record)


def _decoded(record: bytes) -> Mapping[bytes, Value] | None:
    try:
        fields = decode(record)
    except BencodeError:
        return None
    return fields if isinstance(fields, dict) else None


def _bytes(value: Value | None) -> bytes | None:
    return value if isinstance(value, bytes) else None
