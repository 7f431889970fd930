"""A running queue with a fake runner on a real database that can go away, and builders for what goes into it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import pytest
import trio

from actors import ActorRef, Bus, ChildSpec, ComponentHealth, Health, Request, Supervisor
from actors.testing import running
from revaer.database.messages import Database
from revaer.database.service import open_database
from revaer.events import Event
from revaer.fsops.actor import FsOpsActor
from revaer.fsops.messages import (
    Enqueue,
    FsOpsFigures,
    FsOpsMessage,
    InspectJob,
    JobDetail,
    JobState,
    ReportFsOps,
    SourceFile,
)
from revaer.fsops.policy import Paths, Policy
from revaer.fsops.retry import RetryPolicy
from revaer.fsops.terms import Settings, SettingsUnavailable, Timing
from revaer.fsops.tools import ToolName, ToolStatus
from revaer.fsops.workshop import Benches
from revaer.types import TorrentId
from tests.fsops_queue.fake_runner import Bench, FakeRunner
from tests.fsops_queue.faulty_database import FaultyDatabase
from tests.support.postgres import fresh_database_url, postgres_url, shared_server_home  # noqa: F401 - fixtures
from tests.support.waiting import eventually

QUICK = Timing(
    progress=0.02,
    watch=0.02,
    blocked=0.02,
    look_within=2.0,
    tools=0.05,
    again=0.02,
    refused=0.02,
    sweep=0.05,
    stop=5.0,
    retry=RetryPolicy(first=0.02, longest=0.1, max_failures=3),
)


def torrent_id(number: int) -> TorrentId:
    return TorrentId(f"01900000-0000-7000-8000-{number:012x}")


class BoomError(Exception):
    """The fault that crashes an actor."""


class FakeTools:
    """Tools that are there, but for those that are missing."""

    def __init__(self) -> None:
        self.missing: set[ToolName] = set()

    def probe(self) -> tuple[ToolStatus, ...]:
        return tuple(
            ToolStatus(name, None, None, f"{name}-package", f"please install the package {name}-package", str(name))
            if name in self.missing
            else ToolStatus(name, "9.0", Path("/usr/bin") / name, f"{name}-package", None, str(name))
            for name in ToolName
        )


@dataclass
class Surroundings:
    """Everything around the queue that outlives a crash of the actor."""

    database: FaultyDatabase
    library: Path
    downloads: Path
    runner: FakeRunner = field(default_factory=FakeRunner)
    tools: FakeTools = field(default_factory=FakeTools)
    benches: Benches = field(default_factory=Benches)
    bus: Bus[Event] = field(default_factory=Bus)
    policy: Policy = field(default_factory=Policy)
    settings_away: str | None = None

    async def read_settings(self) -> Settings:
        if self.settings_away is not None:
            raise SettingsUnavailable(self.settings_away)
        return Settings(self.policy, Paths(self.library, (self.downloads,)))


@dataclass
class RunningQueue:
    """A queue under its supervisor, with what it told."""

    ref: ActorRef[FsOpsMessage]
    health_of_all: Health
    supervisor: Supervisor
    generations: list[FsOpsActor]
    around: Surroundings
    events: list[Event]

    async def ask(self, request: Request[Any], *, within: float = 20.0) -> Any:
        return await self.ref.ask(request, within=within)

    async def enqueue(self, number: int, **fields: Any) -> Any:
        return await self.ask(replace(self.request(number), **fields))

    def request(self, number: int) -> Enqueue:
        return Enqueue(
            torrent_id(number),
            f"torrent {number}",
            str(self.around.downloads),
            (SourceFile(f"{number}/a.bin", 10), SourceFile(f"{number}/b.bin", 20)),
            multi_file=True,
        )

    async def inspect(self, number: int) -> JobDetail:
        detail = await self.ask(InspectJob(torrent_id(number)))
        assert isinstance(detail, JobDetail)
        return detail

    async def state(self, number: int) -> JobState:
        return (await self.inspect(number)).state

    async def reaches(self, number: int, state: JobState) -> JobDetail:
        async def is_reached() -> bool:
            return await self.state(number) is state

        await eventually(is_reached, f"job {number} is {state}")
        return await self.inspect(number)

    async def runs(self, number: int, *, times: int = 1) -> Bench:
        """Wait until a torrent runs for the so-manieth time."""

        def found() -> list[Bench]:
            return [bench for bench in self.around.runner.runs if bench.spec.torrent_id == torrent_id(number)]

        await eventually(lambda: len(found()) >= times, f"torrent {number} runs {times} times")
        return found()[times - 1]

    def work(self, number: int) -> Path:
        """Make a work directory, as a run that did not end leaves it."""
        work = self.around.library / ".revaer" / "work" / torrent_id(number)
        (work / "tree").mkdir(parents=True)
        (work / "owner.json").write_text(f'{{"torrent_id": "{torrent_id(number)}"}}')
        (work / "tree" / "half").write_text("half")
        return work

    async def figures(self) -> FsOpsFigures:
        figures = await self.ask(ReportFsOps())
        assert isinstance(figures, FsOpsFigures)
        return figures

    async def loaded(self) -> None:
        await eventually(lambda: self.generations[-1]._ledger.is_loaded, "the queue is read")

    async def crash(self) -> None:
        """Crash the actor and wait until the next generation has read the queue."""
        generation = self.ref.generation
        self.supervisor.crash("fsops", BoomError())
        await eventually(lambda: self.ref.generation > generation, "it is started again")
        await eventually(lambda: hasattr(self.generations[-1], "_foreman"), "it is put together")
        await self.loaded()

    async def degraded(self, words: str) -> None:
        await eventually(lambda: words in (self.health.reason or ""), lambda: f"{words!r} in {self.health.reason!r}")

    async def well(self) -> None:
        await eventually(lambda: self.health.reason is None, lambda: f"no trouble, but {self.health.reason!r}")

    @property
    def health(self) -> ComponentHealth:
        self.health_of_all.settle(math.inf)
        return self.health_of_all.snapshot()["fsops"]

    def kinds(self, number: int) -> list[str]:
        return [event.kind for event in self.events_of(number) if event.kind != "fsops_changed"]

    def events_of(self, number: int) -> list[Event]:
        return [event for event in self.events if getattr(event, "torrent_id", None) == torrent_id(number)]


class RunQueue(Protocol):
    """Runs a queue while the block runs."""

    def __call__(self, around: Surroundings, **options: Any) -> AbstractAsyncContextManager[RunningQueue]: ...


@asynccontextmanager
async def run_queue_on(around: Surroundings, **options: Any) -> AsyncIterator[RunningQueue]:
    ref: ActorRef[FsOpsMessage] = ActorRef("fsops", capacity=4096)
    generations: list[FsOpsActor] = []
    events: list[Event] = []

    def make() -> FsOpsActor:
        generations.append(
            FsOpsActor(
                database=around.database,
                bus=around.bus,
                runner=around.runner,
                read_settings=around.read_settings,
                tools=around.tools,
                benches=around.benches,
                **{"timing": QUICK, **options},
            )
        )
        return generations[-1]

    def note(event: Event) -> bool:
        events.append(event)
        return False

    health = Health(clock=trio.current_time)
    with around.bus.subscribe("test", capacity=1, wants=note):
        async with running(ChildSpec(ref, make), health=health) as supervisor:
            yield RunningQueue(ref, health, supervisor, generations, around, events)
    await eventually(lambda: not around.runner.active, "no thread works any more")


@pytest.fixture
def run_queue() -> RunQueue:
    return run_queue_on


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
def around(real_database: Database, tmp_path: Path) -> Surroundings:
    """A database with faults on demand, an empty library and a directory of downloads."""
    library, downloads = tmp_path / "library", tmp_path / "downloads"
    library.mkdir()
    downloads.mkdir()
    return Surroundings(FaultyDatabase(real_database), library, downloads)


@pytest.fixture
async def queue(around: Surroundings) -> AsyncIterator[RunningQueue]:
    async with run_queue_on(around) as running_queue:
        yield running_queue
