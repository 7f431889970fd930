"""A fast-resume record that comes with an add, of a torrent that another program had: what of it is believed. Pure.

What it claims to have is not hashed. Everything that could lead elsewhere than the add itself (paths, names of files,
peers, priorities) is refused rather than ignored, so that nobody believes it was taken over.
"""

from __future__ import annotations

from typing import Final

from revaer.bencode import BencodeError, Value, decode
from revaer.session.messages import InvalidSource
from revaer.session.port import Metainfo
from revaer.session.records import pieces_of

POINTER: Final = "/resume"
_BYTES: Final = frozenset({b"file-format", b"info-hash", b"info-hash2", b"pieces"})
_NUMBERS: Final = frozenset(
    {
        b"file-version",
        b"total_downloaded",
        b"total_uploaded",
        b"active_time",
        b"finished_time",
        b"seeding_time",
        b"added_time",
        b"completed_time",
    }
)
_UNFINISHED: Final = b"unfinished"
_FORMAT: Final = b"libtorrent resume file"


def check_record(record: bytes, metainfo: Metainfo | None) -> None:
    """Check a record against the torrent it comes with.

    Raises:
        InvalidSource: it is none, has more than is believed, or belongs to another torrent.
    """
    if metainfo is None:
        raise InvalidSource(POINTER, "needs a metainfo beside it: a magnet has no pieces yet")
    try:
        fields = decode(record)
    except BencodeError as error:
        raise InvalidSource(POINTER, f"is no fast-resume record: {error}") from error
    if not isinstance(fields, dict) or fields.get(b"file-format") != _FORMAT:
        raise InvalidSource(POINTER, "is no fast-resume record of libtorrent")
    for name, value in fields.items():
        _check_field(name, value)
    for name, digest in ((b"info-hash", metainfo.hashes.v1), (b"info-hash2", metainfo.hashes.v2)):
        if name in fields and fields[name] != bytes.fromhex(digest or ""):
            raise InvalidSource(POINTER, "belongs to another torrent")
    if not fields.keys() & {b"info-hash", b"info-hash2"}:
        raise InvalidSource(POINTER, "names no torrent: it needs info-hash or info-hash2")
    if pieces_of(fields, metainfo.pieces) is None:
        raise InvalidSource(POINTER, f"does not say which of the {metainfo.pieces} pieces are there")


def _check_field(name: bytes, value: Value) -> None:
    shown = name.decode("utf-8", "replace")
    if name in _BYTES:
        is_right = isinstance(value, bytes)
    elif name in _NUMBERS:
        is_right = isinstance(value, int) and value >= 0
    elif name == _UNFINISHED:
        is_right = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    else:
        raise InvalidSource(POINTER, f"has the field {shown!r}, which cannot be taken over")
    if not is_right:
        raise InvalidSource(POINTER, f"has no usable {shown!r}")


def added_at(record: bytes | None, *, now: float) -> float:
    """Return when the torrent entered the other program, in Unix seconds; `now` when that is not known."""
    if record is None:
        return now
    fields = decode(record)
    found = fields.get(b"added_time") if isinstance(fields, dict) else None
    return float(found) if isinstance(found, int) and 0 < found <= now else now
