"""Listens to a channel across outages."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Protocol

import trio

from revaer.database.backoff import Backoff
from revaer.database.connection import Connection
from revaer.database.failures import ConnectionLost
from revaer.database.messages import DatabaseError, Deaf, Heard, Listening, Notification

_PING_EVERY: Final = 2.0
_PING_WITHIN: Final = 3.0
_CAPACITY: Final = 1024


class Connect(Protocol):
    """Makes a connection."""

    def __call__(self, *, on_lost: Callable[[], None]) -> Awaitable[Connection]:
        """Connect; `on_lost` is called when the connection ends. Raises: DatabaseError."""
        ...


class Listener(AsyncIterator[Heard]):
    """What is heard on one channel, for one reader, while `run` runs.

    Args:
        channel: Its name.
        wait_available: Returns when the server can be used.
        connect: Makes a connection for the listener alone.
    """

    def __init__(self, channel: str, *, wait_available: Callable[[], Awaitable[None]], connect: Connect) -> None:
        self._channel = channel
        self._wait_available = wait_available
        self._connect = connect
        self._heard: deque[Heard] = deque()
        self._news = trio.lowlevel.ParkingLot()

    async def __anext__(self) -> Heard:
        await trio.lowlevel.checkpoint()
        while not self._heard:
            await self._news.park()
        return self._heard.popleft()

    async def run(self) -> None:
        """Listen, again and again, until cancelled."""
        backoff = Backoff()
        while True:
            await self._wait_available()
            try:
                await self._attend(backoff)
            except DatabaseError as error:
                self._tell(Deaf(str(error)))
            await trio.sleep(backoff.next())

    async def _attend(self, backoff: Backoff) -> None:
        """Listen on one connection until it fails; the failure is raised."""
        lost = trio.Event()
        connection = await self._connect(on_lost=lost.set)
        try:
            await connection.limit(None)
            await connection.listen(self._channel, self._hear)
            self._tell(Listening())
            while True:
                with trio.move_on_after(_PING_EVERY):
                    await lost.wait()
                if lost.is_set():
                    raise ConnectionLost("the connection that listens was lost")
                await self._ping(connection)
                backoff.reset()
        finally:
            await connection.close()

    async def _ping(self, connection: Connection) -> None:
        with trio.move_on_after(_PING_WITHIN):
            await connection.ping()
            return
        raise ConnectionLost(f"the server did not answer within {_PING_WITHIN:g} s")

    def _hear(self, payload: str) -> None:
        self._tell(Notification(payload))

    def _tell(self, heard: Heard) -> None:
        if isinstance(heard, Deaf) and self._heard and isinstance(self._heard[-1], Deaf):
            self._heard.pop()
        if len(self._heard) >= _CAPACITY:
            # Too much to deliver singly: one word stands for all of it.
            self._heard.clear()
            heard = heard if isinstance(heard, Deaf) else Listening()
        self._heard.append(heard)
        self._news.unpark_all()
