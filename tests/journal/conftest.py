"""The journal under its real supervisor, before a store that a test chooses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from actors import ActorRef, Bus, ChildSpec, Health, HealthState, RestartPolicy, Stamped, Supervisor
from actors.testing import running
from revaer.api.envelopes import render
from revaer.database.messages import DatabaseStatus, ListeningDatabase
from revaer.database.service import open_database
from revaer.events import Event, StateChanged, TorrentAdded, TorrentRemoved, coalescing_key, fences, is_journaled, merge
from revaer.facts import FactBook
from revaer.journal.actor import Habits, JournalActor, Progress
from revaer.journal.entries import Entry
from revaer.journal.messages import JournalMessage
from revaer.journal.policy import Timing
from revaer.journal.store import PostgresStore, Run, Store
from revaer.types import Descriptor, EventId, InfoHash, StateView, TorrentId, TorrentState, TorrentView
from revaer.types import Progress as Figures
from tests.support.fake_journal import FakeStore
from tests.support.postgres import fresh_database_url, postgres_url, shared_server_home  # noqa: F401 - fixtures

QUICK = Habits(timing=Timing(open=2.0, retry_first=0.01, retry_longest=0.05, look=0.05, late=0.2, stop=3.0))
RESTART = RestartPolicy(max_restarts=20, backoff_initial=0.001, backoff_max=0.002)


def torrent_id(number: int) -> TorrentId:
    return TorrentId(f"01900000-0000-7000-8000-{number:012x}")


def view_of(number: int, *, state: TorrentState = TorrentState.DOWNLOADING, **changes: Any) -> TorrentView:
    info_hash = f"{number:040x}"
    fields: dict[str, Any] = {"download_dir": "/srv", "added_at": 1_000.0, "name": f"torrent {number}", **changes}
    descriptor = Descriptor(hashes=InfoHash(v1=info_hash), info_hash=info_hash, **fields)
    return TorrentView(torrent_id(number), descriptor, StateView(state, 1_000.0), Figures(), 1_000.0)


def added(number: int, **changes: Any) -> TorrentAdded:
    return TorrentAdded(torrent_id(number), view_of(number, **changes))


def moved(number: int, state: TorrentState = TorrentState.SEEDING) -> StateChanged:
    return StateChanged(torrent_id(number), TorrentState.DOWNLOADING, StateView(state, 1_000.0))


def removed(number: int) -> TorrentRemoved:
    return TorrentRemoved(torrent_id(number), data_deleted=False)


def entry(epoch: int, seq: int, **changes: Any) -> Entry:
    """An entry of no torrent, unless `changes` say otherwise."""
    fields: dict[str, Any] = {
        "at": 1_000.0 + seq,
        "kind": "state_changed",
        "request_id": None,
        "torrent_id": None,
        "hashes": (),
        "state": None,
        "category": None,
        "tags": (),
        "is_origin": False,
        "envelope": b'{"id":"%d-%d"}' % (epoch, seq),
        **changes,
    }
    return Entry(id=EventId(epoch, seq), **fields)


def make_bus(**options: Any) -> Bus[Event]:
    """A bus as the daemon has it."""
    return Bus(key=coalescing_key, merge=merge, fences=fences, retain=is_journaled, annotate=FactBook().note, **options)


@dataclass
class Journal:
    """A journal that runs.

    Attributes:
        states: every state of health that was shown, in order.
    """

    bus: Bus[Event]
    ref: ActorRef[JournalMessage]
    store: Any
    run: Run
    health: Health
    supervisor: Supervisor
    states: list[HealthState] = field(default_factory=list)

    @property
    def shown(self) -> tuple[HealthState, str]:
        part = self.health.snapshot()["journal"]
        return part.state, part.reason or ""


Render = Callable[[Stamped[Event]], bytes]


@asynccontextmanager
async def open_journal(
    store: Store,
    *,
    bus: Bus[Event] | None = None,
    epoch: int = 1,
    run_id: str | None = None,
    habits: Habits = QUICK,
    render_with: Render | None = None,
    stop_within: float = 8.0,
    started_at: float = 500.0,
    wall: Callable[[], float] = lambda: 2_000.0,
) -> AsyncIterator[Journal]:
    """Run a journal for the length of a block, and stop it in order."""
    bus = bus or make_bus()
    run = Run(epoch, run_id or f"00000000-0000-4000-8000-{epoch:012x}", started_at)
    ref: ActorRef[JournalMessage] = ActorRef("journal", capacity=256)
    states: list[HealthState] = []
    health = Health(proof_seconds=0.01, on_change=lambda change: states.append(change.current))
    progress = Progress()

    def make() -> JournalActor:
        return JournalActor(
            store=store,
            bus=bus,
            run=run,
            render=render_with or (lambda stamped: render(stamped, epoch)),
            progress=progress,
            habits=habits,
            wall=wall,
        )

    async with trio.open_nursery() as nursery:
        nursery.start_soon(health.run)
        async with running(ChildSpec(ref, make, restart=RESTART, stop_within=stop_within), health=health) as supervisor:
            yield Journal(bus, ref, store, run, health, supervisor, states)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_postgres(url: str) -> AsyncIterator[ListeningDatabase]:
    """A database with the daemon's schema."""

    def ignore(_: DatabaseStatus) -> None:
        """Nobody asks."""

    async with open_database(data_dir=Path("unused"), url=url, on_status=ignore) as opened:
        with trio.fail_after(30):
            await opened.wait_available()
        yield opened


OpenStore = Callable[[], AbstractAsyncContextManager[Store]]


@pytest.fixture
async def database(fresh_database_url: str) -> AsyncIterator[ListeningDatabase]:  # noqa: F811 - the imported fixture
    async with open_postgres(fresh_database_url) as opened:
        yield opened


@pytest.fixture
def fake() -> FakeStore:
    return FakeStore()


@pytest.fixture(params=["memory", "postgres"])
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    """Either form of the store: what holds for one holds for the other."""
    url = None if request.param == "memory" else request.getfixturevalue("fresh_database_url")

    @asynccontextmanager
    async def open_either() -> AsyncIterator[Store]:
        if url is None:
            yield FakeStore()
            return
        async with open_postgres(url) as opened:
            yield PostgresStore(opened)

    return open_either
