"""The resume directory as a port, so that tests can make every step of it fail."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol, TypeVar

import trio

T = TypeVar("T")

ANSWER: Final = 5.0
"""Seconds that a disk may take while changes of intents wait for it."""


class Disk(Protocol):
    """One directory tree. Names are relative to its root. Every method may raise OSError and may block."""

    def make(self, directory: str) -> None:
        """Make a directory with its parents; "" is the root. An existing one is fine."""

    def names(self, directory: str = "") -> list[str]:
        """Return the names in a directory, in no order."""

    def head(self, name: str, length: int) -> tuple[bytes, int]:
        """Return the first bytes of a file, at most `length`, and the size of the whole file."""

    def read(self, name: str) -> bytes:
        """Return the contents of a file."""

    def create(self, name: str) -> int:
        """Make a new file, which must not exist, and return a descriptor for writing."""

    def write(self, descriptor: int, content: bytes) -> None:
        """Append to a new file."""

    def sync(self, descriptor: int) -> None:
        """Return when the contents of a new file are durable."""

    def close(self, descriptor: int) -> None:
        """Close a new file."""

    def replace(self, source: str, target: str) -> None:
        """Give a file another name, in place of a file that has it."""

    def remove(self, name: str) -> None:
        """Delete a file; a missing one is fine."""

    def sync_directory(self, directory: str = "") -> None:
        """Return when the names in a directory are durable."""


class Lane(Protocol):
    """Where calls of a disk run, away from the event loop."""

    async def run(self, fn: Callable[..., T], *args: object) -> T:
        """Call `fn(*args)` and return what it returns."""
        ...


async def promptly(lane: Lane, fn: Callable[..., T], *args: object) -> T:
    """Call `fn(*args)` in a lane while changes of intents wait.

    Raises:
        TimeoutError: The disk does not answer; the call may still be done some time.
    """
    with trio.move_on_after(ANSWER):
        return await lane.run(fn, *args)
    raise no_answer()


def no_answer() -> TimeoutError:
    """Return the error of a disk that does not answer."""
    return TimeoutError(errno.ETIMEDOUT, "the disk does not answer")


class PosixDisk:
    """The real form of `Disk`.

    Args:
        root: The directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def make(self, directory: str) -> None:
        """Make a directory; see `Disk.make`."""
        (self._root / directory).mkdir(mode=0o700, parents=True, exist_ok=True)

    def names(self, directory: str = "") -> list[str]:
        """Return names; see `Disk.names`."""
        with os.scandir(self._root / directory) as entries:
            return [entry.name for entry in entries]

    def head(self, name: str, length: int) -> tuple[bytes, int]:
        """Return the beginning of a file; see `Disk.head`."""
        descriptor = os.open(f"{self._root}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, length), os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def read(self, name: str) -> bytes:
        """Return a file; see `Disk.read`."""
        descriptor = os.open(f"{self._root}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            # One byte more than expected tells in one call that the end was reached.
            content = os.read(descriptor, size + 1)
            while len(content) < size and (more := os.read(descriptor, size - len(content))):
                content += more
            return content
        finally:
            os.close(descriptor)

    def create(self, name: str) -> int:
        """Make a file; see `Disk.create`."""
        return os.open(f"{self._root}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, descriptor: int, content: bytes) -> None:
        """Append to a file; see `Disk.write`."""
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if hasattr(os, "posix_fadvise"):
            # Lets the system begin to write at once: the sync that follows, of many files, waits for one round then.
            with suppress(OSError):
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def sync(self, descriptor: int) -> None:
        """Make contents durable; see `Disk.sync`."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a file; see `Disk.close`."""
        os.close(descriptor)

    def replace(self, source: str, target: str) -> None:
        """Rename a file; see `Disk.replace`."""
        (self._root / source).replace(self._root / target)

    def remove(self, name: str) -> None:
        """Delete a file; see `Disk.remove`."""
        (self._root / name).unlink(missing_ok=True)

    def sync_directory(self, directory: str = "") -> None:
        """Make names durable; see `Disk.sync_directory`."""
        descriptor = os.open(self._root / directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
