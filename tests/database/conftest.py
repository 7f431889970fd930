"""Builders for the database tests."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
import trio

from revaer.database.messages import Database, DatabaseStatus, ListeningDatabase
from revaer.database.service import open_database
from tests.support.postgres import (  # noqa: F401 - fixtures
    fresh_database_url,
    postgres_url,
    server_directory,
    shared_server_home,
)


@dataclass
class StatusLog:
    """Collects status reports and lets a test wait for one."""

    seen: list[DatabaseStatus] = field(default_factory=list)
    _more: trio.Event = field(default_factory=trio.Event)

    def __call__(self, status: DatabaseStatus) -> None:
        self.seen.append(status)
        self._more.set()
        self._more = trio.Event()

    async def until(self, wanted: Callable[[DatabaseStatus], bool], *, within: float = 15.0) -> DatabaseStatus:
        """Return the first report from now on, or the last one before, that is wanted."""
        with trio.fail_after(within):
            while not self.seen or not wanted(self.seen[-1]):
                await self._more.wait()
        return self.seen[-1]

    async def until_up(self) -> DatabaseStatus:
        return await self.until(lambda status: status.available)

    async def until_down(self, reason: str = "") -> DatabaseStatus:
        return await self.until(lambda status: not status.available and reason in status.reason)


class OpenDatabase(Protocol):
    """Opens a database on a URL and waits until it is usable."""

    def __call__(
        self, url: str, *, migrations: Path | None = None, pool_size: int = 4, log: StatusLog | None = None
    ) -> AbstractAsyncContextManager[Database]: ...


@asynccontextmanager
async def opened(
    url: str, *, migrations: Path | None = None, pool_size: int = 4, log: StatusLog | None = None
) -> AsyncIterator[Database]:
    async with open_database(
        data_dir=Path("unused"), url=url, migrations=migrations, on_status=log or StatusLog(), pool_size=pool_size
    ) as database:
        with trio.fail_after(15):
            await database.wait_available()
        yield database


@pytest.fixture
def open_url() -> OpenDatabase:
    return opened


@pytest.fixture
async def database(fresh_database_url: str) -> AsyncIterator[Database]:  # noqa: F811 - the imported fixture
    """A usable database with the daemon's own schema."""
    async with opened(fresh_database_url) as database:
        yield database


@pytest.fixture
def status_log() -> StatusLog:
    return StatusLog()


class OpenListening(Protocol):
    """Opens a database that can listen; waits until it is usable unless told otherwise."""

    def __call__(
        self, url: str, *, pool_size: int = 4, wait: bool = True
    ) -> AbstractAsyncContextManager[ListeningDatabase]: ...


@pytest.fixture
def open_listening() -> OpenListening:
    @asynccontextmanager
    async def listening(url: str, *, pool_size: int = 4, wait: bool = True) -> AsyncIterator[ListeningDatabase]:
        async with open_database(
            data_dir=Path("unused"), url=url, on_status=StatusLog(), pool_size=pool_size
        ) as database:
            if wait:
                with trio.fail_after(15):
                    await database.wait_available()
            yield database

    return listening
