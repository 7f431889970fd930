"""The budget of one extraction: bytes, files, ratio, time and free space, shared by all archives of a job."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from revaer.fsops.archives.errors import TooMuch
from revaer.fsops.errors import Cancelled, Transient
from revaer.fsops.types import Limits

_POLL_SECONDS: Final = 0.05


@dataclass(slots=True)
class _Scope:
    """An archive that is being extracted, and what came out of it and of the archives within it."""

    path: str
    packed: int
    extracted: int = 0


class Guard:
    """Counts what is extracted and stops it when it becomes too much, too slow, unwanted, or fills the volume.

    Args:
        limits: How much is allowed.
        volume: A directory on the volume that is written to.
        reserve: Bytes that must stay free there.
        on_progress: Called at most 20 times a second with the bytes extracted so far.
        cancelled: Asked 20 times a second.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        volume: Path,
        reserve: int,
        on_progress: Callable[[int], None],
        cancelled: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.cancelled = cancelled
        self.entries = 0
        self.bytes = 0
        self._volume = volume
        self._reserve = reserve
        self._on_progress = on_progress
        self._clock = clock
        self._deadline = clock() + limits.step_timeout
        self._next_poll = clock()
        self._scopes: list[_Scope] = []

    @contextmanager
    def archive(self, path: str, packed: int) -> Iterator[None]:
        """Count what is extracted within as coming out of this archive too.

        Args:
            path: The archive's path, for errors.
            packed: Bytes of all its volumes.
        """
        self._scopes.append(_Scope(path, max(1, packed)))
        try:
            yield
        finally:
            self._scopes.pop()

    @property
    def seconds_left(self) -> float:
        """Seconds until the step's deadline, at least a tenth."""
        return max(0.1, self._deadline - self._clock())

    @property
    def room(self) -> int:
        """Bytes that may still be extracted."""
        rooms = [int(scope.packed * self.limits.max_ratio) - scope.extracted for scope in self._scopes]
        return max(0, min([self.limits.max_extracted_bytes - self.bytes, *rooms]))

    def entry(self) -> None:
        """Count a member. Raises TooMuch when there are too many."""
        self.entries += 1
        self._check(0, 0)

    def written(self, count: int) -> None:
        """Count bytes that were written, and poll.

        Raises:
            TooMuch: they are too many.
            Cancelled: the job was told to stop.
            Transient: the step takes too long, or the volume fills up.
        """
        self.bytes += count
        for scope in self._scopes:
            scope.extracted += count
        self._check(0, 0)
        if self._clock() >= self._next_poll:
            self.poll()

    def announced(self, count: int, entries: int = 0) -> None:
        """Refuse what an archive says it will become, or what a tool wrote so far, without counting it.

        Args:
            count: Bytes beyond those counted.
            entries: Members beyond those counted.

        Raises:
            TooMuch: it would be too much.
        """
        self._check(count, entries)

    def expect(self, count: int) -> None:
        """Refuse to begin what does not fit on the volume. Raises Transient."""
        if self._free() < self._reserve + count:
            raise Transient(f"there is no room on the volume for {count} more bytes and the reserve")

    def poll(self, more: int = 0) -> None:
        """Look at the clock, the volume and the wish to stop.

        Args:
            more: Bytes that a tool wrote and that are not counted yet, for the progress.

        Raises:
            Cancelled: the job was told to stop.
            Transient: the step takes too long, or the volume fills up.
        """
        now = self._clock()
        self._next_poll = now + _POLL_SECONDS
        if self.cancelled():
            raise Cancelled
        if now >= self._deadline:
            raise Transient(f"extraction took longer than {self.limits.step_timeout} seconds")
        if self._free() < self._reserve:
            raise Transient("the volume's free space fell below the reserve")
        self._on_progress(self.bytes + more)

    def _free(self) -> int:
        facts = os.statvfs(self._volume)
        return facts.f_bavail * facts.f_frsize

    def _check(self, more: int, entries: int) -> None:
        limits = self.limits
        if self.entries + entries > limits.max_files:
            raise TooMuch(f"there are more than {limits.max_files} files in the archives")
        if self.bytes + more > limits.max_extracted_bytes:
            raise TooMuch(f"the archives become more than {limits.max_extracted_bytes} bytes")
        for scope in self._scopes:
            if scope.extracted + more > scope.packed * limits.max_ratio:
                raise TooMuch(f"the archive becomes more than {limits.max_ratio:g} times its size", path=scope.path)
