"""The form of a fast-resume file: one header line that names its torrent and the checksum of the record behind it."""

from __future__ import annotations

import hashlib
from typing import Final

from revaer.resume.errors import BrokenFile
from revaer.types import TorrentId

SUFFIX: Final = ".fastresume"
_FORMAT: Final = b"revaer-fastresume 1"


def pack_record(torrent_id: TorrentId, record: bytes) -> tuple[bytes, bytes]:
    """Return the content of a record's file, in two pieces."""
    return _header(torrent_id, record), record


def unpack_record(torrent_id: TorrentId, content: bytes) -> bytes:
    """Return the record from the content of its file.

    Raises:
        BrokenFile: The file is empty, cut off, damaged, from elsewhere, or belongs to another torrent.
    """
    if not content:
        raise BrokenFile("the file is empty")
    header, newline, record = content.partition(b"\n")
    words = header.split(b" ")
    if not newline or b" ".join(words[:2]) != _FORMAT or len(words) != 4:
        raise BrokenFile("it does not begin like a record of ours")
    if words[2] != torrent_id.encode():
        raise BrokenFile("it belongs to another torrent")
    if not record:
        raise BrokenFile("it is cut off: there is no record behind the header")
    if content[: len(header) + 1] != _header(torrent_id, record):
        raise BrokenFile("it is damaged or cut off: the checksum does not match")
    return record


def _header(torrent_id: TorrentId, record: bytes) -> bytes:
    return b"%b %b %b\n" % (_FORMAT, torrent_id.encode(), hashlib.sha256(record).hexdigest().encode())
