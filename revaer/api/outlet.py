"""The way out of one connection: whole writes, one at a time, that give a client up that takes nothing.

Hypercorn shields its writes and knows nothing of readers that are stuck, and each of its layers costs as much as the
write itself, which counts where hundreds of streams are written to ten times a second.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final, TypeAlias

import trio

from revaer.api.errors import ApiError
from revaer.api.settings import WRITE_STALL_SECONDS

Stream: TypeAlias = trio.SocketStream | trio.SSLStream[trio.SocketStream]

OUTLET: Final = "revaer.outlet"
"""Under this name the state of an ASGI scope has the outlet of its connection."""
SLOWEST_BPS: Final = 4096
"""A client that takes less than this for long counts as one that takes nothing."""
UNSENT_BYTES: Final = 64 * 1024
"""What the system keeps of a stream beyond what the client has room for. Without a bound it keeps megabytes."""
LAST_WORDS_SECONDS: Final = 1.0
_PART: Final = 16 * 1024
_MUCH: Final = 64 * 1024
_ROOM_BYTES: Final = 512 * 1024
_NOTSENT_LOWAT: Final[int | None] = getattr(socket, "TCP_NOTSENT_LOWAT", None)


class StuckReader(ApiError):
    """The client has taken nothing for too long.

    Attributes:
        is_whole: whether what was being written left this process in whole after all, so that more could follow.
    """

    def __init__(self, *, is_whole: bool) -> None:
        super().__init__(f"the client took nothing for {WRITE_STALL_SECONDS:g} s")
        self.is_whole = is_whole


class Outlet:
    """Writes to one connection.

    Args:
        stream: the connection, which others read from, close, and never write to.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._socket = stream.socket if isinstance(stream, trio.SocketStream) else stream.transport_stream.socket
        self._is_plain = isinstance(stream, trio.SocketStream)
        self._lock = trio.Lock()
        self._is_torn = False
        self._is_late = False
        self._deadline = 0.0

    def bound(self) -> None:
        """Have the system keep little of what the client does not take: for streams."""
        self._set(socket.IPPROTO_TCP, _NOTSENT_LOWAT, UNSENT_BYTES)

    async def write(self, data: bytes) -> None:
        """Write all of it. Does not yield to other tasks when it is little and the system takes it at once.

        Raises:
            trio.BrokenResourceError, trio.ClosedResourceError: the connection is over.
            StuckReader: the client takes nothing. With `is_whole`, room was made to tell it so.
        """
        if self._lock.locked():
            await self._lock.acquire()
        else:
            self._lock.acquire_nowait()
        try:
            if self._is_torn:
                raise trio.BrokenResourceError("a write before this one was cut off")
            await self._write(data)
        finally:
            self._lock.release()
        if len(data) >= _MUCH:
            await trio.lowlevel.checkpoint()

    async def _write(self, data: bytes) -> None:
        sent = self._try(data) if self._is_plain else 0
        if sent == len(data):
            return
        self._is_torn = True
        is_late = await self._insist(memoryview(data)[sent:])
        self._is_torn = False
        if is_late:
            raise StuckReader(is_whole=True)

    def _try(self, data: bytes | memoryview) -> int:
        """Write what the system takes now; return how much."""
        descriptor = self._socket.fileno()
        if descriptor < 0:
            raise trio.ClosedResourceError("the connection was closed")
        try:
            return os.write(descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise trio.BrokenResourceError("the client is gone") from error

    async def _insist(self, rest: memoryview) -> bool:
        """Write the rest as the client takes it; tell whether that took longer than it may."""
        self._is_late = False
        self._deadline = trio.current_time() + WRITE_STALL_SECONDS
        failure: Exception | None = StuckReader(is_whole=False)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._lose_patience, nursery.cancel_scope)
            try:
                await self._push(rest)
                failure = None
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return self._is_late

    async def _push(self, rest: memoryview) -> None:
        while rest:
            if self._is_plain:
                await trio.lowlevel.wait_writable(self._socket)
                sent = self._try(rest)
            else:
                sent = min(len(rest), _PART)
                await self._stream.send_all(rest[:sent])
            rest = rest[sent:]
            self._deadline += sent / SLOWEST_BPS

    async def _lose_patience(self, scope: trio.CancelScope) -> None:
        while (now := trio.current_time()) < self._deadline:
            await trio.sleep(self._deadline - now)
        self._is_late = True
        self._make_room()
        await trio.sleep(LAST_WORDS_SECONDS)
        scope.cancel()

    def _make_room(self) -> None:
        """Have the system take what is left, so that a client that reads on one day finds the end."""
        self._set(socket.IPPROTO_TCP, _NOTSENT_LOWAT, 0)
        self._set(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM_BYTES)

    def _set(self, level: int, option: int | None, value: int) -> None:
        if option is not None and self._socket.fileno() >= 0:
            # Whoever hung up meanwhile needs no room.
            with contextlib.suppress(OSError):
                self._socket.setsockopt(level, option, value)
