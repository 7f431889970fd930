"""One connection to the server, spoken to from trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import asyncpg
import trio
from trio_asyncio import aio_as_trio

from revaer.database.failures import ConnectionLost, translated
from revaer.database.messages import DatabaseError, InvalidDatabaseUrl, Row, StatementFailed

if TYPE_CHECKING:
    from trio_asyncio import TrioEventLoop

    from revaer.database.endpoint import Endpoint

T = TypeVar("T")

_CONNECT_WITHIN = 5.0
_CLEANUP_WITHIN = 1.0
# The server gives up a little before the caller's deadline, so that the connection stays usable.
_SERVER_LEAD = 0.25
_SERVER_LEAD_FRACTION = 0.1
# How long after the deadline the server itself ends a transaction of which it hears nothing more.
_ABANDONED_AFTER = 10.0
# What a lost session holds would stop the next one, so the server has to notice soon. As statements, because poolers
# refuse such settings at the start of a session. Over a unix socket those of TCP say nothing.
_SESSION = f"""
SET idle_in_transaction_session_timeout = {_ABANDONED_AFTER * 1000:.0f};
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
SET tcp_user_timeout = 25000
"""
_PARTING_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


class Connection:
    """A connection with its session state. Use from one task at a time."""

    def __init__(self, raw: asyncpg.Connection[asyncpg.Record], loop: TrioEventLoop) -> None:
        self._raw = raw
        self._loop = loop
        self._within = 0.0
        self._limit_ms = 0
        self._disturbed = False
        self.committing = False

    @classmethod
    async def open(
        cls, endpoint: Endpoint, loop: TrioEventLoop, *, on_lost: Callable[[], None] | None = None
    ) -> Connection:
        """Connect.

        Args:
            endpoint: Where to.
            loop: The asyncio loop that carries the driver.
            on_lost: Called once when the connection ends, for whatever reason.

        Raises:
            ConnectionLost: The server cannot be reached or refuses the session.
            InvalidDatabaseUrl: The driver cannot use the URL.
        """
        try:
            with translated():
                raw = await aio_as_trio(asyncpg.connect, loop=loop)(
                    **endpoint.arguments,
                    timeout=_CONNECT_WITHIN,
                    server_settings={"application_name": "revaer", "timezone": "UTC"},
                )
                try:
                    await aio_as_trio(raw.execute, loop=loop)(_SESSION, timeout=_CONNECT_WITHIN)
                except BaseException:
                    raw.terminate()
                    raise
        except StatementFailed as error:
            raise ConnectionLost(str(error)) from error
        except ValueError:
            # The driver's own words may quote a piece of the URL, and with it the password.
            raise InvalidDatabaseUrl("the database URL cannot be used: a host or port is malformed") from None
        if on_lost is not None:
            raw.add_termination_listener(lambda _: on_lost())
        return cls(raw, loop)

    @property
    def server_version(self) -> str:
        """Version that the server announced, for example `18.4`."""
        return str(self._raw.get_settings().server_version).split(" ", maxsplit=1)[0]

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self._raw.is_closed()

    @property
    def reusable(self) -> bool:
        """Whether the next user would find a clean session."""
        return not self.closed and not self._disturbed and not self._raw.is_in_transaction()

    async def limit(self, within: float | None) -> None:
        """Let the server give up statements just before a deadline, and a transaction some time after it.

        Args:
            within: The deadline in seconds; None for no limit.

        Raises:
            DatabaseError: The server did not take the setting.
        """
        limit_ms = 0
        if within is not None:
            lead = min(_SERVER_LEAD, within * _SERVER_LEAD_FRACTION)
            limit_ms = max(1, int((within - lead) * 1000))
        self._within = within or 0.0
        if limit_ms != self._limit_ms:
            abandoned_ms = int(((within or 0.0) + _ABANDONED_AFTER) * 1000)
            await self.command(
                f"SET statement_timeout = {limit_ms}; SET idle_in_transaction_session_timeout = {abandoned_ms}"
            )
            self._limit_ms = limit_ms

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        """Run a statement and return its rows; errors as in `Database.fetch`."""
        return await self._run(self._raw.fetch, sql, *args)

    async def execute(self, sql: str, *args: object) -> int:
        """Run a statement and return the number of rows it affected; errors as in `Database.execute`."""
        count = (await self._run(self._raw.execute, sql, *args)).rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def command(self, sql: str) -> str:
        """Run statements without arguments and return the server's tag for the last, for example `COMMIT`."""
        return await self._run(self._raw.execute, sql)

    async def listen(self, channel: str, hear: Callable[[str], None]) -> None:
        """Call `hear` with the payload of every notification on a channel, for the life of the connection.

        Raises:
            DatabaseError: The server did not take it.
        """
        await self._run(self._raw.add_listener, channel, lambda *heard: hear(str(heard[-1])))

    async def ping(self) -> float:
        """Make one round trip and return its time in seconds."""
        began = trio.current_time()
        await self._run(self._raw.fetchval, "SELECT 1")
        return trio.current_time() - began

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Commit what the body does at its clean exit, roll it back otherwise.

        Raises:
            StatementFailed: The body ended cleanly although one of its statements had failed.
            DatabaseError: The transaction could not be begun or committed.
        """
        await self.command("BEGIN")
        try:
            yield self
        except Exception:
            await self._roll_back()
            raise
        self.committing = True
        try:
            outcome = await self.command("COMMIT")
        finally:
            # A server that refused it has rolled back; only an interrupted one leaves a doubt.
            self.committing = not self.reusable
        if outcome != "COMMIT":
            raise StatementFailed("the transaction was rolled back because one of its statements had failed")

    async def _roll_back(self) -> None:
        """Leave the transaction; a connection that cannot is ended, which has the same effect."""
        with trio.move_on_after(_CLEANUP_WITHIN, shield=True):
            try:
                await self.command("ROLLBACK")
            except DatabaseError:
                self.terminate()

    async def _run(self, method: Callable[..., Awaitable[T]], *args: object) -> T:
        """Call the driver; an interrupted call leaves the session in an unknown state."""
        try:
            with translated(within=self._within):
                result: T = await aio_as_trio(method, loop=self._loop)(*args)
        except DatabaseError as error:
            if self.closed and isinstance(error, StatementFailed):
                raise ConnectionLost("the connection to the server was lost") from error
            raise
        except BaseException:
            self._disturbed = True
            raise
        return result

    async def close(self) -> None:
        """Tell the server to drop a running statement, then part. Ends in any case, within a second."""
        with trio.move_on_after(_CLEANUP_WITHIN, shield=True), suppress(*_PARTING_ERRORS):
            await aio_as_trio(self._raw.close, loop=self._loop)()
        self.terminate()

    def terminate(self) -> None:
        """End the connection at once; a statement in flight fails."""
        self._raw.terminate()
