"""A session with the simulated engine over a real store on a real directory: what the store lost is made again, no stop
is called clean before all is written, and what was broken on disk is told."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from actors import ActorRef, Bus, ChildSpec, RestartPolicy, Stamped, Supervisor
from actors.testing import running
from revaer.database.messages import Database
from revaer.database.service import open_database
from revaer.events import Event, SelectionReconciled, coalescing_key, fences, merge
from revaer.resume.actor import ResumeStore
from revaer.resume.disk import PosixDisk
from revaer.resume.marker import NAME as CLEAN
from revaer.resume.messages import ResumeMessage
from revaer.selection import evaluate
from revaer.session.actor import SessionActor
from revaer.session.messages import AddTorrent, ReportEngine, SessionMessage, Snapshot
from revaer.session.port import Engine, EngineSettings
from revaer.session.records import record_pieces
from revaer.session.simulated import SimulatedEngine
from revaer.session.timing import Timing
from revaer.types import TorrentId, TorrentOptions, TorrentState
from tests.resume.faults import FaultyDisk
from tests.support.postgres import fresh_database_url, postgres_url, shared_server_home  # noqa: F401 - fixtures
from tests.support.torrents import make_torrent, payload
from tests.support.waiting import eventually

FILM = make_torrent({"film.mkv": payload(120_000)}, name="Film")


class WatchedEngine(SimulatedEngine):
    """Notes which records were asked for although nothing changed."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self.forced: list[TorrentId] = []

    def request_record(self, torrent_id: TorrentId, *, only_if_changed: bool = True) -> None:
        if not only_if_changed:
            self.forced.append(torrent_id)
        super().request_record(torrent_id, only_if_changed=only_if_changed)


@dataclass
class Node:
    """A session over a real store whose disk can be broken."""

    root: Path
    disk: FaultyDisk
    supervisor: Supervisor
    session: ActorRef[SessionMessage]
    resume: ActorRef[ResumeMessage]
    bus: Bus[Event]
    stores: list[ResumeStore] = field(default_factory=list)
    engines: list[WatchedEngine] = field(default_factory=list)

    def break_records(self) -> None:
        self.disk.fail("create", errno.ENOSPC, name=".fastresume")

    def record(self, torrent_id: TorrentId) -> Path:
        return self.root / "resume" / f"{torrent_id}.fastresume"

    async def seed_whole(self) -> TorrentId:
        """Add a torrent and let it become whole."""
        self.engines[-1].world.seed(FILM, rate=10_000_000)
        view = await self.session.ask(
            AddTorrent(TorrentOptions(download_dir=str(self.root / "downloads")), metainfo=FILM), within=20.0
        )

        async def done() -> bool:
            views = (await self.session.ask(Snapshot(), within=5.0)).views
            return views[0].state.kind is TorrentState.SEEDING

        await eventually(done, "seeding")
        return view.id

    async def unsaved(self) -> int:
        """How many records are not known to be on disk."""
        return (await self.session.ask(ReportEngine(), within=5.0)).records_pending

    async def all_given(self) -> None:
        """Wait until the store has every record, and has written none."""

        seen: list[int] = []

        async def given() -> bool:
            seen[:] = [await self.unsaved(), self.stores[-1].statistics().records_waiting]
            return seen == [1, 1]

        await eventually(given, lambda: f"the record at the store: {seen}")

    async def crash_store(self) -> None:
        generation = self.resume.generation
        self.supervisor.crash("resume_store", RuntimeError("drill"))
        await eventually(lambda: self.resume.generation > generation and self.resume.running, "a new store")


