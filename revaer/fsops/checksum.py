"""SHA-256 of many files on a few threads."""

from __future__ import annotations

import hashlib
import os
import queue
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeAlias

from revaer.fsops.disk import Disk
from revaer.fsops.errors import Transient, from_os_error
from revaer.fsops.record import Hashed, Stamp
from revaer.fsops.tree import stamp_of

_THREADS: Final = min(4, os.cpu_count() or 1)
_CHUNK: Final = 1 << 20
_LOOK: Final = 0.1
"""Seconds between two looks whether to stop."""

_HAND_OVER: Final = 0.02
"""Seconds after which a thread hands over what it has; to wake the caller for every small file would cost more than
hashing it."""

_Batch: TypeAlias = list[tuple[str, Hashed]]


def hash_files(
    disk: Disk,
    root: Path,
    files: Mapping[str, Stamp | None],
    on_bytes: Callable[[int], None],
) -> Generator[tuple[str, Hashed], None, None]:
    """Hash files and yield each when it is done, in no order.

    Args:
        disk: The disk.
        root: Directory to which the paths are relative.
        files: For each path the stamp that the file must have before and after; None for any.
        on_bytes: Told from this thread, at least every 100 ms, how many bytes were hashed since the last call. What it
            raises ends the work.

    Raises:
        Transient: A file is not what was expected.
        FsOpsError: A file cannot be read.
    """
    threads = min(_THREADS, len(files))
    crew = _Crew(disk, str(root), files)
    if threads:
        with ThreadPoolExecutor(threads, thread_name_prefix="sha256") as pool:
            futures = [pool.submit(crew.work) for _ in range(threads)]
            try:
                yield from _results(crew, threads, on_bytes)
            finally:
                crew.stopped = True
        for future in futures:
            future.result()
    on_bytes(crew.take())


def _results(crew: _Crew, threads: int, on_bytes: Callable[[int], None]) -> Generator[tuple[str, Hashed], None, None]:
    """Yield what the threads hand over until all have ended."""
    while threads:
        try:
            batch = crew.results.get(timeout=_LOOK)
        except queue.Empty:
            batch = []
        on_bytes(crew.take())
        if batch is None:
            threads -= 1
        else:
            yield from batch


class _Tally:
    """What belongs to one thread: its buffer, and how many bytes it has hashed. Nobody else writes to it."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(_CHUNK))
        self.bytes = 0


class _Crew:
    """The threads that hash: what they have to do, what they did, and whether they are to stop.

    Attributes:
        results: What they hand over; None from each at its end.
        stopped: Whether nobody wants any more of it.
    """

    def __init__(self, disk: Disk, root: str, files: Mapping[str, Stamp | None]) -> None:
        self.results: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self.stopped = False
        self._disk = disk
        self._root = root
        self._todo = iter(sorted(files.items()))
        self._tallies: list[_Tally] = []
        self._taken = 0

    def take(self) -> int:
        """Return how many bytes were hashed since the last call."""
        before, self._taken = self._taken, sum(each.bytes for each in self._tallies)
        return self._taken - before

    def work(self) -> None:
        """Hash file after file until none is left. Runs in each thread."""
        tally = _Tally()
        self._tallies.append(tally)
        batch: _Batch = []
        since = time.monotonic()
        try:
            for path, stamp in self._todo:
                hashed = self._hash_one(path, stamp, tally)
                if hashed is None:
                    break
                batch.append((path, hashed))
                if (now := time.monotonic()) - since > _HAND_OVER:
                    self.results.put(batch)
                    batch, since = [], now
        except BaseException:
            self.stopped = True
            raise
        finally:
            self.results.put(batch)
            self.results.put(None)

    def _hash_one(self, path: str, expected: Stamp | None, tally: _Tally) -> Hashed | None:
        """Hash a file; None when it is not wanted any more."""
        try:
            descriptor = self._disk.open_read(f"{self._root}/{path}")
            try:
                stamp = stamp_of(os.fstat(descriptor))
                total = self._digest(descriptor, stamp.size, tally)
                after = stamp_of(os.fstat(descriptor))
            finally:
                self._disk.close(descriptor)
        except OSError as error:
            raise from_os_error(error, "read the file", path=path) from error
        if total is None:
            return None
        if after != stamp or expected not in (None, stamp):
            raise Transient("the file changed while it was processed", path=path)
        return Hashed(stamp, total)

    def _digest(self, descriptor: int, size: int, tally: _Tally) -> str | None:
        total = hashlib.sha256()
        while size > 0 and (count := os.readv(descriptor, [tally.buffer])):
            if self.stopped:
                return None
            total.update(tally.buffer[:count])
            tally.bytes += count
            size -= count
        return total.hexdigest()
