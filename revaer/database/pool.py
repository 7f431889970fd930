"""A bounded set of connections, leased one caller at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from revaer.database.connection import Connection
from revaer.database.messages import DatabaseUnavailable


class Pool:
    """Leases connections first come, first served, and refuses at once while shut.

    A connection whose user was interrupted is never handed on: it is closed in the background, and its place
    becomes free when that is done, so that the server never sees more than `size` sessions.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], *, size: int) -> None:
        """Make a shut pool.

        Args:
            connect: Opens one connection.
            size: Greatest number of connections.
        """
        self._connect = connect
        self._places = trio.Semaphore(size, max_value=size)
        self._idle: list[Connection] = []
        self._leased: set[Connection] = set()
        self._waiting: set[trio.CancelScope] = set()
        self._refusal: str | None = "not opened yet"
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Close returned connections in the background until cancelled, then end them all."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self.shut("the daemon is stopping", abort=True)
                self._nursery = None

    def open(self) -> None:
        """Begin to lease."""
        self._refusal = None

    def shut(self, reason: str, *, abort: bool) -> None:
        """Refuse leases, fail those who wait and drop the idle connections.

        Args:
            reason: What is wrong, for people.
            abort: Also end the connections in use, so that their users fail now.
        """
        self._refusal = reason
        for scope in self._waiting:
            scope.cancel()
        for connection in self._idle:
            connection.terminate()
        self._idle.clear()
        if abort:
            for connection in self._leased:
                connection.terminate()

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Connection]:
        """Lend a connection to the body.

        Raises:
            DatabaseUnavailable: The pool is shut, or a connection cannot be made.
        """
        await self._take_place()
        try:
            connection = self._take_idle() or await self._connect()
        except BaseException:
            self._places.release()
            raise
        self._leased.add(connection)
        clean = False
        try:
            yield connection
            clean = True
        except Exception:
            clean = True
            raise
        finally:
            self._give_back(connection, clean=clean)

    async def _take_place(self) -> None:
        while True:
            self._check_open()
            with trio.CancelScope() as scope:
                self._waiting.add(scope)
                try:
                    await self._places.acquire()
                finally:
                    self._waiting.discard(scope)
            if not scope.cancelled_caught:
                return

    def _check_open(self) -> None:
        if self._refusal is not None:
            raise DatabaseUnavailable(self._refusal)

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
            connection.terminate()
        return None

    def _give_back(self, connection: Connection, *, clean: bool) -> None:
        self._leased.discard(connection)
        if clean and connection.reusable and self._refusal is None:
            self._idle.append(connection)
            self._places.release()
        elif connection.closed or self._nursery is None:
            connection.terminate()
            self._places.release()
        else:
            self._nursery.start_soon(self._retire, connection)

    async def _retire(self, connection: Connection) -> None:
        try:
            await connection.close()
        finally:
            self._places.release()
