"""The form of the last-known copy of an intent: one line of JSON, then the metainfo as it is.

The line holds the checksum of the intent in it, and the intent the length and checksum of the metainfo, so that the
line can be judged without reading the rest.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from revaer.resume.documents import Stored, read_document, write_document
from revaer.resume.errors import BrokenFile, UnreadableDocument
from revaer.types import TorrentId

SUFFIX: Final = ".intent"
HEAD_LENGTH: Final = 4096
"""How many bytes of a copy hold its line, unless it has very many tags or trackers."""

_LINE: Final = re.compile(rb'\{"format":"revaer-intent 1","sha256":"([0-9a-f]{64})","intent":(\{.*\})\}', re.DOTALL)


@dataclass(frozen=True, slots=True)
class CopyHead:
    """What the line of a copy says.

    Attributes:
        stored: The intent, without its metainfo.
        metainfo_at: Where the metainfo begins in the file.
        metainfo_length: Its length in bytes, None when the copy has none.
        metainfo_sha256: Its checksum.
    """

    stored: Stored
    metainfo_at: int
    metainfo_length: int | None
    metainfo_sha256: str

    @property
    def size(self) -> int:
        """How long the whole file must be, in bytes."""
        return self.metainfo_at + (self.metainfo_length or 0)


def pack_copy(stored: Stored) -> tuple[bytes, bytes]:
    """Return the content of a copy, in two pieces.

    Raises:
        UnwritableIntent: The intent cannot be written down.
    """
    metainfo = stored.intent.metainfo
    document = write_document(stored)
    document["metainfo"] = None if metainfo is None else {"length": len(metainfo), "sha256": _sha256(metainfo)}
    body = orjson.dumps(document)
    line = b'{"format":"revaer-intent 1","sha256":"%b","intent":%b}\n' % (_sha256(body).encode(), body)
    return line, metainfo or b""


def read_head(torrent_id: TorrentId, content: bytes) -> CopyHead | None:
    """Read the line from the beginning of a copy; None when the beginning is too short for it.

    Raises:
        BrokenFile: It is no copy of this torrent's intent.
    """
    line, newline, _ = content.partition(b"\n")
    if not newline:
        return None
    found = _LINE.fullmatch(line)
    if found is None:
        raise BrokenFile("it does not begin like a copy of ours")
    if _sha256(found[2]) != found[1].decode():
        raise BrokenFile("it is damaged: the checksum of the intent does not match")
    try:
        document: dict[str, Any] = orjson.loads(found[2])
        stored = read_document(document, None)
        metainfo = document["metainfo"]
        length, sha256 = (None, "") if metainfo is None else (int(metainfo["length"]), str(metainfo["sha256"]))
    except (UnreadableDocument, ValueError, TypeError, KeyError) as error:
        raise BrokenFile(f"its intent cannot be read: {error}") from error
    if stored.intent.torrent_id != torrent_id:
        raise BrokenFile("it belongs to another torrent")
    return CopyHead(stored, len(line) + 1, length, sha256)


def checked(head: CopyHead | None, size: int) -> CopyHead:
    """Return the head of a copy when it goes with the size of the file, in bytes.

    Raises:
        BrokenFile: It does not, or there is no head.
    """
    if not size:
        raise BrokenFile("the file is empty")
    if head is None:
        raise BrokenFile("it is cut off, or no copy of ours")
    if size != head.size:
        raise BrokenFile(f"it is cut off: {size} bytes instead of {head.size}")
    return head


def unpack_copy(torrent_id: TorrentId, content: bytes) -> Stored:
    """Return the intent with its metainfo from the content of a copy.

    Raises:
        BrokenFile: The file is empty, cut off, damaged, from elsewhere, or belongs to another torrent.
    """
    head = checked(read_head(torrent_id, content), len(content))
    if head.metainfo_length is None:
        return head.stored
    metainfo = content[head.metainfo_at :]
    if _sha256(metainfo) != head.metainfo_sha256:
        raise BrokenFile("it is damaged: the checksum of the metainfo does not match")
    return replace(head.stored, intent=replace(head.stored.intent, metainfo=metainfo))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
