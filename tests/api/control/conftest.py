"""The real API actor before a configuration in memory, a governor that only knows guard rails, and a fake session."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from actors import Actor, ActorRef, Answer, Bus, ChildSpec, Handled, Health, RestartPolicy, Supervisor, answer
from actors.faults import collapse
from revaer.api.actor import ApiActor
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.config.messages import ConfigMessage
from revaer.config.schema import DOCUMENT_NAMES, json_schema
from revaer.config.surroundings import Defaults
from revaer.config.validate import with_mode
from revaer.database.messages import DatabaseStatus
from revaer.events import Event, coalescing_key, merge
from revaer.security.authenticate import Authenticator
from revaer.security.keys import ApiKey
from revaer.session.messages import SessionMessage
from revaer.telemetry.metrics import Metrics
from revaer.throttle.messages import EffectiveLimits, ReadLimits, ThrottleMessage, Violation
from tests.api.conftest import ADMIN, ADMIN_HASH, READER, READER_HASH, Catalogue, FakeSession, make_view
from tests.api.control.ledger import Clock, FakeConfig, Ledger

QUICKLY = RestartPolicy(backoff_initial=0.01, backoff_max=0.05)


class FakeGovernor(Actor[ThrottleMessage]):
    """Knows which guard rails are tripped, and of no limits."""

    def __init__(self, tripped: list[Violation]) -> None:
        self.tripped = tripped

    async def handle(self, message: Any) -> Handled:
        """Answer."""
        if isinstance(message, ReadLimits):
            return answer(message, EffectiveLimits(revision=1))
        return Answer(message, tuple(self.tripped))


@dataclass
class Node:
    """A running API and what stands behind it."""

    http: httpx.AsyncClient
    bus: Bus[Event]
    ledger: Ledger
    catalogue: Catalogue
    supervisor: Supervisor
    health: Health
    metrics: Metrics
    clock: Clock
    root: Path
    tripped: list[Violation]
    actors: list[ApiActor]
    moved: list[str]
    stopped: trio.Event
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens now."""
        return self.actors[-1].bound_url or ""

    @property
    def port(self) -> int:
        """Which port it listens on now."""
        return int(self.url.rpartition(":")[2])

    def client(self, key: ApiKey | str | None = None, url: str = "", **options: Any) -> httpx.AsyncClient:
        """A client with another key, or none; it is closed with the node."""
        headers = {} if key is None else {"x-revaer-api-key": str(key)}
        made = httpx.AsyncClient(base_url=url or self.url, headers=headers, timeout=10.0, trust_env=False, **options)
        self.clients.append(made)
        return made

    @property
    def terms_revision(self) -> int:
        """The revision that holds for calls."""
        return self.actors[-1]._standing.terms.revision


MakeConfig = Callable[[Bus[Event], Authenticator], Actor[ConfigMessage]]
StartNode = Callable[..., AbstractAsyncContextManager[Node]]


@asynccontextmanager
async def open_node(
    root: Path,
    *,
    documents: Mapping[str, Any] | None = None,
    mode: str = "active",
    views: int = 0,
    key: ApiKey | None = ADMIN,
    without_config: bool = False,
    before: Callable[[Ledger], None] = lambda _: None,
    make_config: MakeConfig | None = None,
    arguments: Mapping[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Node]:
    """Run a node for the length of a block. `before` may still change the ledger; `make_config` takes its place.

    `arguments` are further ones of the API's actor.
    """
    bus: Bus[Event] = Bus(ring=10_000, key=coalescing_key, merge=merge)
    health, metrics, clock = Health(proof_seconds=0.01), Metrics(), Clock()
    known = Authenticator([], clock=clock)
    roots = {name: str(root / name) for name in ("download_root", "resume_dir", "library_root")}
    ledger = Ledger(bus, known, clock, Defaults(**roots, http_port=settings.pop("http_port", 0)))
    ledger.enter_key(ADMIN, "admin", secret_hash=ADMIN_HASH)
    ledger.enter_key(READER, "read", secret_hash=READER_HASH)
    if documents:
        ledger.put(documents)
    if mode == "setup":
        ledger.configuration = with_mode(ledger.configuration, "setup")
        ledger.keys.clear()
        ledger.tell_keys()
    before(ledger)
    catalogue = Catalogue(bus)
    for number in range(views):
        view = make_view(number)
        catalogue.views[view.id] = view
    session: ActorRef[SessionMessage] = ActorRef("session")
    config: ActorRef[ConfigMessage] = ActorRef("config")
    throttle: ActorRef[ThrottleMessage] = ActorRef("throttle")
    tripped: list[Violation] = []
    actors: list[ApiActor] = []
    moved: list[str] = []
    kept = [0]

    def ready(url: str) -> None:
        kept[0] = int(url.rpartition(":")[2])

    def fake() -> Actor[ConfigMessage]:
        return FakeConfig(ledger)

    def make_api() -> ApiActor:
        actor = ApiActor(
            settings=ApiSettings(
                download_root=root,
                **{"port": int((actors[-1].bound_url or ":0").rpartition(":")[2]) if actors else 0, **settings},
            ),
            session=session,
            bus=bus,
            epoch=7,
            authenticator=known,
            health=health,
            facts=NodeFacts(version="1.2.3", build_sha="abc", started_at=time.time(), mode=mode),
            metrics=metrics,
            database=lambda: DatabaseStatus(True, "", 0.0, 0.001, "18.4"),
            mailboxes=lambda: {"session": session.statistics()},
            on_ready=ready,
            config=config,
            throttle=throttle,
            schemas={name: json_schema(name) for name in DOCUMENT_NAMES},
            on_moved=moved.append,
            **(arguments or {}),
        )
        actors.append(actor)
        return actor

    children = [
        ChildSpec(config, fake if make_config is None else partial(make_config, bus, known), restart=QUICKLY),
        ChildSpec(session, lambda: FakeSession(catalogue), restart=QUICKLY),
        ChildSpec(throttle, lambda: FakeGovernor(tripped), restart=QUICKLY),
        ChildSpec(ActorRef[Any]("api"), make_api, restart=QUICKLY, stop_within=6.0),
    ]
    supervisor = Supervisor(children[1:] if without_config else children, health=health)
    stopped = trio.Event()

    async def supervise(*, task_status: trio.TaskStatus[None]) -> None:
        await supervisor.run(task_status=task_status)
        stopped.set()

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(health.run)
            await nursery.start(supervise)
            headers = {} if key is None else {"x-revaer-api-key": str(key)}
            url = actors[-1].bound_url or ""
            http = httpx.AsyncClient(base_url=url, headers=headers, timeout=10.0, trust_env=False)
            node = Node(
                http, bus, ledger, catalogue, supervisor, health, metrics, clock, root, tripped, actors, moved, stopped
            )
            try:
                yield node
            finally:
                with trio.CancelScope(shield=True):
                    for client in (http, *node.clients):
                        await client.aclose()
                    supervisor.stop()
                    await stopped.wait()
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise collapse(group) or group from None


@pytest.fixture
def start_node(tmp_path: Path) -> StartNode:
    """Start a node: `async with start_node(documents={...}) as node`."""

    def start(**options: Any) -> AbstractAsyncContextManager[Node]:
        return open_node(tmp_path, **options)

    return start


@pytest.fixture
async def node(start_node: StartNode) -> AsyncIterator[Node]:
    """An active node."""
    async with start_node() as running:
        yield running
