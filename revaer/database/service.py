"""The database as the daemon opens it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
import trio
import trio_asyncio

from revaer.database.connection import Connection
from revaer.database.failures import ConnectionLost
from revaer.database.listener import Listener
from revaer.database.messages import (
    DatabaseStatus,
    DatabaseUnavailable,
    Heard,
    ListeningDatabase,
    Row,
    StatementTimeout,
    Transaction,
)
from revaer.database.migrations import Migration, default_folder, load_migrations
from revaer.database.monitor import Monitor
from revaer.database.pool import Pool
from revaer.database.server import Server, choose_server

if TYPE_CHECKING:
    from trio_asyncio import TrioEventLoop

    from revaer.database.endpoint import Endpoint

log = structlog.get_logger("revaer.database")


class ServedDatabase:
    """The real form of the `ListeningDatabase` port: calls through a pool that a monitor opens and shuts."""

    def __init__(
        self,
        server: Server,
        loop: TrioEventLoop,
        *,
        migrations: Sequence[Migration],
        on_status: Callable[[DatabaseStatus], None],
        pool_size: int,
    ) -> None:
        self._server = server
        self._loop = loop
        self._endpoint: Endpoint | None = None
        self._pool = Pool(self._connect, size=pool_size)
        self._monitor = Monitor(
            connect=self._connect_first, pool=self._pool, migrations=migrations, on_status=on_status
        )

    @property
    def status(self) -> DatabaseStatus:
        """The present status."""
        return self._monitor.status

    async def wait_available(self) -> None:
        """Return when the database can be used; at once when it can already."""
        await self._monitor.wait_available()

    async def fetch(self, sql: str, *args: object, within: float = 5.0) -> Sequence[Row]:
        """Run one statement and return its rows; see `Database.fetch`."""
        async with self._leased(within) as connection:
            return await connection.fetch(sql, *args)

    async def execute(self, sql: str, *args: object, within: float = 5.0) -> int:
        """Run one statement and return the number of rows it affected; see `Database.execute`."""
        async with self._leased(within) as connection:
            return await connection.execute(sql, *args)

    @asynccontextmanager
    async def transaction(self, *, within: float = 5.0) -> AsyncIterator[Transaction]:
        """Open a transaction; see `Database.transaction`."""
        async with self._leased(within) as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[AsyncIterator[Heard]]:
        """Listen to a channel; see `ListeningDatabase.listen`."""
        listener = Listener(channel, wait_available=self.wait_available, connect=self._connect)
        with _sole_error():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(listener.run)
                try:
                    yield listener
                finally:
                    nursery.cancel_scope.cancel()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the database usable until cancelled.

        Raises:
            MigrationChanged: An applied migration has other contents now.
            InvalidDatabaseUrl: The driver cannot use the URL.
        """
        async with trio.open_nursery() as nursery:
            await nursery.start(self._pool.run)
            task_status.started()
            await self._monitor.run()

    @asynccontextmanager
    async def _leased(self, within: float) -> AsyncIterator[Connection]:
        """Lend a connection under a deadline, and report a broken one to the monitor."""
        connection: Connection | None = None
        with trio.move_on_after(within) as deadline:
            try:
                async with self._pool.lease() as connection:
                    await connection.limit(within)
                    yield connection
            except ConnectionLost as error:
                self._monitor.suspect(error.reason)
                raise
        if deadline.cancelled_caught:
            if connection is None:
                raise DatabaseUnavailable(f"no connection became free within {within:g} s")
            if connection.committing:
                raise DatabaseUnavailable(f"the commit was not confirmed within {within:g} s; it may have happened")
            raise StatementTimeout(within)

    async def _connect(self, *, on_lost: Callable[[], None] | None = None) -> Connection:
        if self._endpoint is None:
            raise DatabaseUnavailable(self.status.reason)
        return await Connection.open(self._endpoint, self._loop, on_lost=on_lost)

    async def _connect_first(self, on_lost: Callable[[], None]) -> Connection:
        self._endpoint = await self._server.ensure()
        return await Connection.open(self._endpoint, self._loop, on_lost=on_lost)


@asynccontextmanager
async def open_database(
    *,
    data_dir: Path,
    url: str | None,
    migrations: Path | Sequence[Migration] | None = None,
    on_status: Callable[[DatabaseStatus], None],
    pool_size: int = 4,
    visiting: bool = False,
) -> AsyncIterator[ListeningDatabase]:
    """Open the database for the body, which may begin before the server can be reached.

    The body can use the database until it ends, under outer cancellation too; then an embedded server is stopped,
    whatever happened. The body is cancelled when the schema turns out to be unusable.

    Args:
        data_dir: The embedded server lives in its subdirectory `postgres`.
        url: A server that somebody else runs; None for the embedded one.
        migrations: Folder of the schema's history, or what is to be applied of it; None for the daemon's own.
        on_status: Called at every change of state or reason, and after every ping with the new latency.
        pool_size: Greatest number of connections for callers; one more watches the server.
        visiting: Whether a daemon runs the embedded server; it is then neither started nor stopped here.

    Raises:
        InvalidDatabaseUrl: The URL cannot be used.
        MigrationError: The migrations folder is unusable.
        MigrationChanged: An applied migration has other contents now; raised when that is found out.
    """
    server = choose_server(data_dir=data_dir, url=url, visiting=visiting)
    if migrations is None or isinstance(migrations, Path):
        migrations = await trio.to_thread.run_sync(load_migrations, migrations or default_folder())
    with _sole_error():
        try:
            async with trio_asyncio.open_loop() as loop, trio.open_nursery() as nursery:
                loop.set_exception_handler(_report)
                database = ServedDatabase(server, loop, migrations=migrations, on_status=on_status, pool_size=pool_size)
                # The body decides when this ends: actors still write while they stop under outer cancellation.
                keeper = trio.CancelScope(shield=True)
                nursery.start_soon(_kept, database, keeper)
                try:
                    yield database
                finally:
                    keeper.cancel()
        finally:
            await server.stop()


async def _kept(database: ServedDatabase, keeper: trio.CancelScope) -> None:
    with keeper:
        await database.run()


@contextmanager
def _sole_error() -> Iterator[None]:
    """Raise the only error of nested groups instead of the groups."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if isinstance(error, BaseExceptionGroup):
            raise
        raise error from error.__cause__


def _report(loop: TrioEventLoop, context: dict[str, Any]) -> None:
    """Log what went wrong in the driver's background; by default it would end the daemon."""
    del loop
    log.warning("database_driver_failed", reason=context.get("message"), exc_info=context.get("exception"))
