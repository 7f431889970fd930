"""A running config actor over the real database, and builders for what it is told."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
import structlog
import trio

from actors import ActorRef, Bus, ChildSpec, ComponentHealth, Health, Lagged, Request, RestartPolicy, Supervisor
from actors.testing import running
from revaer.config import queries
from revaer.config.actor import ConfigActor, ConfigTiming
from revaer.config.current import Adoption
from revaer.config.key_file import KeyFile
from revaer.config.messages import (
    ApplyPatch,
    CompleteSetup,
    ConfigMessage,
    ConfigSnapshot,
    ReadConfiguration,
    SetupDone,
    SetupToken,
    StartSetup,
)
from revaer.config.surroundings import Defaults, Surroundings
from revaer.config.watcher import WatchTiming
from revaer.database.messages import ListeningDatabase
from revaer.database.service import open_database
from revaer.events import Event, SettingsChanged
from revaer.security.keys import StoredKey
from tests.config.store.faults import WatchedDatabase
from tests.support.postgres import (  # noqa: F401 - fixtures
    fresh_database_url,
    postgres_url,
    server_directory,
    shared_server_home,
)
from tests.support.waiting import eventually

PATIENT = ConfigTiming(watch=WatchTiming(poll_every=3600.0))
"""Polls so rarely that only notifications count."""

EAGER = ConfigTiming(watch=WatchTiming(poll_every=0.05, probe_within=0.05, retry_after=0.05))
"""Polls so often that a test need not wait."""


QUICKLY = RestartPolicy(backoff_initial=0.0, jitter=0.0)


@dataclass
class RunningConfig:
    """A config actor under its supervisor, with everything it told."""

    ref: ActorRef[ConfigMessage]
    bus: Bus[Event]
    health_of_all: Health
    supervisor: Supervisor
    home: Path
    keys: list[tuple[StoredKey, ...]] = field(default_factory=list)
    adoptions: list[Adoption] = field(default_factory=list)

    async def ask(self, request: Request[Any], *, within: float = 20.0) -> Any:
        return await self.ref.ask(request, within=within)

    async def read(self) -> ConfigSnapshot:
        return await self.ref.ask(ReadConfiguration(), within=20.0)

    async def patch(self, patch: Mapping[str, object], **terms: Any) -> ConfigSnapshot:
        return await self.ref.ask(ApplyPatch(patch, **terms), within=20.0)

    async def start_setup(self, **terms: Any) -> SetupToken:
        return await self.ref.ask(StartSetup(remote_is_loopback=True, **terms), within=20.0)

    async def set_up(self, changeset: Mapping[str, object] | None = None) -> SetupDone:
        """The whole setup; the node is active then."""
        token = await self.start_setup()
        return await self.ref.ask(CompleteSetup(token.clear, changeset or {}), within=20.0)

    async def until_revision(self, revision: int) -> ConfigSnapshot:
        """Wait until a revision is in force."""
        snapshots: list[ConfigSnapshot] = []

        async def reached() -> bool:
            snapshots.append(await self.read())
            return snapshots[-1].revision >= revision

        await eventually(reached, f"revision {revision} in force")
        return snapshots[-1]

    @property
    def health(self) -> ComponentHealth:
        self.health_of_all.settle(math.inf)
        return self.health_of_all.snapshot()["config_watcher"]

    @property
    def reason(self) -> str:
        return self.health.reason or ""

    @property
    def copy(self) -> Path:
        return self.home / "configuration.json"

    @property
    def key_file(self) -> Path:
        return self.home / "secret.key"


@dataclass
class Listener:
    """Every `SettingsChanged` from its beginning on."""

    bus: Bus[Event]
    seen: list[SettingsChanged] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._subscription = self.bus.subscribe("test", wants=lambda event: isinstance(event, SettingsChanged))

    def news(self) -> list[SettingsChanged]:
        while (item := self._subscription.try_next()) is not None:
            assert not isinstance(item, Lagged)
            assert isinstance(item.event, SettingsChanged)
            self.seen.append(item.event)
        return self.seen


async def hears(database: WatchedDatabase) -> None:
    """Wait until the one node on a database listens, which it follows up with a look."""
    await eventually(lambda: database.statements.count(queries.READ_STATE) >= 2, "the look after listening")


class RunConfig(Protocol):
    """Runs a config actor on a database and a directory while the block runs."""

    def __call__(
        self, database: ListeningDatabase, home: Path, **options: Any
    ) -> AbstractAsyncContextManager[RunningConfig]: ...


@asynccontextmanager
async def run_config_on(
    database: ListeningDatabase, home: Path, *, restart: RestartPolicy = QUICKLY, **options: Any
) -> AsyncIterator[RunningConfig]:
    ref: ActorRef[ConfigMessage] = ActorRef("config_watcher", capacity=1024)
    bus: Bus[Event] = Bus()
    health = Health(clock=trio.current_time)
    keys: list[tuple[StoredKey, ...]] = []
    adoptions: list[Adoption] = []

    def make() -> ConfigActor:
        fields: dict[str, Any] = {
            "key_file": KeyFile(home / "secret.key", may_create=True),
            "surroundings": Surroundings(),
            "timing": PATIENT,
        }
        return ConfigActor(
            database=database,
            bus=bus,
            copy_path=home / "configuration.json",
            defaults=Defaults("/downloads", "/resume", "/library"),
            on_keys=lambda given: keys.append(tuple(given)),
            on_adopted=adoptions.append,
            **fields | options,
        )

    spec = ChildSpec(ref, make, restart=restart)
    async with running(spec, health=health) as supervisor:
        yield RunningConfig(ref, bus, health, supervisor, home, keys, adoptions)


@pytest.fixture
def run_config() -> RunConfig:
    return run_config_on


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[ListeningDatabase]:
    async with open_database(data_dir=Path("unused"), url=url, on_status=lambda _: None) as database:
        with trio.fail_after(15):
            await database.wait_available()
        yield database


@pytest.fixture
async def real_database(fresh_database_url: str) -> AsyncIterator[ListeningDatabase]:  # noqa: F811 - the imported fixture
    """A usable, empty database with the daemon's schema."""
    async with opened(fresh_database_url) as database:
        yield database


@pytest.fixture
async def database(real_database: ListeningDatabase) -> AsyncIterator[WatchedDatabase]:
    """The same, with faults on demand."""
    async with trio.open_nursery() as nursery:
        yield WatchedDatabase(real_database, nursery)
        nursery.cancel_scope.cancel()


@pytest.fixture
async def node(database: WatchedDatabase, tmp_path: Path) -> AsyncIterator[RunningConfig]:
    """A config actor that hears notifications and never polls."""
    async with run_config_on(database, tmp_path) as config:
        await hears(database)
        yield config


@pytest.fixture
async def polling(database: WatchedDatabase, tmp_path: Path) -> AsyncIterator[RunningConfig]:
    """A config actor that polls all the time."""
    async with run_config_on(database, tmp_path, timing=EAGER) as config:
        await hears(database)
        yield config


@pytest.fixture
def log_lines() -> Any:
    """What is logged, as a list of fields."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def named(log_lines: list[dict[str, Any]]) -> Callable[[str], list[dict[str, Any]]]:
    """Picks the logged lines of one event."""
    return lambda event: [line for line in log_lines if line["event"] == event]
