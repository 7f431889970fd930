"""Writing the payload and its `.torrent` in one pass, and looking at what arrived. Blocking: for a worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from revaer import bencode
from revaer.demo.plan import RELEASE, Plan

CHUNK = 1024 * 1024

Checkpoint = Callable[[], None]
"""Called between chunks; may raise to give up."""


@dataclass(frozen=True, slots=True)
class Release:
    """A payload on disk with what is known of it: SHA-256 by path below its folder, and its info dictionary."""

    plan: Plan
    info: bytes
    digests: Mapping[str, str]

    @property
    def info_hash(self) -> str:
        """The v1 info-hash in hexadecimal."""
        return hashlib.sha1(self.info, usedforsecurity=False).hexdigest()

    @property
    def pieces(self) -> int:
        """How many pieces it has."""
        return -(-self.plan.size // self.plan.piece_length)

    def metainfo(self, announce: str | None = None) -> bytes:
        """The `.torrent`, with its tracker when there is one."""
        tracker = b"" if announce is None else b"8:announce" + bencode.encode(announce)
        return b"d" + tracker + b"4:info" + self.info + b"e"


def make_release(plan: Plan, folder: Path, checkpoint: Checkpoint) -> Release:
    """Write every file below `folder` and hash it on the way.

    Raises:
        OSError: the disk refused.
    """
    pieces = _PieceHasher(plan.piece_length)
    digests = {}
    for file in plan.files:
        path = folder / RELEASE / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with path.open("wb") as stream:
            for chunk in content(file.path, file.size):
                checkpoint()
                stream.write(chunk)
                digest.update(chunk)
                pieces.update(chunk)
        digests[file.path] = digest.hexdigest()
    info = bencode.encode(
        {
            "files": [{"length": file.size, "path": file.path.split("/")} for file in plan.files],
            "name": RELEASE,
            "piece length": plan.piece_length,
            "pieces": pieces.finish(),
        }
    )
    return Release(plan, info, digests)


def content(path: str, size: int) -> Iterator[bytes]:
    """The bytes of one file, in chunks: the same at every run, different in every chunk, and incompressible."""
    for number, start in enumerate(range(0, size, CHUNK)):
        yield hashlib.shake_128(f"{path}#{number}".encode()).digest(min(CHUNK, size - start))


class _PieceHasher:
    """Cuts a stream of bytes into pieces and hashes each."""

    def __init__(self, piece_length: int) -> None:
        self._piece_length = piece_length
        self._digests: list[bytes] = []
        self._restart()

    def update(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view:
            part = view[: self._piece_length - self._filled]
            self._current.update(part)
            self._filled += len(part)
            view = view[len(part) :]
            if self._filled == self._piece_length:
                self._finish_piece()

    def finish(self) -> bytes:
        if self._filled:
            self._finish_piece()
        return b"".join(self._digests)

    def _finish_piece(self) -> None:
        self._digests.append(self._current.digest())
        self._restart()

    def _restart(self) -> None:
        self._current = hashlib.sha1(usedforsecurity=False)
        self._filled = 0


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found where the download went; paths below that directory. All empty but `matching` when all is well."""

    matching: tuple[str, ...]
    missing: tuple[str, ...]
    different: tuple[str, ...]
    uninvited: tuple[str, ...]


def inspect_download(release: Release, directory: Path, checkpoint: Checkpoint) -> Findings:
    """Compare every wanted file by SHA-256, and find everything else that lies in the download's directory.

    Raises:
        OSError: a file is there and cannot be read.
    """
    wanted = {f"{RELEASE}/{file.path}": release.digests[file.path] for file in release.plan.wanted}
    present = {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}
    matching: list[str] = []
    different: list[str] = []
    for path in sorted(wanted.keys() & present):
        same = _sha256(directory / path, checkpoint) == wanted[path]
        (matching if same else different).append(path)
    return Findings(
        matching=tuple(matching),
        missing=tuple(sorted(wanted.keys() - present)),
        different=tuple(different),
        uninvited=tuple(sorted(present - wanted.keys())),
    )


def _sha256(path: Path, checkpoint: Checkpoint) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            checkpoint()
            digest.update(chunk)
    return digest.hexdigest()
