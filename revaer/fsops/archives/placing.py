"""Where what came out of an archive goes: beside the archive, or into a directory of its own when names collide."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from revaer.fsops.archives.errors import BadArchive, UnsafeMember, shown
from revaer.fsops.archives.names import MAX_NAME_BYTES, MAX_PATH_BYTES, fold
from revaer.fsops.archives.trees import paths, remove_tree

_LONGEST_PATH: Final = 4095
_HEADROOM: Final = MAX_NAME_BYTES + 64
"""Bytes by which a path may become longer on its way into the library: its entry's name, and a number in its own."""


class Placement:
    """A tree into which extracted trees are moved by renames. Knows what it made, to take it away again.

    Args:
        into: The tree's root, a directory.
        beside: Files that will be put into the same tree later, relative to it; their names are taken.
    """

    def __init__(self, into: Path, beside: Iterable[str] = ()) -> None:
        self._into = into
        self._made: list[Path] = []
        self._taken: dict[str, set[str]] = {}
        for path in beside:
            self._take_with_parents(path)

    def place(self, tree: Path, folder: str, stem: str) -> None:
        """Move what is in a tree into a folder, or the tree as a whole, named by the stem, when a name is taken there.

        Args:
            tree: A directory on the same volume; it is gone or empty afterwards.
            folder: Relative to the root; made when absent.
            stem: The name of the directory when one is needed.

        Raises:
            BadArchive: the folder is something else.
            UnsafeMember: a path would become longer than the system takes.
            OSError: the disk refuses.
        """
        target = self._directory(folder)
        taken = {fold(name) for name in os.listdir(target)} | self._taken.get(fold(folder), set())  # noqa: PTH208
        names = sorted(os.listdir(tree))  # noqa: PTH208 - names are what is wanted
        if any(fold(name) in taken for name in names):
            free = _free_name(stem, taken)
            self._check_length(tree, target / free)
            self._move(tree, target / free)
            return
        self._check_length(tree, target)
        for name in names:
            self._move(tree / name, target / name)

    def undo(self) -> None:
        """Remove everything that was placed and made here."""
        while self._made:
            with suppress(OSError):
                remove_tree(self._made.pop())

    def _check_length(self, tree: Path, place: Path) -> None:
        """A rename takes no notice of how long the paths below become, but nobody could use or delete them."""
        root, whole = len(os.fsencode(self._into)), len(os.fsencode(place))
        room = min(MAX_PATH_BYTES + root, _LONGEST_PATH - _HEADROOM) - whole
        for path in paths(tree):
            if len(os.fsencode(path)) > room:
                raise UnsafeMember(f"the path of the member {shown(path)} becomes too long in its directory")

    def _move(self, source: Path, target: Path) -> None:
        source.rename(target)
        self._made.append(target)

    def _directory(self, folder: str) -> Path:
        place = self._into
        for element in folder.split("/") if folder else ():
            place /= element
            try:
                mode = place.lstat().st_mode
            except FileNotFoundError:
                place.mkdir(mode=0o755)
                self._made.append(place)
                continue
            if not stat.S_ISDIR(mode):
                raise BadArchive(f"another archive has a member {shown(element)} where this one has its directory")
        return place

    def _take_with_parents(self, path: str) -> None:
        while path:
            folder, _, name = path.rpartition("/")
            names = self._taken.setdefault(fold(folder), set())
            if fold(name) in names:
                return
            names.add(fold(name))
            path = folder


def _free_name(stem: str, taken: set[str]) -> str:
    name, number = stem, 1
    while fold(name) in taken:
        number += 1
        name = f"{stem} ({number})"
    return name
