"""A wake source: how threads that know nothing of trio wake a task."""

import contextlib
import socket
from types import TracebackType
from typing import Self

import trio


class WakeSource:
    """A socket pair whose write end may be given to foreign threads.

    Wakes coalesce: any number of them before a `wait` count as one. Drain, then look for work: whatever was
    signalled before `wait` returned is visible after it.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the write end, non-blocking; writing any byte to it wakes the waiter."""
        return self._writer.fileno()

    def wake(self) -> None:
        """Wake the waiter, from any thread; never blocks, and does nothing after `close`."""
        # A full buffer means that a wake is pending already; a closed socket, that nobody waits any more.
        with contextlib.suppress(OSError):
            self._writer.send(b"\0")

    async def wait(self) -> None:
        """Wait until someone wakes, and take all pending wakes at once.

        Raises:
            trio.ClosedResourceError: the source was closed meanwhile.
        """
        await trio.lowlevel.wait_readable(self._reader)
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass

    def close(self) -> None:
        """Close both ends, on the trio thread; take the descriptor away from foreign threads before."""
        trio.lowlevel.notify_closing(self._reader)
        self._reader.close()
        self._writer.close()
