"""Which pieces are whole on disk: hashes what a record does not claim, for a start after an unclean stop.

Plain blocking code for a worker thread. What cannot be read counts as missing, holes of sparse files are passed over.
"""

from __future__ import annotations

import hashlib
import os
import stat
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from revaer.bencode import Value, decode
from revaer.session.file_list import v2_layout
from revaer.session.merkle import LEAF, merkle_root
from revaer.session.metainfo import parse_metainfo
from revaer.session.port import FileEntry, Metainfo
from revaer.session.torrent import payload_path

CHUNK = 1024 * 1024
"""Bytes read at once."""

_ZEROS = bytes(CHUNK)


def whole_pieces(
    metainfo: bytes, download_dir: str, claimed: Sequence[bool], *, is_cancelled: Callable[[], bool] = lambda: False
) -> list[bool]:
    """Return one flag per piece: those of `claimed`, and every other piece that is whole on disk.

    Args:
        metainfo: the `.torrent` bytes.
        download_dir: where the payload is.
        claimed: one flag per piece that need not be looked at; what is missing at its end counts as not claimed.
        is_cancelled: asked before each piece; when true, the rest is not looked at.

    Raises:
        InvalidMetainfo: the metainfo cannot be used.
    """
    parsed = parse_metainfo(metainfo)
    have = [*claimed[: parsed.pieces], *[False] * (parsed.pieces - len(claimed))]
    with _Payload(parsed, download_dir) as payload:
        check = _checker(metainfo, parsed, payload)
        for piece, known in enumerate(have):
            if is_cancelled():
                break
            if not known:
                have[piece] = check(piece)
    return have


def _checker(metainfo: bytes, parsed: Metainfo, payload: _Payload) -> Callable[[int], bool]:
    document = decode(metainfo)
    assert isinstance(document, dict), "parsed before"
    info = document[b"info"]
    assert isinstance(info, dict), "parsed before"
    hashes = info.get(b"pieces")
    if isinstance(hashes, bytes):
        return _Version1(parsed, hashes, payload).is_whole
    layers = document.get(b"piece layers")
    return _Version2(parsed, info, layers if isinstance(layers, dict) else {}, payload).is_whole


@dataclass(frozen=True, slots=True)
class _Version1:
    parsed: Metainfo
    hashes: bytes
    payload: _Payload

    def is_whole(self, piece: int) -> bool:
        start = piece * self.parsed.piece_length
        spans = self.payload.spans(start, min(start + self.parsed.piece_length, self.payload.length))
        if spans is None:
            return False
        digest = hashlib.sha1(usedforsecurity=False)
        for part in self.payload.read(spans):
            if part is None:
                return False
            digest.update(part)
        return digest.digest() == self.hashes[20 * piece : 20 * piece + 20]


class _Version2:
    """Hashes of a torrent without a version 1 part: every file begins at a piece of its own."""

    def __init__(
        self, parsed: Metainfo, info: dict[bytes, Value], layers: dict[bytes, Value], payload: _Payload
    ) -> None:
        self._length = parsed.piece_length
        self._payload = payload
        roots = v2_layout(info, parsed.name, parsed.piece_length).roots
        self._expected: dict[int, tuple[bytes, int, int]] = {}
        for file, root in zip(parsed.files, roots, strict=True):
            if not file.pad and file.size:
                self._expect(file, root, layers)

    def _expect(self, file: FileEntry, root: bytes, layers: dict[bytes, Value]) -> None:
        first = file.offset // self._length
        if file.size <= self._length:
            leaves = -(-file.size // LEAF)
            self._expected[first] = (root, file.offset + file.size, 1 << max(0, leaves - 1).bit_length())
            return
        layer = layers.get(root)
        if not isinstance(layer, bytes):
            return
        for at in range(-(-file.size // self._length)):
            end = min(file.offset + file.size, file.offset + (at + 1) * self._length)
            self._expected[first + at] = (layer[32 * at : 32 * at + 32], end, self._length // LEAF)

    def is_whole(self, piece: int) -> bool:
        expected, end, width = self._expected.get(piece, (b"", 0, 0))
        spans = self._payload.spans(piece * self._length, end) if expected else None
        if spans is None:
            return False
        leaves: list[bytes] = []
        for part in self._payload.read(spans):
            if part is None:
                return False
            leaves += [hashlib.sha256(part[at : at + LEAF]).digest() for at in range(0, len(part), LEAF)]
        return merkle_root(leaves, width=width) == expected


@dataclass(frozen=True, slots=True)
class _Span:
    file: FileEntry
    start: int
    length: int


class _Payload:
    """Reads the payload of a torrent by its place in the whole; holds one file open."""

    def __init__(self, parsed: Metainfo, download_dir: str) -> None:
        self._files = [file for file in parsed.files if file.size]
        self._offsets = [file.offset for file in self._files]
        self._directory = download_dir
        self._folder = parsed.name if parsed.multi_file else ""
        self._open: tuple[int, int | None] = (-1, None)
        self.length = self._files[-1].offset + self._files[-1].size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def spans(self, start: int, end: int) -> list[_Span] | None:
        """Return the parts of files between two places, None when one of them is not on disk."""
        spans = []
        index = max(0, bisect_right(self._offsets, start) - 1)
        while start < end:
            file = self._files[index]
            length = min(end, file.offset + file.size) - start
            span = _Span(file, start - file.offset, length)
            if not file.pad and not self._holds(span):
                return None
            spans.append(span)
            start += length
            index += 1
        return spans

    def read(self, spans: Sequence[_Span]) -> Iterator[bytes | None]:
        """Yield the bytes of `spans`, in chunks; None when they cannot be read."""
        for span in spans:
            descriptor = None if span.file.pad else self._descriptor(span.file)
            for at in range(span.start, span.start + span.length, CHUNK):
                size = min(CHUNK, span.start + span.length - at)
                if span.file.pad:
                    yield _ZEROS[:size]
                else:
                    yield _read(descriptor, at, size)

    def _holds(self, span: _Span) -> bool:
        """Tell whether the file is long enough and has data in this part."""
        descriptor = self._descriptor(span.file)
        if descriptor is None:
            return False
        try:
            if os.fstat(descriptor).st_size < span.start + span.length:
                return False
            return os.lseek(descriptor, span.start, os.SEEK_DATA) < span.start + span.length
        except OSError:
            return False

    def _descriptor(self, file: FileEntry) -> int | None:
        if self._open[0] != file.index:
            self._close()
            self._open = (file.index, _open(payload_path(self._directory, self._folder, file)))
        return self._open[1]

    def _close(self) -> None:
        if self._open[1] is not None:
            os.close(self._open[1])
        self._open = (-1, None)


def _open(path: str) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def _read(descriptor: int | None, at: int, size: int) -> bytes | None:
    if descriptor is None:
        return None
    parts: list[bytes] = []
    missing = size
    try:
        while missing and (part := os.pread(descriptor, missing, at + size - missing)):
            parts.append(part)
            missing -= len(part)
    except OSError:
        return None
    return None if missing else b"".join(parts)