@asynccontextmanager
async def open_node(root: Path, database: Database) -> AsyncIterator[Node]:
    disk = FaultyDisk(PosixDisk(root / "resume"))
    resume: ActorRef[ResumeMessage] = ActorRef("resume_store", capacity=4096)
    session: ActorRef[SessionMessage] = ActorRef("session")
    bus: Bus[Event] = Bus(key=coalescing_key, merge=merge, fences=fences)
    stores: list[ResumeStore] = []
    engines: list[WatchedEngine] = []

    async def open_engine(settings: EngineSettings, *, state_dir: Path) -> Engine:
        await trio.lowlevel.checkpoint()
        engines.append(WatchedEngine(settings))
        return engines[-1]

    def make_store() -> ResumeStore:
        stores.append(ResumeStore(database, root / "resume", disk=disk))
        return stores[-1]

    def make_session() -> SessionActor:
        return SessionActor(
            engine_factory=open_engine,
            settings=EngineSettings(listen=("127.0.0.1:0",)),
            state_dir=root,
            resume=resume,
            bus=bus,
            select=evaluate,
            timing=Timing(tick=0.02, retry=0.05, stop=4.0),
        )

    policy = RestartPolicy(backoff_initial=0.01, backoff_max=0.05)
    children = (
        ChildSpec(resume, make_store, restart=policy, stop_within=4.0),
        ChildSpec(session, make_session, restart=policy, stop_within=4.0),
    )
    async with running(*children) as supervisor:
        yield Node(root, disk, supervisor, session, resume, bus, stores, engines)


OpenNode = Callable[[], Any]


@pytest.fixture
async def open_here(tmp_path: Path, fresh_database_url: str) -> AsyncIterator[OpenNode]:  # noqa: F811 - imported
    async with open_database(data_dir=tmp_path, url=fresh_database_url, on_status=lambda _: None) as database:
        with trio.fail_after(15):
            await database.wait_available()
        yield lambda: open_node(tmp_path, database)


async def test_record_that_a_crashed_store_had_not_written_is_made_again(open_here: OpenNode) -> None:
    async with open_here() as node:
        node.break_records()
        key = await node.seed_whole()
        await node.all_given()
        await node.crash_store()
        node.disk.heal()
        await eventually(lambda: node.record(key).exists(), "the record on disk")
        assert node.engines[-1].forced == [key]
        pieces = record_pieces(node.record(key).read_bytes().partition(b"\n")[2])
        assert pieces is not None
        assert any(pieces)


async def test_stop_is_clean_only_with_the_records_that_a_crashed_store_lost(open_here: OpenNode) -> None:
    async with open_here() as node:
        node.break_records()
        key = await node.seed_whole()
        await node.all_given()
        await node.crash_store()
        node.disk.heal()
    assert (node.root / "resume" / CLEAN).exists()
    assert node.record(key).exists()


async def test_stop_with_a_disk_that_takes_nothing_is_not_clean(open_here: OpenNode) -> None:
    async with open_here() as node:
        node.break_records()
        key = await node.seed_whole()
        await node.all_given()
        await node.crash_store()
    assert not (node.root / "resume" / CLEAN).exists()
    assert not node.record(key).exists()


async def test_records_that_are_written_are_not_made_again(open_here: OpenNode) -> None:
    async with open_here() as node:
        key = await node.seed_whole()
        await eventually(lambda: node.record(key).exists(), "the record on disk")

        async def confirmed() -> bool:
            return bool(await node.unsaved() == 0)

        await eventually(confirmed, "the confirmation")
        await node.crash_store()
        await node.session.ask(Snapshot(), within=5.0)
    assert node.engines[-1].forced == []
    assert (node.root / "resume" / CLEAN).exists()


async def test_record_that_was_broken_on_disk_is_told_with_the_place_where_it_is_kept(open_here: OpenNode) -> None:
    async with open_here() as node:
        key = await node.seed_whole()
    node.record(key).write_bytes(b"rubbish")
    async with open_here() as node:
        with node.bus.subscribe("test", since=0, wants=lambda event: isinstance(event, SelectionReconciled)) as events:
            with trio.fail_after(10):
                told = await anext(events)
    assert isinstance(told, Stamped)
    assert isinstance(told.event, SelectionReconciled)
    assert told.event.torrent_id == key
    assert told.event.reason == "the fast-resume record was unusable"
    kept = next(iter((node.root / "resume" / "quarantine").iterdir()))
    assert f"quarantine/{kept.name}" in told.event.detail
