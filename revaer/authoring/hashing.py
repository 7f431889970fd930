"""Hashing the payload share by share. Blocks; belongs into worker threads, several at a time."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from revaer.authoring.merkle import LEAF, merkle_root
from revaer.authoring.messages import Format, SourceChanged, SourceRefused, WorkAbandoned
from revaer.authoring.pieces import Share, Span, aligned_shares, gapless_shares
from revaer.authoring.survey import ROOT, FoundFile, Stamp, Survey
from revaer.confined import opened_directory, opened_file, what_is_wrong

READ_BYTES: Final = 1024 * 1024
"""How much is read at once: a multiple of a leaf. Between two reads it is asked whether to stop."""

_NOTHING: Final = bytes(64 * 1024)


@dataclass(frozen=True, slots=True)
class SpanHashes:
    """What was found over a stretch of a file that begins at a piece boundary.

    Attributes:
        span: the stretch.
        nodes: the root of each piece's hash tree; of a file of one piece the root of the file.
        pieces: SHA-1 of each piece; empty unless the torrent is a hybrid.
    """

    span: Span
    nodes: tuple[bytes, ...]
    pieces: bytes


@dataclass(frozen=True, slots=True)
class Work:
    """What all shares of a torrent have in common.

    Attributes:
        found: the files.
        format: what is hashed for.
        piece_length: in bytes.
        is_abandoned: asked often whether to stop.
    """

    found: Survey
    format: Format
    piece_length: int
    is_abandoned: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class HashedShare:
    """A share with what was found over it, and how many bytes it has."""

    share: Share
    result: bytes | tuple[SpanHashes, ...]
    length: int


class Shares:
    """Cuts a payload, however many files it has, in the workers that hash it.

    Args:
        work: what is hashed.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._is_gapless = work.format is Format.V1
        self._cut = self._cutting()
        self._cutter = threading.Lock()

    def hash_next(self) -> HashedShare | None:
        """Hash a share that nobody has taken; None when there is none. Blocks. Raises: as `hash_gapless`."""
        with self._cutter:
            share = next(self._cut, None)
        if share is None:
            return None
        result = hash_gapless(self._work, share) if self._is_gapless else hash_aligned(self._work, share)
        return HashedShare(share, result, share.length)

    def _cutting(self) -> Iterator[Share]:
        sizes = [file.size for file in self._work.found.files]
        yield from (gapless_shares if self._is_gapless else aligned_shares)(sizes, self._work.piece_length)


def hash_gapless(work: Work, share: Share) -> bytes:
    """Return the SHA-1 of each piece of files that lie end to end.

    Raises:
        SourceChanged: a file is not what it was.
        SourceRefused: a file cannot be read.
        WorkAbandoned: it was to stop.
    """
    pieces: list[bytes] = []
    hasher, room = _sha1(), work.piece_length
    for span in share.spans:
        for data in _read(work, span):
            at = 0
            while at < len(data):
                taken = data[at : at + room]
                hasher.update(taken)
                at, room = at + len(taken), room - len(taken)
                if not room:
                    pieces.append(hasher.digest())
                    hasher, room = _sha1(), work.piece_length
    if room < work.piece_length:
        pieces.append(hasher.digest())
    return b"".join(pieces)


def hash_aligned(work: Work, share: Share) -> tuple[SpanHashes, ...]:
    """Return the hashes of files that each begin at a piece boundary. Raises: as `hash_gapless`."""
    return tuple(_hash_span(work, span) for span in share.spans)


def _hash_span(work: Work, span: Span) -> SpanHashes:
    file = work.found.files[span.file]
    is_one_piece = file.size <= work.piece_length
    is_last_file = span.file == len(work.found.files) - 1
    leaves: list[bytes] = []
    nodes: list[bytes] = []
    pieces: list[bytes] = []
    hasher, held = _sha1(), 0
    for data in _read(work, span):
        leaves += [hashlib.sha256(data[at : at + LEAF]).digest() for at in range(0, len(data), LEAF)]
        if work.format is Format.HYBRID:
            hasher, held = _add(hasher, held, data, work.piece_length, pieces)
        per_piece = work.piece_length // LEAF
        while not is_one_piece and len(leaves) >= per_piece:
            nodes.append(merkle_root(leaves[:per_piece]))
            del leaves[:per_piece]
    if leaves:
        nodes.append(merkle_root(leaves, width=None if is_one_piece else work.piece_length // LEAF))
    if held:
        # A hybrid's files are filled up to the next piece boundary, but for the last one.
        pieces.append((hasher if is_last_file else _filled(hasher, work.piece_length - held)).digest())
    return SpanHashes(span, tuple(nodes), b"".join(pieces))


def _add(hasher: Any, held: int, data: memoryview, piece_length: int, pieces: list[bytes]) -> tuple[Any, int]:
    """Add data to the piece that is under way; return the piece that is under way then, and what it holds."""
    at = 0
    while at < len(data):
        taken = data[at : at + piece_length - held]
        hasher.update(taken)
        at, held = at + len(taken), held + len(taken)
        if held == piece_length:
            pieces.append(hasher.digest())
            hasher, held = _sha1(), 0
    return hasher, held


def _filled(hasher: Any, missing: int) -> Any:
    while missing:
        taken = min(missing, len(_NOTHING))
        hasher.update(memoryview(_NOTHING)[:taken])
        missing -= taken
    return hasher


def _read(work: Work, span: Span) -> Iterator[memoryview]:
    """Read a stretch of a file, a whole number of leaves at a time but for the last."""
    found, file = work.found, work.found.files[span.file]
    place = found.location(file)
    try:
        with opened_directory(found.directory) as directory, opened_file(directory, file.path) as handle:
            _check(handle, file, place)
            room = memoryview(bytearray(min(READ_BYTES, span.length)))
            for at in range(span.offset, span.offset + span.length, READ_BYTES):
                if work.is_abandoned():
                    raise WorkAbandoned
                part = room[: min(READ_BYTES, span.offset + span.length - at)]
                _fill(handle, part, at, place)
                yield part
            _check(handle, file, place)
    except FileNotFoundError as error:
        raise SourceChanged(place, "went away") from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise SourceChanged(place, "changed") from error  # it was a file, below directories
        raise SourceRefused(ROOT, what_is_wrong(error), path=place) from error


def _fill(handle: int, part: memoryview, offset: int, place: str) -> None:
    filled = 0
    while filled < len(part):
        got = os.preadv(handle, [part[filled:]], offset + filled)
        if not got:
            raise SourceChanged(place, "became shorter")
        filled += got


def _check(handle: int, file: FoundFile, place: str) -> None:
    if Stamp.of(os.fstat(handle)) != file.stamp:
        raise SourceChanged(place, "changed")


def _sha1() -> Any:
    return hashlib.sha1(usedforsecurity=False)
