from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from actors import Actor, ActorRef, Bus, ChildSpec, Handled, Health, Subscription, Supervisor, Transition, answer
from actors.restart import RestartPolicy
from actors.testing import running
from revaer.events import (
    CatalogueListed,
    Event,
    FsOpsEvent,
    HealthChanged,
    ProgressReported,
    TorrentAdded,
    TorrentRemoved,
    coalescing_key,
    fences,
    fold,
    merge,
)
from revaer.fsops.messages import FsOpsMessage, JobDetail, JobSpec
from revaer.resume.messages import (
    FlushRecords,
    ForgetIntent,
    Intent,
    LoadAll,
    LoadOne,
    MarkClean,
    PersistIntent,
    PersistIntents,
    RecordVerdict,
    Recovered,
    Recovery,
    ResumeMessage,
    SaveRecord,
    StoreUnavailable,
    UnknownIntent,
    UpdateIntent,
    UpdateIntents,
)
from revaer.selection import evaluate
from revaer.session.actor import SessionActor
from revaer.session.disk import Disk
from revaer.session.messages import AddTorrent, CatalogueSnapshot, SessionMessage, Snapshot
from revaer.session.port import Engine, EngineSettings
from revaer.session.simulated import SimulatedEngine, open_simulated
from revaer.types import TorrentId, TorrentOptions, TorrentState, TorrentView
from tests.support.fake_fsops import Bench, FakeFsOps
from tests.support.torrents import make_torrent, payload

WITHIN = 120.0


class StoredTorrents:
    """What the fake resume store keeps; it outlives its actor, as a disk does."""

    def __init__(self) -> None:
        self.intents: dict[TorrentId, Intent] = {}
        self.records: dict[TorrentId, bytes] = {}
        self.is_away = False
        self.is_clean = False
        self.clean_marks = 0
        self.from_copies = False

    def recovered(self, torrent_id: TorrentId) -> Recovered:
        record = self.records.get(torrent_id)
        verdict = RecordVerdict.MISSING if record is None else RecordVerdict.GOOD
        return Recovered(self.intents[torrent_id], record, verdict)

    def update(self, intent: Intent) -> None:
        """Replace an intent but for its sources."""
        old = self.intents.get(intent.torrent_id)
        if old is None:
            raise UnknownIntent(intent.torrent_id)
        self.intents[intent.torrent_id] = replace(
            intent, magnet=intent.magnet or old.magnet, metainfo=intent.metainfo or old.metainfo
        )


class FakeStore(Actor[ResumeMessage]):
    def __init__(self, kept: StoredTorrents) -> None:
        self.kept = kept

    async def handle(self, message: ResumeMessage) -> Handled:  # noqa: C901, PLR0912  # one line per message
        kept = self.kept
        if kept.is_away and not isinstance(message, SaveRecord | LoadAll | FlushRecords | MarkClean):
            raise StoreUnavailable("the database is away")
        match message:
            case PersistIntent(intent):
                kept.intents[intent.torrent_id] = intent
                return answer(message, None)
            case PersistIntents(intents):
                kept.intents |= {intent.torrent_id: intent for intent in intents}
                return answer(message, (None,) * len(intents))
            case UpdateIntent(intent):
                kept.update(intent)
                return answer(message, None)
            case UpdateIntents(intents):
                for intent in intents:
                    kept.update(intent)
                return answer(message, (None,) * len(intents))
            case ForgetIntent(torrent_id):
                kept.intents.pop(torrent_id, None)
                kept.records.pop(torrent_id, None)
                return answer(message, None)
            case SaveRecord(torrent_id, record):
                kept.records[torrent_id] = record
                return None
            case FlushRecords():
                return answer(message, len(kept.records))
            case MarkClean():
                kept.clean_marks += 1
                kept.is_clean = True
                return answer(message, None)
            case LoadAll():
                if kept.is_away:
                    raise StoreUnavailable("the database is away")
                torrents = tuple(kept.recovered(key) for key in kept.intents)
                clean, kept.is_clean = kept.is_clean, False
                return answer(message, Recovery(torrents, clean, kept.from_copies))
            case LoadOne(torrent_id):
                if torrent_id not in kept.intents:
                    raise UnknownIntent(torrent_id)
                return answer(message, kept.recovered(torrent_id))


@dataclass(slots=True)
class JobsOfRun:
    """The jobs of post-processing; they outlive the node, as a database does."""

    jobs: dict[TorrentId, JobDetail] = field(default_factory=dict)
    specs: dict[TorrentId, JobSpec] = field(default_factory=dict)


class InlineLane:
    """Runs blocking calls on the spot, so that a mock clock does not jump meanwhile."""

    async def run(self, fn: Callable[..., Any], *args: object, within: float | None = None) -> Any:
        await trio.lowlevel.checkpoint()
        return fn(*args)


class Reader:
    """Folds events as any outside reader does."""

    def __init__(self, events: Subscription[Event]) -> None:
        self._subscription = events
        self.views: dict[TorrentId, TorrentView] = {}
        self.seen: list[Event] = []

    def catch_up(self) -> None:
        while (item := self._subscription.try_next()) is not None:
            event = item.event  # type: ignore[union-attr]  # nothing lags in these tests
            self.seen.append(event)
            self._apply(event, item.at)  # type: ignore[union-attr]  # as above

    def kinds(self, torrent_id: TorrentId) -> list[str]:
        return [event.kind for event in self.seen if getattr(event, "torrent_id", None) == torrent_id]

    def _apply(self, event: Event, at: float) -> None:
        if isinstance(event, ProgressReported):
            for key in event.items:
                self.views[key] = fold(self.views[key], event, at)
        elif isinstance(event, TorrentAdded):
            self.views[event.torrent_id] = fold(event.view, event, at)
        elif isinstance(event, TorrentRemoved):
            del self.views[event.torrent_id]
        elif not isinstance(event, CatalogueListed | HealthChanged | FsOpsEvent):
            key = event.torrent_id  # type: ignore[union-attr]  # every other kind here is about a torrent
            self.views[key] = fold(self.views[key], event, at)


