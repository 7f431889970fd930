"""SHA-256 of many files on a few threads."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import Final

from revaer.fsops.disk import Disk
from revaer.fsops.errors import Cancelled, Transient, from_os_error
from revaer.fsops.record import Hashed, Stamp
from revaer.fsops.tree import stamp_of

_THREADS: Final = min(4, os.cpu_count() or 1)
_CHUNK: Final = 1 << 20
_LOOK: Final = 0.1
"""Seconds between two looks whether to stop."""


def hash_files(
    disk: Disk,
    root: Path,
    files: Mapping[str, Stamp | None],
    on_bytes: Callable[[int], None],
) -> Generator[tuple[str, Hashed], None, None]:
    """Hash files and yield each as it is done, in no order.

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
    progress = _Progress()
    todo = iter(sorted(files.items()))
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="sha256") as pool:
        pending: set[Future[tuple[str, Hashed]]] = set()
        try:
            while True:
                # Few are handed out at a time, so that 10,000 of them cost no memory and stop at once.
                for path, stamp in islice(todo, 4 * _THREADS - len(pending)):
                    pending.add(pool.submit(_hash_one, disk, root, path, stamp, progress))
                if not pending:
                    break
                done, pending = wait(pending, timeout=_LOOK, return_when=FIRST_COMPLETED)
                on_bytes(progress.take())
                for future in done:
                    yield future.result()
        finally:
            progress.stopped = True
    on_bytes(progress.take())


class _Progress:
    """Bytes hashed by all threads, and whether they are to stop."""

    def __init__(self) -> None:
        self.stopped = False
        self._count = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """Count bytes."""
        with self._lock:
            self._count += count

    def take(self) -> int:
        """Return what was counted since the last call."""
        with self._lock:
            count, self._count = self._count, 0
        return count


def _hash_one(disk: Disk, root: Path, path: str, expected: Stamp | None, progress: _Progress) -> tuple[str, Hashed]:
    try:
        descriptor = disk.open_read(root / path)
        try:
            stamp = stamp_of(os.fstat(descriptor))
            total = _digest(descriptor, progress)
            after = stamp_of(os.fstat(descriptor))
        finally:
            disk.close(descriptor)
    except OSError as error:
        raise from_os_error(error, "read the file", path=path) from error
    if after != stamp or expected not in (None, stamp):
        raise Transient("the file changed while it was processed", path=path)
    return path, Hashed(stamp, total)


def _digest(descriptor: int, progress: _Progress) -> str:
    total = hashlib.sha256()
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    while count := os.readv(descriptor, [view]):
        if progress.stopped:
            raise Cancelled
        total.update(view[:count])
        progress.add(count)
    return total.hexdigest()
