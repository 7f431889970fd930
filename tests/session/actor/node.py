"""A session under its real supervisor, between a fake engine and a fake store."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import trio
from trio.testing import wait_all_tasks_blocked

from actors import ActorRef, Bus, ChildSpec, Health, Request, Stamped, Supervisor
from actors.testing import running
from revaer.events import Event, MetadataUpdated, coalescing_key, fences, merge
from revaer.resume.messages import ResumeMessage
from revaer.selection import evaluate
from revaer.session.actor import SessionActor
from revaer.session.blocklist_fetch import Fetcher
from revaer.session.disk_calls import Lane
from revaer.session.interfaces import Interface
from revaer.session.messages import AddTorrent, SessionMessage, Snapshot
from revaer.session.port import EngineSettings
from revaer.types import TorrentId, TorrentOptions, TorrentState, TorrentView
from tests.session.actor.fake_engine import FakeEngine, FakeEngines
from tests.session.actor.fake_store import FakeStore, Shelf
from tests.support.torrents import magnet_for, make_torrent, payload

T = TypeVar("T")
R = TypeVar("R")

FILES = {"film.mkv": payload(60_000), "notes/film.nfo": payload(500, seed=1)}


def torrent_file(name: str = "Film") -> bytes:
    """Make a `.torrent`; another name makes another torrent."""
    return make_torrent(FILES, name=name)


class InlineLane:
    """Runs a blocking call at once: no thread, so a mock clock cannot run ahead of it."""

    async def run(self, fn: Callable[..., T], *args: object, within: float | None = None) -> T:
        await trio.lowlevel.checkpoint()
        return fn(*args)


class HeldLane(InlineLane):
    """Runs blocking calls at once but for a time when it holds them."""

    def __init__(self) -> None:
        self._open = trio.Event()
        self._open.set()

    def hold(self) -> None:
        """Let calls wait from now on."""
        self._open = trio.Event()

    def free(self) -> None:
        """Let them go on."""
        self._open.set()

    async def run(self, fn: Callable[..., T], *args: object, within: float | None = None) -> T:
        await self._open.wait()
        return await super().run(fn, *args, within=within)


class FakeInterfaces:
    """The network interfaces of a host that a test plugs together.

    Attributes:
        up: addresses by name.
        trouble: what looking fails with, None when it works.
        looks: how often somebody looked.
    """

    def __init__(self) -> None:
        self.up: dict[str, frozenset[str]] = {"lo": frozenset({"127.0.0.1"})}
        self.trouble: OSError | None = None
        self.looks = 0
        self._indexes: dict[str, int] = {"lo": 1}

    def plug(self, name: str, *addresses: str) -> None:
        """Let an interface come, or come back: it has another number then."""
        self._indexes[name] = max(self._indexes.values()) + 1
        self.up[name] = frozenset(addresses)

    def unplug(self, name: str) -> None:
        """Let an interface vanish."""
        del self.up[name]

    def __call__(self) -> Mapping[str, Interface]:
        self.looks += 1
        if self.trouble is not None:
            raise self.trouble
        return {name: Interface(self._indexes[name], is_up=True, addresses=found) for name, found in self.up.items()}


@dataclass(slots=True)
class Node:
    """What a test holds: engines and shelf outlive sessions, so one node may be started again."""

    root: Path
    engines: FakeEngines = field(default_factory=FakeEngines)
    shelf: Shelf = field(default_factory=Shelf)
    health: Health = field(default_factory=Health)
    bus: Bus[Event] = field(default_factory=lambda: Bus(key=coalescing_key, merge=merge, fences=fences))
    session: ActorRef[SessionMessage] = field(default_factory=lambda: ActorRef("session"))
    supervisor: Supervisor | None = None
    settings: EngineSettings = field(default_factory=EngineSettings)
    interfaces: FakeInterfaces = field(default_factory=FakeInterfaces)
    fetcher: Fetcher | None = None
    wall: Callable[[], float] = time.time
    lanes: dict[str, Lane] = field(default_factory=dict)

    @property
    def engine(self) -> FakeEngine:
        """The engine that runs."""
        return self.engines.now

    @property
    def downloads(self) -> Path:
        """Where payload goes."""
        return self.root / "downloads"

    def options(self, **changes: Any) -> TorrentOptions:
        """Options of an add."""
        return TorrentOptions(**({"download_dir": str(self.downloads)} | changes))

    async def ask(self, request: Request[R]) -> R:
        """Ask the session."""
        return await self.session.ask(request, within=60.0)

    async def add(self, name: str = "Film", **changes: Any) -> TorrentView:
        """Add a torrent."""
        return await self.ask(AddTorrent(self.options(**changes), metainfo=torrent_file(name)))

    async def add_magnet(self, name: str = "Film", **changes: Any) -> TorrentView:
        """Add the magnet of a torrent."""
        return await self.ask(AddTorrent(self.options(**changes), magnet=magnet_for(torrent_file(name))))

    async def views(self) -> dict[TorrentId, TorrentView]:
        """Return what a list shows."""
        return {view.id: view for view in (await self.ask(Snapshot())).views}

    def news(self, torrent_id: TorrentId) -> list[MetadataUpdated]:
        """Return what was told so far of changed facts of a torrent."""
        found: list[MetadataUpdated] = []
        with self.bus.subscribe("news", since=0) as events:
            while (item := events.try_next()) is not None:
                if isinstance(item, Stamped) and isinstance(item.event, MetadataUpdated):
                    found.append(item.event)
        return [event for event in found if event.torrent_id == torrent_id]

    async def settled(self, seconds: float = 2.0) -> None:
        """Let the session work for a while of mock time."""
        await trio.sleep(seconds)
        await wait_all_tasks_blocked()

    async def state(self, torrent_id: TorrentId) -> TorrentState:
        """Return the state of a torrent after the session had time to see what happened."""
        await self.settled()
        return (await self.views())[torrent_id].state.kind

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Node]:
        """Run the session for the length of a block and stop it orderly."""
        resume: ActorRef[ResumeMessage] = ActorRef("resume_store")
        self.session = ActorRef("session")

        def make_session() -> SessionActor:
            return SessionActor(
                engine_factory=self.engines,
                settings=lambda: self.settings,
                state_dir=self.root,
                resume=resume,
                bus=self.bus,
                select=evaluate,
                health=self.health,
                interfaces=self.interfaces,
                fetcher=self.fetcher,
                wall=self.wall,
                lanes=lambda name, _workers: self.lanes.get(name) or InlineLane(),
            )

        children = (
            ChildSpec(resume, lambda: FakeStore(self.shelf)),
            ChildSpec(self.session, make_session, stop_within=14.0),
        )
        async with running(*children, health=self.health) as supervisor:
            self.supervisor = supervisor
            yield self
