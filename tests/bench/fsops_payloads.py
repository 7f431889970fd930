"""Trees and archives that post-processing is measured with."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from backports import zstd

from revaer.fsops.types import SourceFile

MIB = 1 << 20
BIG_FILES = 4
SMALL_FILES = 10_000
SMALL_BYTES = 8 << 10
PER_FOLDER = 100
PACKED_FILES = 8
LEVEL = 1
SEVENZIP = ("7zz", "7z")


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory, its files, and how many bytes they have."""

    root: Path
    files: tuple[SourceFile, ...]

    @property
    def size(self) -> int:
        """All bytes."""
        return sum(file.size for file in self.files)


def big_tree(root: Path, size: int) -> Tree:
    """A few large files of random bytes."""
    for number in range(BIG_FILES):
        _write(root / f"{number}.mkv", size // BIG_FILES, lambda: os.urandom(MIB))
    return tree_of(root)


def small_tree(root: Path, count: int = SMALL_FILES) -> Tree:
    """Thousands of small files, a hundred in each directory."""
    for number in range(count):
        path = root / f"{number // PER_FOLDER:03}" / f"{number % PER_FOLDER:02}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(SMALL_BYTES))
    return tree_of(root)


def packed_tree(root: Path, size: int) -> Tree:
    """What goes into archives: half of every mebibyte are random bytes, half is text."""
    chance = random.Random(1)
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 10))) for _ in range(4000)]
    text = b" ".join(chance.choices(words, k=MIB))

    def mebibyte() -> bytes:
        begin = chance.randrange(len(text) - MIB // 2)
        return os.urandom(MIB // 2) + text[begin : begin + MIB // 2]

    for number in range(PACKED_FILES):
        _write(root / f"{number}.bin", size // PACKED_FILES, mebibyte)
    return tree_of(root)


def tree_of(root: Path) -> Tree:
    """Describe what is in a directory."""
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    return Tree(root, tuple(SourceFile(str(path.relative_to(root)), path.stat().st_size) for path in paths))


def make_archives(tree: Tree, into: Path) -> dict[str, Path]:
    """Pack a tree in every way that the tools of this machine allow, at the fastest level; archives by their kind."""
    into.mkdir(parents=True)
    made = {kind: into / f"packed.{kind}" for kind in PACKERS if kind != "7z" or sevenzip() is not None}
    for kind, path in made.items():
        PACKERS[kind](tree, path)
    return made


def sevenzip() -> str | None:
    """The name under which 7-Zip is here."""
    return next((name for name in SEVENZIP if shutil.which(name)), None)


def _zip(tree: Tree, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for file in tree.files:
            archive.write(tree.root / file.path, file.path)


def _sevenzip(tree: Tree, path: Path) -> None:
    command: list[str | Path] = [sevenzip() or "7zz", "a", f"-mx{LEVEL}", path, "."]
    subprocess.run(command, cwd=tree.root, check=True, stdout=subprocess.DEVNULL)


def _tar(tree: Tree, path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        _fill(archive, tree)


def _tar_gz(tree: Tree, path: Path) -> None:
    with tarfile.open(path, "w:gz", compresslevel=LEVEL) as archive:
        _fill(archive, tree)


def _tar_zst(tree: Tree, path: Path) -> None:
    with (
        zstd.open(path, "wb", level=LEVEL) as stream,
        tarfile.open(fileobj=cast("IO[bytes]", stream), mode="w|") as archive,
    ):
        _fill(archive, tree)


def _fill(archive: tarfile.TarFile, tree: Tree) -> None:
    for file in tree.files:
        archive.add(tree.root / file.path, file.path)


PACKERS: Mapping[str, Callable[[Tree, Path], None]] = {
    "zip": _zip,
    "7z": _sevenzip,
    "tar": _tar,
    "tar.gz": _tar_gz,
    "tar.zst": _tar_zst,
}
"""How each kind of archive is made."""


def _write(path: Path, size: int, piece: Callable[[], bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        left = size
        while left > 0:
            left -= stream.write(piece()[:left])
