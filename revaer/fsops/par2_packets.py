"""What PAR2 files say of the files they protect: their names, sizes and MD5 digests."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from revaer.fsops.archives.errors import BadArchive, UnsafeMember
from revaer.fsops.archives.names import MemberNames, member_path
from revaer.fsops.archives.sources import CHUNK, Source

_MAGIC: Final = b"PAR2\0PKT"
_HEADER: Final = struct.Struct("<8sQ16s16s16s")
_FILE: Final = b"PAR 2.0\0FileDesc"
_MAIN: Final = b"PAR 2.0\0Main\0\0\0\0"
_FILE_BODY: Final = struct.Struct("<16s16s16sQ")
_MAIN_BODY: Final = struct.Struct("<QL")
_MAX_BODY: Final = 1 << 20
_MAX_FILES: Final = 32_768


@dataclass(frozen=True, slots=True)
class Protected:
    """A file that a set protects: its path relative to the set's directory, its bytes, and its MD5 digest."""

    path: str
    size: int
    md5: bytes


@dataclass(frozen=True, slots=True)
class _Packet:
    """A packet that describes; the ones with recovery data are only passed over."""

    set_id: bytes
    kind: bytes
    body: bytes


def read_protected(root: Path, files: Sequence[str], poll: Callable[[], None]) -> tuple[Protected, ...]:
    """Return the files that a set protects, sorted by path.

    Args:
        root: The directory to which the paths are relative.
        files: The set's own files; each alone may tell all.
        poll: Called often; what it raises ends the reading.

    Raises:
        BadArchive: none of them tells it all, or what they tell is contradictory.
        UnsafeMember: a protected file would lie outside.
        OSError: one cannot be read.
    """
    described: dict[bytes, Protected] = {}
    wanted: set[bytes] = set()
    set_id: bytes | None = None
    for path in files:
        for packet in _packets(root, path, poll):
            set_id = set_id or packet.set_id
            if packet.set_id != set_id:
                continue
            if packet.kind == _FILE:
                _describe(packet.body, described)
            else:
                wanted |= _file_ids(packet.body)
            if len(wanted) > _MAX_FILES:
                raise BadArchive(f"the PAR2 set protects more than {_MAX_FILES} files", path=path)
        if wanted and wanted <= described.keys():
            return _checked([described[each] for each in wanted])
    raise BadArchive("the PAR2 set is damaged: it does not describe all files that it protects", path=files[0])


def _packets(root: Path, path: str, poll: Callable[[], None]) -> Iterator[_Packet]:
    with Source(root, [path]) as source:
        search = _Search(source)
        place = 0
        while place + _HEADER.size <= source.size:
            poll()
            magic, length, digest, set_id, kind = _HEADER.unpack(_read(source, place, _HEADER.size))
            if magic != _MAGIC or length < _HEADER.size or length % 4:
                place = search.next_magic(place + 1, poll)
                continue
            if kind in {_FILE, _MAIN} and length <= _MAX_BODY:
                body = _read(source, place + _HEADER.size, length - _HEADER.size)
                if hashlib.md5(set_id + kind + body, usedforsecurity=False).digest() == digest:
                    yield _Packet(set_id, kind, body)
            place += length


def _read(source: Source, place: int, size: int) -> bytes:
    source.seek(place)
    return source.read(size)


class _Search:
    """Finds where packets begin after damage. Goes only forward, and reads nothing twice, whatever lies there."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._start = 0
        self._piece = b""

    def next_magic(self, place: int, poll: Callable[[], None]) -> int:
        """Where the next packet begins; the end when there is none."""
        while place < self._source.size:
            found = self._piece.find(_MAGIC, place - self._start)
            if found >= 0:
                return self._start + found
            place = max(place, self._start + len(self._piece) - len(_MAGIC) + 1)
            poll()
            self._start, self._piece = place, _read(self._source, place, CHUNK)
            if len(self._piece) < len(_MAGIC):
                break
        return self._source.size


def _describe(body: bytes, described: dict[bytes, Protected]) -> None:
    if len(body) <= _FILE_BODY.size or len(described) >= _MAX_FILES:
        return
    identity, md5, _, size = _FILE_BODY.unpack_from(body)
    name = body[_FILE_BODY.size :].rstrip(b"\0").decode(errors="surrogateescape")
    described[identity] = Protected(name, size, md5)


def _file_ids(body: bytes) -> set[bytes]:
    if len(body) < _MAIN_BODY.size:
        return set()
    _, count = _MAIN_BODY.unpack_from(body)
    ids = body[_MAIN_BODY.size : _MAIN_BODY.size + 16 * min(count, _MAX_FILES)]
    return {ids[place : place + 16] for place in range(0, len(ids) - 15, 16)}


def _checked(files: list[Protected]) -> tuple[Protected, ...]:
    names = MemberNames()
    checked = []
    for file in files:
        path = member_path(file.path)
        if not path:
            raise UnsafeMember("a protected file has no name")
        names.add(path, directory=False)
        checked.append(Protected(os.fspath(path), file.size, file.md5))
    return tuple(sorted(checked, key=lambda file: file.path))
