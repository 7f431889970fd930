"""A running resume store, real or with faults, and builders for what goes into it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest
import trio

from actors import ActorRef, ChildSpec, ComponentHealth, Health, Request, Supervisor
from actors.testing import running
from revaer.database.messages import Database
from revaer.database.service import open_database
from revaer.resume.actor import ResumeStore
from revaer.resume.messages import Intent, LoadAll, LoadOne, Recovered, Recovery, ResumeMessage
from revaer.types import InfoHash, TorrentId, TorrentOptions
from tests.resume.faults import FaultyDatabase
from tests.support.postgres import fresh_database_url, postgres_url, shared_server_home  # noqa: F401 - fixtures


class MakeIntent(Protocol):
    """Builds the intent with a number; `options` and `fields` replace what it has otherwise."""

    def __call__(self, number: int, *, options: dict[str, Any] | None = None, **fields: Any) -> Intent: ...


def torrent_id(number: int) -> TorrentId:
    return TorrentId(f"01900000-0000-7000-8000-{number:012x}")


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def build_intent(number: int, *, options: dict[str, Any] | None = None, **fields: Any) -> Intent:
    hashes = InfoHash(f"{number:040x}")
    intent = Intent(
        torrent_id=torrent_id(number),
        hashes=hashes,
        info_hash=hashes.primary,
        options=TorrentOptions(download_dir=f"/downloads/{number}", **(options or {})),
        added_at=1_700_000_000.25 + number,
        metainfo=f"metainfo of {number}".encode() * 20,
    )
    return replace(intent, **fields)


@dataclass
class RunningStore:
    """A store under its supervisor."""

    ref: ActorRef[ResumeMessage]
    health_of_all: Health
    supervisor: Supervisor
    generations: list[ResumeStore]

    async def ask(self, request: Request[Any], *, within: float = 20.0) -> Any:
        return await self.ref.ask(request, within=within)

    async def load(self) -> Recovery:
        return await self.ref.ask(LoadAll(), within=30.0)

    async def load_one(self, torrent_id: TorrentId) -> Recovered:
        return await self.ref.ask(LoadOne(torrent_id), within=30.0)

    @property
    def store(self) -> ResumeStore:
        return self.generations[-1]

    @property
    def health(self) -> ComponentHealth:
        self.health_of_all.settle(math.inf)
        return self.health_of_all.snapshot()["resume_store"]

    async def copies_written(self) -> None:
        """Wait until no copy is left to be written."""
        with trio.fail_after(20):
            while self.store.statistics().copies_waiting:
                await self.store._copies.settled()
                await trio.lowlevel.checkpoint()


class RunStore(Protocol):
    """Runs a store on a database and a directory while the block runs."""

    def __call__(
        self, database: Database, directory: Path, **options: Any
    ) -> AbstractAsyncContextManager[RunningStore]: ...


@asynccontextmanager
async def run_store_on(database: Database, directory: Path, **options: Any) -> AsyncIterator[RunningStore]:
    ref: ActorRef[ResumeMessage] = ActorRef("resume_store", capacity=4096)
    generations: list[ResumeStore] = []

    def make() -> ResumeStore:
        generations.append(ResumeStore(database, directory, **options))
        return generations[-1]

    health = Health(clock=trio.current_time)
    async with running(ChildSpec(ref, make), health=health) as supervisor:
        yield RunningStore(ref, health, supervisor, generations)


@pytest.fixture
def run_store() -> RunStore:
    return run_store_on


@pytest.fixture
def make_intent() -> MakeIntent:
    return build_intent


@pytest.fixture
def id_of() -> Callable[[int], TorrentId]:
    return torrent_id


@pytest.fixture
async def real_database(fresh_database_url: str) -> AsyncIterator[Database]:  # noqa: F811 - the imported fixture
    """A usable, empty database with the daemon's schema."""
    async with open_database(data_dir=Path("unused"), url=fresh_database_url, on_status=lambda _: None) as opened:
        with trio.fail_after(15):
            await opened.wait_available()
        yield opened


@pytest.fixture
async def database(real_database: Database) -> AsyncIterator[FaultyDatabase]:
    """The same, with faults on demand."""
    async with trio.open_nursery() as nursery:
        yield FaultyDatabase(real_database, nursery)
        nursery.cancel_scope.cancel()
