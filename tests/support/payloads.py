"""Large payloads with their `.torrent`, made in one pass, and an independent look at which pieces are whole on disk."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.torrents import encode, make_torrent, payload, write_files

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Torrent:
    """A torrent whose content the tests know: path below the download directory to size, in payload order."""

    metainfo: bytes
    info_hash: str
    name: str
    piece_length: int
    pieces: tuple[bytes, ...]
    files: Mapping[str, int]

    @property
    def size(self) -> int:
        """The payload in bytes."""
        return sum(self.files.values())

    def announcing(self, tracker: str) -> bytes:
        """The same torrent for clients that are told their tracker by the file."""
        return b"d8:announce" + encode(tracker) + self.metainfo[1:]

    def piece_sizes(self) -> list[int]:
        """The length of every piece."""
        return [min(self.piece_length, self.size - at) for at in range(0, self.size, self.piece_length)]

    def whole_pieces(self, root: Path) -> list[bool]:
        """Hash what is on disk below `root`: which pieces are there and right? A missing file has none."""
        flags: list[bool] = []
        rest = b""
        for chunk in self._content(root):
            rest += chunk
            while len(rest) >= self.piece_length:
                flags.append(self._right(len(flags), rest[: self.piece_length]))
                rest = rest[self.piece_length :]
        if rest:
            flags.append(self._right(len(flags), rest))
        return flags

    def whole_bytes(self, root: Path) -> int:
        """The bytes of the pieces that are whole on disk."""
        return sum(size for size, whole in zip(self.piece_sizes(), self.whole_pieces(root), strict=True) if whole)

    def _right(self, index: int, content: bytes) -> bool:
        return hashlib.sha1(content, usedforsecurity=False).digest() == self.pieces[index]

    def _content(self, root: Path) -> Iterator[bytes]:
        for path, size in self.files.items():
            left = size
            if (root / path).is_file():
                with (root / path).open("rb") as stream:
                    while left and (chunk := stream.read(min(left, self.piece_length))):
                        left -= len(chunk)
                        yield chunk
            while left:
                yield bytes(min(left, self.piece_length))
                left -= min(left, self.piece_length)


def small_torrent(files: Mapping[str, int], *, name: str, seed: int, root: Path, piece_length: int = 16384) -> Torrent:
    """Make a torrent of the files (path below its root to size) and put them below `root` as a seeder has them.

    Give sizes in whole pieces when files may be left out: then no piece spans two files.
    """
    contents = {path: payload(size, seed=seed * 1000 + number) for number, (path, size) in enumerate(files.items())}
    return torrent_of(contents, name=name, root=root, piece_length=piece_length)


def torrent_of(contents: Mapping[str, bytes], *, name: str, root: Path, piece_length: int = 16384) -> Torrent:
    """Make a torrent of these files and put them below `root` as a seeder has them."""
    files = {path: len(content) for path, content in contents.items()}
    metainfo = make_torrent(contents, name=name, piece_length=piece_length)
    write_files(root, contents, name=name)
    everything = b"".join(contents.values())
    pieces = tuple(
        hashlib.sha1(everything[at : at + piece_length], usedforsecurity=False).digest()
        for at in range(0, len(everything), piece_length)
    )
    prefix = "" if list(files) == [name] else f"{name}/"
    return _torrent(metainfo, name, piece_length, pieces, {f"{prefix}{path}": size for path, size in files.items()})


def large_torrent(size: int, *, name: str, seed: int, root: Path, piece_length: int = MIB) -> Torrent:
    """Make a one-file torrent of `size` bytes (whole pieces) and write the file below `root`.

    Every piece differs; only its head is drawn anew, so that a gibibyte costs little.
    """
    source = random.Random(seed)
    body = source.randbytes(piece_length)
    pieces = []
    root.mkdir(parents=True, exist_ok=True)
    with (root / name).open("wb") as stream:
        for _ in range(size // piece_length):
            piece = source.randbytes(64) + body[64:]
            stream.write(piece)
            pieces.append(hashlib.sha1(piece, usedforsecurity=False).digest())
    info = {"name": name, "piece length": piece_length, "length": size, "pieces": b"".join(pieces)}
    return _torrent(encode({"info": info}), name, piece_length, tuple(pieces), {name: size})


def _torrent(metainfo: bytes, name: str, length: int, pieces: tuple[bytes, ...], files: Mapping[str, int]) -> Torrent:
    start = metainfo.index(b"4:infod") + 6
    info = metainfo[start:-1]
    return Torrent(metainfo, hashlib.sha1(info, usedforsecurity=False).hexdigest(), name, length, pieces, files)
