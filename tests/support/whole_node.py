"""The session under its real supervisor and on the real clock, between an engine and a resume store that a test
chooses, with the API before it when a test wants to speak HTTP."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import trio

from actors import Actor, ActorRef, Bus, ChildSpec, Health, Request, RestartPolicy, Stamped, Subscription, Supervisor
from actors.testing import running
from revaer.api.actor import ApiActor
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.database.messages import DatabaseStatus
from revaer.events import Event, coalescing_key, fences, merge
from revaer.fsops.messages import FsOpsMessage
from revaer.resume.messages import ResumeMessage
from revaer.security.authenticate import Authenticator
from revaer.security.keys import StoredKey, generate_key, hash_secret
from revaer.selection import evaluate
from revaer.session.actor import SessionActor
from revaer.session.interfaces import InterfaceProbe, system_interfaces
from revaer.session.messages import CatalogueSnapshot, Inspect, SessionMessage, Snapshot, TorrentDetail
from revaer.session.port import Engine, EngineFactory, EngineSettings
from revaer.session.timing import Timing
from revaer.telemetry.metrics import Metrics
from revaer.types import TorrentId, TorrentOptions, TorrentState, TorrentView
from tests.support.fake_fsops import Bench, FakeFsOps
from tests.support.streams import Envelopes, open_lines
from tests.support.waiting import eventually

R = TypeVar("R")

WITHIN = 60.0
"""Seconds that a test waits for anything at most; far more than it takes."""

QUICK = Timing(
    tick=0.05,
    stall=1.0,
    retry=0.1,
    retry_max=0.5,
    directories=0.0,
    interfaces=0.1,
    sentinel=0.1,
    record_interval=0.5,
    record_answer=2.0,
)
"""A session that looks often, so that a test waits for nothing but the work."""

KEY = generate_key()
STORED_KEY = StoredKey(KEY.key_id, hash_secret(KEY.secret), frozenset({"admin"}))
RESTART = RestartPolicy(max_restarts=20, backoff_initial=0.01, backoff_max=0.05)


@dataclass
class WholeNode:
    """What runs, and what a test does with it.

    Attributes:
        root: everything on disk is below it.
        engines: one per generation of the session; the last one runs.
        http: speaks to the API; a test that did not ask for one has none.
        urls: where the API listened, one per generation.
        bench: the jobs of post-processing, on a node that has it.
    """

    root: Path
    bus: Bus[Event]
    session: ActorRef[SessionMessage]
    events: Subscription[Event]
    health: Health = field(default_factory=lambda: Health(proof_seconds=0.01))
    metrics: Metrics = field(default_factory=Metrics)
    engines: list[Engine] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    seen: list[Stamped[Event]] = field(default_factory=list)
    supervisor: Supervisor | None = None
    client: httpx.AsyncClient | None = None
    fsops: ActorRef[FsOpsMessage] | None = None
    bench: Bench = field(init=False)

    def __post_init__(self) -> None:
        self.bench = Bench(self.bus)

    @property
    def downloads(self) -> Path:
        """Where torrents go."""
        return self.root / "downloads"

    @property
    def http(self) -> httpx.AsyncClient:
        """The client of the API."""
        assert self.client is not None, "the node was opened without its API"
        return self.client

    @property
    def engine(self) -> Any:
        """The engine that runs."""
        return self.engines[-1]

    def options(self, **changes: Any) -> TorrentOptions:
        """Options of an add."""
        return TorrentOptions(**({"download_dir": str(self.downloads)} | changes))

    def crash(self, name: str) -> None:
        """Crash an actor."""
        assert self.supervisor is not None
        self.supervisor.crash(name, RuntimeError("drill"))

    async def ask(self, request: Request[R]) -> R:
        """Ask the session."""
        return await self.session.ask(request, within=WITHIN)

    async def snapshot(self) -> CatalogueSnapshot:
        """What the session has."""
        return await self.ask(Snapshot())

    async def detail(self, torrent_id: TorrentId) -> TorrentDetail:
        """One torrent with its files."""
        return await self.ask(Inspect(torrent_id))

    async def views(self) -> dict[TorrentId, TorrentView]:
        """Every torrent by its id."""
        return {view.id: view for view in (await self.snapshot()).views}

    async def view(self, torrent_id: TorrentId) -> TorrentView:
        """One torrent; it must be there."""
        return (await self.views())[torrent_id]

    async def until(self, torrent_id: TorrentId, right: TorrentState | Callable[[TorrentView], bool]) -> TorrentView:
        """Wait until a torrent is there, and in a state or as wanted."""
        views: dict[TorrentId, TorrentView] = {}

        async def there() -> bool:
            views.update(await self.views())
            view = views.get(torrent_id)
            if view is None:
                return False
            return view.state.kind is right if isinstance(right, TorrentState) else right(view)

        await eventually(there, lambda: f"{right}: {views}", within=WITHIN)
        return views[torrent_id]

    async def eventually(self, condition: Callable[[], object | Awaitable[object]], what: str) -> None:
        """Wait for a condition."""
        await eventually(condition, what, within=WITHIN)

    def history(self, torrent_id: TorrentId | None = None) -> list[Event]:
        """Everything published so far, or what was about one torrent; without progress."""
        while (item := self.events.try_next()) is not None:
            assert isinstance(item, Stamped)
            self.seen.append(item)
        about = [stamped.event for stamped in self.seen if stamped.event.kind != "progress"]
        return [event for event in about if torrent_id in (None, getattr(event, "torrent_id", None))]

    def kinds(self, torrent_id: TorrentId) -> list[str]:
        """The kinds of the events about one torrent, progress left out."""
        return [event.kind for event in self.history(torrent_id)]

    async def stream(self, *, after: str | None = None, **parameters: str) -> Envelopes:
        """Open an event stream over HTTP."""
        if after is not None:
            parameters["last_event_id"] = after
        return Envelopes(await open_lines(self.urls[-1], str(KEY), "/v1/events", parameters))


@asynccontextmanager
async def open_node(
    root: Path,
    *,
    engine: EngineFactory,
    store: Callable[[], Actor[ResumeMessage]],
    settings: EngineSettings | None = None,
    interfaces: InterfaceProbe = system_interfaces,
    timing: Timing = QUICK,
    serves: bool = False,
    processes: bool = False,
    capacity: int = 1024,
) -> AsyncIterator[WholeNode]:
    """Run a node for the length of a block.

    Args:
        root: where its files go.
        engine: opens its engine.
        store: makes its resume store.
        settings: what the engine shall be like.
        interfaces: looks at the network interfaces.
        timing: how often the session looks.
        serves: whether the API runs before it.
        processes: whether it has post-processing, which does what the test says.
        capacity: how many messages fit into the session's mailbox.
    """
    bus: Bus[Event] = Bus(key=coalescing_key, merge=merge, fences=fences)
    resume: ActorRef[ResumeMessage] = ActorRef("resume_store", capacity=4096)
    with bus.subscribe("test", capacity=1_000_000) as events:
        node = WholeNode(root, bus, ActorRef("session", capacity=capacity), events)

        async def open_engine(settings: EngineSettings, *, state_dir: Path) -> Engine:
            node.engines.append(await engine(settings, state_dir=state_dir))
            return node.engines[-1]

        def make_session() -> SessionActor:
            return SessionActor(
                engine_factory=open_engine,
                settings=settings or EngineSettings(listen=("127.0.0.1:0",)),
                state_dir=root,
                resume=resume,
                fsops=node.fsops,
                bus=bus,
                select=evaluate,
                health=node.health,
                interfaces=interfaces,
                timing=timing,
            )

        children = [ChildSpec(resume, store, restart=RESTART, start_within=30.0)]
        if processes:
            node.fsops = ActorRef("fsops", capacity=1024)
            children.append(ChildSpec(node.fsops, lambda: FakeFsOps(node.bench), restart=RESTART, start_within=30.0))
        children.append(
            ChildSpec(node.session, make_session, restart=RESTART, start_within=30.0, stop_within=14.0),
        )
        if serves:
            children.append(_api_child(node))
        async with running(*children, health=node.health) as supervisor, trio.open_nursery() as nursery:
            nursery.start_soon(node.health.run)
            node.supervisor = supervisor
            async with _client(node):
                yield node
            nursery.cancel_scope.cancel()


def _api_child(node: WholeNode) -> ChildSpec:
    settings = [ApiSettings(download_root=node.downloads, port=0, allow_paths=(node.root,))]

    def ready(url: str) -> None:
        node.urls.append(url)
        settings[0] = replace(settings[0], port=int(url.rpartition(":")[2]))

    def make_api() -> ApiActor:
        return ApiActor(
            settings=settings[0],
            session=node.session,
            fsops=node.fsops,
            bus=node.bus,
            epoch=1,
            authenticator=Authenticator([STORED_KEY]),
            health=node.health,
            facts=NodeFacts(version="0", build_sha="test", started_at=time.time()),
            metrics=node.metrics,
            database=lambda: DatabaseStatus(True, "", 0.0),
            mailboxes=lambda: {"session": node.session.statistics()},
            on_ready=ready,
        )

    return ChildSpec(ActorRef("api"), make_api, restart=RESTART, start_within=30.0, stop_within=6.0)


@asynccontextmanager
async def _client(node: WholeNode) -> AsyncIterator[None]:
    if not node.urls:
        yield
        return
    headers = {"x-revaer-api-key": str(KEY)}
    async with httpx.AsyncClient(base_url=node.urls[-1], headers=headers, timeout=WITHIN, trust_env=False) as client:
        node.client = client
        yield
