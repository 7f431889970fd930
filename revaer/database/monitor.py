"""Keeps the database usable: brings the server up, watches it, says how it is."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from revaer.database.backoff import Backoff
from revaer.database.connection import Connection
from revaer.database.messages import (
    DatabaseError,
    DatabaseStatus,
    InvalidDatabaseUrl,
    MigrationChanged,
    UnsupportedServer,
)
from revaer.database.migrations import Migration, migrate

if TYPE_CHECKING:
    from revaer.database.pool import Pool

_PING_EVERY = 1.0
_PING_WITHIN = 3.0

OLDEST_SERVER = 15
"""The oldest major version of PostgreSQL that the daemon was tried on."""


class Monitor:
    """Owns the status. It holds one connection of its own, so that a busy pool does not look like an outage."""

    def __init__(
        self,
        *,
        connect: Callable[[Callable[[], None]], Awaitable[Connection]],
        pool: Pool,
        migrations: Sequence[Migration],
        on_status: Callable[[DatabaseStatus], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Start out down, with the reason "starting".

        Args:
            connect: Makes sure that the server runs, then connects; its argument is called when that connection ends.
            pool: Opened and shut as the server comes and goes.
            migrations: Applied whenever the server becomes reachable.
            on_status: Called at every change of state or reason, and after every ping with the new latency.
            wall: Unix time in seconds.
        """
        self._connect = connect
        self._pool = pool
        self._migrations = migrations
        self._on_status = on_status
        self._wall = wall
        self._status = DatabaseStatus(available=False, reason="starting", since=wall())
        self._available = trio.Event()
        self._disturbed = trio.Event()

    @property
    def status(self) -> DatabaseStatus:
        """The present status."""
        return self._status

    async def wait_available(self) -> None:
        """Return when the database can be used."""
        while not self._status.available:
            await self._available.wait()

    def suspect(self, reason: str) -> None:
        """Take a caller's word that a connection failed: down at once, up again when the server proves it.

        Args:
            reason: What is wrong, for people.
        """
        if self._status.available:
            self._down(reason, abort=False)
            self._disturbed.set()

    async def run(self) -> None:
        """Bring the database up, again and again, until cancelled.

        Raises:
            MigrationChanged: An applied migration has other contents now; no retry can mend that.
            UnsupportedServer: The server is too old.
            InvalidDatabaseUrl: The driver cannot use the URL.
        """
        backoff = Backoff()
        while True:
            try:
                link = await self._establish()
                try:
                    await self._watch(link, backoff)
                finally:
                    link.terminate()
            except (MigrationChanged, InvalidDatabaseUrl, UnsupportedServer):
                raise
            except DatabaseError as error:
                self._down(str(error), abort=True)
            await trio.sleep(backoff.next())

    async def _establish(self) -> Connection:
        self._disturbed = trio.Event()
        link = await self._connect(self._disturb)
        try:
            check_version(link.server_version)
            await migrate(link, self._migrations)
        except BaseException:
            link.terminate()
            raise
        return link

    def _disturb(self) -> None:
        self._disturbed.set()

    async def _watch(self, link: Connection, backoff: Backoff) -> None:
        """Ping until that fails; the failure is raised."""
        while True:
            self._up(link.server_version, await self._ping(link))
            with trio.move_on_after(_PING_EVERY) as quiet:
                await self._disturbed.wait()
            if quiet.cancelled_caught:
                backoff.reset()
            self._disturbed = trio.Event()

    async def _ping(self, link: Connection) -> float:
        with trio.move_on_after(_PING_WITHIN):
            return await link.ping()
        raise DatabaseError(f"the server did not answer within {_PING_WITHIN:g} s")

    def _up(self, version: str, latency: float) -> None:
        since = self._status.since if self._status.available else self._wall()
        self._status = DatabaseStatus(available=True, reason="", since=since, latency=latency, server_version=version)
        self._pool.open()
        self._available.set()
        self._on_status(self._status)

    def _down(self, reason: str, *, abort: bool) -> None:
        self._pool.shut(reason, abort=abort)
        if not self._status.available and self._status.reason == reason:
            return
        if self._status.available:
            self._available = trio.Event()
            self._status = replace(self._status, available=False, since=self._wall())
        self._status = replace(self._status, reason=reason)
        self._on_status(self._status)


def check_version(version: str) -> None:
    """Refuse a server that is too old.

    Args:
        version: as the server announces it, for example `15.8` or `18beta1`.

    Raises:
        UnsupportedServer: with what to do.
    """
    digits = re.match(r"\d+", version)
    if digits is not None and int(digits[0]) < OLDEST_SERVER:
        raise UnsupportedServer(
            f"the database server is PostgreSQL {version}, but revaer needs {OLDEST_SERVER} or later: upgrade it, "
            "name another one by DATABASE_URL, or leave that out to use the private one"
        )
