"""Disks that stop the world, or fail, at a chosen operation."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from revaer.fsops.disk import Disk, StrPath


class Crash(BaseException):
    """The power went, or the process was killed."""


class FaultyDisk(Disk):
    """A disk that counts what changes it.

    Args:
        strike: Called before each operation with its number, from 0, and its name; what it raises happens instead.
        torn: Whether a write that is struck leaves half of its bytes.
    """

    def __init__(self, strike: Callable[[int, str], None] = lambda _number, _name: None, *, torn: bool = False) -> None:
        self.count = 0
        self.names: list[str] = []
        self._strike = strike
        self._torn = torn

    def _before(self, name: str, torn: Callable[[], object] = lambda: None) -> None:
        number, self.count = self.count, self.count + 1
        self.names.append(name)
        try:
            self._strike(number, name)
        except BaseException:
            if self._torn:
                torn()
            raise

    def mkdir(self, path: Path, mode: int = 0o777) -> None:
        self._before("mkdir")
        super().mkdir(path, mode)

    def create(self, path: StrPath, mode: int) -> int:
        self._before("create")
        return super().create(path, mode)

    def write(self, descriptor: int, content: bytes) -> None:
        half = content[: len(content) // 2]
        self._before("write", lambda: super(FaultyDisk, self).write(descriptor, half))
        super().write(descriptor, content)

    def copy(self, source: int, target: int, offset: int, count: int) -> int:
        self._before("copy", lambda: super(FaultyDisk, self).copy(source, target, offset, max(1, count // 2)))
        return super().copy(source, target, offset, count)

    def clone(self, source: int, target: int) -> None:
        self._before("clone")
        super().clone(source, target)

    def link(self, source: StrPath, target: StrPath) -> None:
        self._before("link")
        super().link(source, target)

    def rename(self, source: StrPath, target: StrPath) -> None:
        self._before("rename")
        super().rename(source, target)

    def rename_new(self, source: Path, target: Path) -> None:
        self._before("rename_new")
        super().rename_new(source, target)

    def exchange(self, one: Path, other: Path) -> None:
        self._before("exchange")
        super().exchange(one, other)

    def unlink(self, path: StrPath) -> None:
        self._before("unlink")
        super().unlink(path)

    def remove_tree(self, path: Path) -> None:
        self._before("remove_tree", lambda: _remove_half(path))
        super().remove_tree(path)

    def rmdir(self, path: Path) -> None:
        self._before("rmdir")
        super().rmdir(path)

    def chmod(self, path: Path, mode: int) -> None:
        self._before("chmod")
        super().chmod(path, mode)

    def chown(self, path: Path, uid: int, gid: int) -> None:
        self._before("chown")
        super().chown(path, uid, gid)

    def set_mtime(self, descriptor: int, mtime_ns: int) -> None:
        self._before("set_mtime")
        super().set_mtime(descriptor, mtime_ns)

    def sync(self, descriptor: int) -> None:
        self._before("sync")

    def sync_path(self, path: StrPath, *, directory: bool) -> None:
        self._before("sync_path")

    def sync_volume(self, directory: Path) -> None:
        self._before("sync_volume")


def _remove_half(path: Path) -> None:
    """Remove every other file of a tree."""
    for folder, _, names in os.walk(path):
        for name in sorted(names)[::2]:
            Path(folder, name).unlink()


class SmallDisk(FaultyDisk):
    """A disk on which so many bytes are free, whatever is written."""

    TOTAL: ClassVar[int] = 100_000

    def __init__(
        self,
        free: int,
        strike: Callable[[int, str], None] = lambda _number, _name: None,
        *,
        total: int = TOTAL,
    ) -> None:
        super().__init__(strike)
        self._space = (free, total)

    def space(self, directory: Path) -> tuple[int, int]:
        return self._space


def crash_at(number: int) -> Callable[[int, str], None]:
    """Stop the world at an operation; nothing happens after it, whatever cleans up on the way out."""

    def strike(current: int, _name: str) -> None:
        if current >= number:
            raise Crash

    return strike


def fail_at(number: int, code: int = errno.ENOSPC, *, lasting: bool = False) -> Callable[[int, str], None]:
    """Let one operation fail, or with `lasting` all that bring bytes to the disk from then on."""
    growing = {"mkdir", "create", "write", "copy", "link", "sync", "sync_path", "sync_volume"}

    def strike(current: int, name: str) -> None:
        if current == number or (lasting and current > number and name in growing):
            raise OSError(code, os.strerror(code))

    return strike


def fail_call(name: str, code: int) -> Callable[[int, str], None]:
    """Let every call of one name fail."""

    def strike(_number: int, current: str) -> None:
        if current == name:
            raise OSError(code, os.strerror(code))

    return strike


def strike_all(*strikes: Callable[[int, str], None]) -> Callable[[int, str], None]:
    """Let several strikes happen."""

    def strike(number: int, name: str) -> None:
        for each in strikes:
            each(number, name)

    return strike
