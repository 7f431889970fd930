"""Looking at directories and files: what blocks is in `Disk`, `DiskDesk` calls it in a lane and with a deadline.

`Disk` is a port with one real form: tests wrap it to make a disk fail.
"""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trio

from revaer.session.disk_calls import DiskCalls, Lane
from revaer.session.messages import SessionUnavailable

T = TypeVar("T")

RESERVE = 1 << 30
"""Bytes of a volume that downloads leave free."""

RESERVE_SHARE = 20
"""The reserve is at most this part of the volume: a twentieth."""

MAX_REMEMBERED = 512
"""How many good directories are remembered."""

PORTION = 256
"""How many files are looked at between two looks whether somebody still waits for the answer."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at a directory.

    Attributes:
        number: the system's error number when it cannot be used, else 0.
        reason: what the system said, empty when it can be used.
        identity: device and inode, None when it is not there.
        free: bytes that can be written before the reserve of the volume is touched, 0 when unknown.
    """

    number: int = 0
    reason: str = ""
    identity: tuple[int, int] | None = None
    free: int = 0

    @property
    def is_missing(self) -> bool:
        """Whether there is no such directory."""
        return self.identity is None

    @property
    def is_usable(self) -> bool:
        """Whether it is there and can be written."""
        return self.number == 0


class Disk:
    """The real file system."""

    def prepare(self, directory: str) -> Look:
        """Make a directory and its parents when they are missing, and look whether it can be written."""
        try:
            Path(directory).mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            return Look(_number(error), _reason(error))
        return self.look(directory)

    def look(self, directory: str) -> Look:
        """Tell whether a directory is there and can be written; leaves nothing behind in it."""
        identity = self.identify(directory)
        if identity is None:
            return Look(errno.ENOENT, os.strerror(errno.ENOENT))
        try:
            free = _free(directory)
            with tempfile.TemporaryFile(dir=directory):
                return Look(identity=identity, free=free)
        except (OSError, ValueError) as error:
            return Look(_number(error), _reason(error), identity)

    def identify(self, directory: str) -> tuple[int, int] | None:
        """Return device and inode of a directory, None when it is not there."""
        try:
            status = Path(directory).stat()
            return (status.st_dev, status.st_ino) if Path(directory).is_dir() else None
        except (OSError, ValueError):
            return None

    def room(self, directory: str) -> int | None:
        """Return the bytes that can be written before the volume's reserve is touched, None when it cannot be told."""
        try:
            return _free(directory)
        except (OSError, ValueError):
            return None

    def first_missing(self, paths: Sequence[tuple[str, int]]) -> str | None:
        """Return the first path that is no file of at least the size beside it, None when all are."""
        for path, size in paths:
            try:
                if os.stat(path).st_size < size:  # noqa: PTH116  # ten thousand of these are on the way of a start
                    return path
            except (OSError, ValueError):
                return path
        return None


class _Looking:
    """A look that is under way; without a find when its asker left."""

    def __init__(self) -> None:
        self.ended = trio.Event()
        self.found: Look | None = None


class DiskDesk:
    """Looks at the disk without holding up the loop.

    Args:
        disk: what looks.
        lane: where it looks.
        within: seconds one look may take; a mount that hangs is a disk that fails.
        remember: seconds for which a directory that was good is not prepared again.
    """

    def __init__(self, disk: Disk, lane: Lane, *, within: float, remember: float) -> None:
        self._disk = disk
        self._calls = DiskCalls(lane, within=within)
        self._remember = remember
        self._good: dict[str, float] = {}
        self._looking: dict[str, _Looking] = {}

    async def prepare(self, directory: str) -> Look:
        """Make a directory when it is missing, and look whether it can be written."""
        if self._good.get(directory, 0.0) > trio.current_time():
            return Look(identity=(0, 0))
        look = await self._look(self._disk.prepare, directory)
        if look.is_usable:
            if len(self._good) >= MAX_REMEMBERED:
                self._good.clear()
            self._good[directory] = trio.current_time() + self._remember
        return look

    async def look(self, directory: str) -> Look:
        """Look whether a directory is there and can be written. Those who ask at the same time share one look."""
        while (other := self._looking.get(directory)) is not None:
            await other.ended.wait()
            if other.found is not None:
                return other.found
        mine = self._looking[directory] = _Looking()
        try:
            mine.found = await self._look(self._disk.look, directory)
            return mine.found
        finally:
            del self._looking[directory]
            mine.ended.set()

    async def identify(self, directories: Sequence[str]) -> dict[str, tuple[int, int] | None]:
        """Return device and inode of each directory, None when it is not there; silent ones are left out."""
        found = await self._calls.each(self._disk.identify, directories)
        for directory, identity in found.items():
            if identity is not None:
                self._calls.know(directory, identity)
        return found

    async def room(self, directories: Sequence[str]) -> dict[str, int | None]:
        """Return for each directory the bytes above the reserve of its volume, None where that cannot be told; silent
        ones are left out."""
        return await self._calls.each(self._disk.room, directories)

    async def first_missing(self, paths: Callable[[], Sequence[tuple[str, int]]], *, at: str) -> str | None:
        """Return the first file that is missing or too short, None when none is.

        Args:
            paths: makes the list of files and their least sizes; called beside the loop.
            at: the directory that they are below.

        Raises:
            SessionUnavailable: the disk does not answer.
        """
        given_up = threading.Event()
        try:
            return await self.run(self._first_missing, paths, given_up.is_set, at=at)
        finally:
            given_up.set()

    def _first_missing(
        self, paths: Callable[[], Sequence[tuple[str, int]]], is_given_up: Callable[[], bool]
    ) -> str | None:
        every = paths()
        for start in range(0, len(every), PORTION):
            if is_given_up():
                break
            if (missing := self._disk.first_missing(every[start : start + PORTION])) is not None:
                return missing
        return None

    async def _look(self, look: Callable[[str], Look], directory: str) -> Look:
        try:
            found = await self.run(look, directory, at=directory)
        except SessionUnavailable as error:
            return Look(errno.EIO, error.reason, (0, 0))
        if found.identity is not None:
            self._calls.know(directory, found.identity)
        return found

    async def run(self, fn: Callable[..., T], *args: object, at: str) -> T:
        """Run a look of another kind, at or below `at`. Raises SessionUnavailable when the disk does not answer."""
        return await self._calls.run(fn, *args, at=at)


def reserve_of(total: int) -> int:
    """Return how many bytes stay free of a volume of `total` bytes: 1 GiB, and at most a twentieth of it."""
    return min(RESERVE, total // RESERVE_SHARE)


def _free(directory: str) -> int:
    """Return the bytes above the reserve; negative when it is touched."""
    figures = os.statvfs(directory)
    return (figures.f_bavail * figures.f_frsize) - reserve_of(figures.f_blocks * figures.f_frsize)


def _number(error: OSError | ValueError) -> int:
    return (error.errno or errno.EIO) if isinstance(error, OSError) else errno.EINVAL


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
