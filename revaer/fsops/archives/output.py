"""Writing one extracted file; a large one while the next piece of it is being decompressed."""

from __future__ import annotations

import errno
import os
import queue
import threading
from collections.abc import Callable
from typing import Final, Self, TypeAlias

from revaer.fsops.archives.sources import CHUNK
from revaer.fsops.disk import start_writing

Piece: TypeAlias = bytes | memoryview
"""Content that nobody changes any more."""

_LARGE: Final = 1 << 22
"""From so many bytes on, a thread of its own is worth it."""

_WAITING: Final = 4
"""How many pieces may wait for that thread."""

_BEHIND: Final = 1 << 23
"""After so many bytes the system is told to bring them to the disk: a sync at the end has little to wait for."""

_NOT_HERE: Final = {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}


class Output:
    """A file that is written from its begin to its end. All of it is written, or an error raised, when it is left.

    Every method may raise OSError, `write` also for an earlier piece.

    Args:
        descriptor: The open file, which stays open.
        size: How many bytes it is said to become.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._position = 0
        self._started = 0
        self._is_large = size >= _LARGE
        self._writer: _Writer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._writer is not None:
            self._writer.end(give_up=kind is not None)

    def write(self, piece: Piece) -> None:
        """Write a piece, now or soon."""
        if self._writer is None and self._is_large:
            self._writer = _Writer(self._put)
        if self._writer is None:
            self._put(piece)
        else:
            self._writer.take(piece)

    def copy(self, source: int, offset: int, count: int) -> int:
        """Let the system copy bytes of another file; return how many were copied, 0 at its end."""
        self._settle()
        try:
            copied = os.copy_file_range(source, self._descriptor, count, offset_src=offset)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            piece = os.pread(source, min(count, CHUNK), offset)
            self._put(piece)
            return len(piece)
        self._went_on(copied)
        return copied

    def skip_to(self, offset: int) -> None:
        """Leave a hole up to an offset."""
        self._settle()
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        self._position = offset

    def end_at(self, size: int) -> None:
        """Give the file its size, should it end with a hole."""
        self._settle()
        os.ftruncate(self._descriptor, size)

    def _settle(self) -> None:
        if self._writer is not None:
            self._writer.wait()

    def _put(self, piece: Piece) -> None:
        write_all(self._descriptor, piece)
        self._went_on(len(piece))

    def _went_on(self, count: int) -> None:
        self._position += count
        if self._position - self._started >= _BEHIND:
            start_writing(self._descriptor, self._started, self._position - self._started)
            self._started = self._position


class _Writer:
    """A thread that writes the pieces that it is given, in order."""

    def __init__(self, put: Callable[[Piece], None]) -> None:
        self._put = put
        self._pieces: queue.Queue[Piece | None] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._given_up = False
        self._thread = threading.Thread(target=self._run, name="extract", daemon=True)
        self._thread.start()

    def take(self, piece: Piece) -> None:
        """Write a piece soon. Raises what became of an earlier one."""
        self._check()
        self._pieces.put(piece)

    def wait(self) -> None:
        """Return when all is written. Raises what was raised."""
        self._pieces.join()
        self._check()

    def end(self, *, give_up: bool) -> None:
        """Return when the thread has ended; with `give_up` what waits is not written, and nothing is raised."""
        self._given_up = give_up
        self._pieces.put(None)
        self._thread.join()
        if not give_up:
            self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (piece := self._pieces.get()) is not None:
            try:
                if self._error is None and not self._given_up:
                    self._put(piece)
            except BaseException as error:  # noqa: BLE001 - raised to whoever writes the next piece
                self._error = error
            finally:
                self._pieces.task_done()


def write_all(target: int, piece: Piece) -> None:
    """Write all of a piece to a descriptor. Raises OSError."""
    written = os.write(target, piece)
    while written < len(piece):
        written += os.write(target, memoryview(piece)[written:])
