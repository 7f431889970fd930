"""Small operations on trees that an archive may have shaped: no recursion, no link is ever followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Node:
    """An entry of a tree: its path relative to the root, and what `lstat` says of it."""

    path: str
    facts: os.stat_result

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.facts.st_mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.facts.st_mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.facts.st_mode)


def walk(root: Path) -> Iterator[Node]:
    """Yield every entry below a directory, parents first, names sorted. Raises OSError."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(root / folder) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            path = f"{folder}/{name}" if folder else name
            node = Node(path, (root / path).lstat())
            yield node
            if node.is_directory:
                waiting.append(path)


def measure(root: Path) -> tuple[int, int]:
    """Return how many entries a tree has and how many bytes their files say they have, while others change it."""
    entries = size = 0
    waiting = [os.fspath(root)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as listing:
            for entry in listing:
                entries += 1
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    with suppress(OSError):
                        size += entry.stat(follow_symlinks=False).st_size
    return entries, size


def paths(root: Path) -> Iterator[str]:
    """Yield the path of every entry below a directory, in no order, without looking at the entries. Raises OSError."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                yield path
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)


def remove_tree(root: Path) -> None:
    """Remove a directory and all in it, however deep it is; an absent one is no error. Raises OSError."""
    if not root.is_symlink() and root.is_dir():
        serial = 0
        while inner := _remove_files(root):
            # Grandchildren move up, so that no path ever becomes long.
            for directory in inner:
                for child in _remove_files(directory):
                    serial += 1
                    # To move a directory is to write into it.
                    with suppress(OSError):
                        child.chmod(0o700)
                    child.rename(root / f"{serial}.{os.urandom(8).hex()}")
                directory.rmdir()
        root.rmdir()
    else:
        root.unlink(missing_ok=True)


def _remove_files(directory: Path) -> list[Path]:
    """Remove all but the directories, which are returned."""
    with suppress(OSError):
        directory.chmod(0o700)
    inner = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                inner.append(Path(entry.path))
            else:
                os.unlink(entry.path)  # noqa: PTH108 - millions of entries, no need of a Path for each
    return inner