class House:
    """A running session, what it stands on, and a reader of its events."""

    def __init__(self, kept: StoredTorrents, supervisor: Supervisor, bus: Bus[Event], reader: Reader) -> None:
        self.kept = kept
        self.supervisor = supervisor
        self.bus = bus
        self.reader = reader
        self.engines: list[SimulatedEngine] = []
        self.session: ActorRef[SessionMessage] = ActorRef("session", capacity=1024)
        self.health = Health()
        self.bench = Bench(bus)
        self.moves_source = False
        self.fsops: ActorRef[FsOpsMessage] | None = None

    @property
    def engine(self) -> SimulatedEngine:
        return self.engines[-1]

    async def ask(self, message: Any) -> Any:
        return await self.session.ask(message, within=WITHIN)

    async def snapshot(self) -> CatalogueSnapshot:
        snapshot: CatalogueSnapshot = await self.ask(Snapshot())
        return snapshot

    async def agree(self) -> None:
        """The fold of the events is what a snapshot shows that no event has come after."""
        snapshot = await self.snapshot()
        while snapshot.seq != self.bus.seq:
            snapshot = await self.snapshot()
        self.reader.catch_up()
        assert self.reader.views == {view.id: view for view in snapshot.views}

    async def view(self, torrent_id: TorrentId) -> TorrentView | None:
        return next((view for view in (await self.snapshot()).views if view.id == torrent_id), None)

    async def until(self, torrent_id: TorrentId, state: TorrentState, *, within: float = WITHIN) -> TorrentView:
        with trio.fail_after(within):
            while True:
                view = await self.view(torrent_id)
                if view is not None and view.state.kind is state:
                    return view
                await trio.sleep(0.05)

    async def settle(self, condition: Callable[[], Awaitable[bool] | bool], *, within: float = WITHIN) -> None:
        with trio.fail_after(within):
            while True:
                held = condition()
                if held if isinstance(held, bool) else await held:
                    return
                await trio.sleep(0.05)


@pytest.fixture
def kept() -> StoredTorrents:
    return StoredTorrents()


@pytest.fixture
def options(tmp_path: Path) -> TorrentOptions:
    return TorrentOptions(download_dir=str(tmp_path / "downloads"))


@pytest.fixture
def film() -> bytes:
    files = {"film.mkv": payload(200_000), "sample/sample.mkv": payload(40_000, seed=1), "film.nfo": b"about it" * 10}
    return make_torrent(files, name="Film")


@asynccontextmanager
async def open_house(
    kept: StoredTorrents,
    tmp_path: Path,
    *,
    disk: Disk | None = None,
    restart: RestartPolicy | None = None,
    jobs: JobsOfRun | None = None,
) -> AsyncIterator[House]:
    """Run a session; with `jobs` it has post-processing, which begins with the jobs of an earlier run."""
    bus: Bus[Event] = Bus(key=coalescing_key, merge=merge, fences=fences)
    with bus.subscribe("test", capacity=100_000) as subscription:
        store: ActorRef[ResumeMessage] = ActorRef("resume_store", capacity=4096)
        house = House(kept, None, bus, Reader(subscription))  # type: ignore[arg-type]  # set below
        if jobs is not None:
            house.bench.jobs, house.bench.specs = jobs.jobs, jobs.specs
            house.fsops = ActorRef("fsops", capacity=1024)
            house.health = Health(on_change=partial(tell_health, bus))

        async def open_engine(settings: EngineSettings, *, state_dir: Path) -> Engine:
            engine = await open_simulated(settings, state_dir=state_dir)
            assert isinstance(engine, SimulatedEngine)
            house.engines.append(engine)
            return engine

        def make_session() -> SessionActor:
            return SessionActor(
                engine_factory=open_engine,
                settings=EngineSettings(listen=("127.0.0.1:0",)),
                state_dir=tmp_path,
                resume=store,
                fsops=house.fsops,
                moves_source=lambda: house.moves_source,
                bus=bus,
                select=evaluate,
                health=house.health,
                disk=disk,
                lanes=lambda name, workers: InlineLane(),
            )

        restarts = restart or RestartPolicy(backoff_initial=0.01)
        children: list[ChildSpec] = [ChildSpec(store, lambda: FakeStore(kept))]
        if house.fsops is not None:
            children.append(ChildSpec(house.fsops, lambda: FakeFsOps(house.bench), restart=restarts))
        children.append(ChildSpec(house.session, make_session, stop_within=14.0, restart=restarts))
        async with running(*children, health=house.health) as supervisor:
            house.supervisor = supervisor
            yield house


def tell_health(bus: Bus[Event], change: Transition) -> None:
    """Publish a change of health as the daemon does."""
    reason = change.reason or ""
    bus.publish(HealthChanged(change.component, change.previous, change.current, reason, change.generation))


@pytest.fixture
async def house(kept: StoredTorrents, tmp_path: Path, autojump_clock: trio.testing.MockClock) -> AsyncIterator[House]:
    async with open_house(kept, tmp_path) as house:
        yield house


async def add(house: House, options: TorrentOptions, metainfo: bytes, **changes: Any) -> TorrentView:
    view: TorrentView = await house.ask(AddTorrent(options=replace(options, **changes), metainfo=metainfo))
    return view


__all__ = ["House", "add", "open_house"]
