"""The real API actor under the real supervisor, before a session that is a dictionary."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trio

from actors import Actor, ActorRef, Answer, Bus, ChildSpec, Handled, Health, RestartPolicy, Supervisor, answer, later
from actors.faults import collapse
from revaer.api.actor import ApiActor
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.database.messages import DatabaseStatus
from revaer.events import (
    CatalogueListed,
    Event,
    ProgressReported,
    StateChanged,
    TorrentAdded,
    TorrentRemoved,
    coalescing_key,
    fences,
    merge,
)
from revaer.security.authenticate import Authenticator
from revaer.security.keys import ApiKey, StoredKey, generate_key, hash_secret
from revaer.session import messages as session
from revaer.session.messages import SessionMessage
from revaer.telemetry.metrics import Metrics
from revaer.types import (
    Descriptor,
    FileView,
    InfoHash,
    Priority,
    Progress,
    StateView,
    TorrentId,
    TorrentOptions,
    TorrentState,
    TorrentView,
    new_torrent_id,
)
from tests.support import conformity

ADMIN = generate_key()
READER = generate_key()
EXPIRED = generate_key()
ADMIN_HASH, READER_HASH, EXPIRED_HASH = (hash_secret(key.secret) for key in (ADMIN, READER, EXPIRED))


@pytest.fixture(autouse=True)
def documented(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hold every answer that the API gives in this process against its OpenAPI document."""
    with conformity.watched(monkeypatch):
        yield


def make_view(number: int, **changes: Any) -> TorrentView:
    """A torrent; `changes` go to its descriptor, its progress (`progress=`) or its state (`state=`)."""
    progress = changes.pop("progress", Progress(bytes_total=1000 + number))
    kind = changes.pop("state", TorrentState.DOWNLOADING)
    info_hash = f"{number:040x}"
    descriptor = Descriptor(
        hashes=InfoHash(v1=info_hash),
        info_hash=info_hash,
        download_dir="/srv",
        added_at=1_700_000_000.0 + number,
        name=f"torrent {number:05}",
    )
    torrent_id = new_torrent_id(now=1_700_000_000.0 + number, entropy=number.to_bytes(10, "big"))
    since = descriptor.added_at
    return TorrentView(torrent_id, replace(descriptor, **changes), StateView(kind, since), progress, since)


class Catalogue:
    """What the fake session knows; it outlives restarts.

    Attributes:
        views: the torrents.
        requests: every message that came, but snapshots and reports.
        refuse: raised instead of answering the next request that is neither.
        hold: when set, requests wait for it.
    """

    def __init__(self, bus: Bus[Event]) -> None:
        self.bus = bus
        self.views: dict[TorrentId, TorrentView] = {}
        self.requests: list[Any] = []
        self.refuse: list[Exception] = []
        self.hold: trio.Event | None = None
        self.loading = False
        self.listed = True
        self.snapshots = 0

    def add(self, view: TorrentView, *, restored: bool = False) -> TorrentView:
        """Put a torrent in, and tell."""
        self.views[view.id] = view
        self.bus.publish(TorrentAdded(view.id, view, restored))
        return view

    def remove(self, torrent_id: TorrentId) -> None:
        """Take a torrent out, and tell."""
        del self.views[torrent_id]
        self.bus.publish(TorrentRemoved(torrent_id, data_deleted=False))

    def finish_listing(self, *, complete: bool = True) -> None:
        """Say that the torrents of an earlier run are all here."""
        self.listed, self.loading = True, not complete
        self.bus.publish(CatalogueListed(complete))

    def progress(self, figures: Mapping[TorrentId, Progress]) -> None:
        """Publish a batch of progress."""
        for torrent_id, progress in figures.items():
            self.views[torrent_id] = msgspec.structs.replace(self.views[torrent_id], progress=progress)
        self.bus.publish(ProgressReported(dict(figures)))

    def change_state(self, torrent_id: TorrentId, kind: TorrentState) -> TorrentView:
        """Put a torrent into another state, and tell."""
        old = self.views[torrent_id]
        state = StateView(kind, time.time())
        self.views[torrent_id] = msgspec.structs.replace(old, state=state)
        self.bus.publish(StateChanged(torrent_id, old.state.kind, state))
        return self.views[torrent_id]


class FakeSession(Actor[SessionMessage]):
    """Answers from a catalogue, as the session promises to."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    async def handle(self, message: SessionMessage) -> Handled:
        """Answer one message."""
        match message:
            case session.Snapshot():
                self.catalogue.snapshots += 1
                known = self.catalogue
                views = tuple(known.views.values())
                snapshot = session.CatalogueSnapshot(known.bus.seq, views, known.loading, known.listed)
                return answer(message, snapshot)
            case session.ReportEngine():
                report = session.EngineReport("fake", ("127.0.0.1:1",), 10, 20, 1000, 2000, 3, {"x": 1}, 0, 0)
                return answer(message, report)
            case _:
                return await self._handle_call(message)

    async def _handle_call(self, message: Any) -> Handled:
        self.catalogue.requests.append(message)
        if self.catalogue.refuse:
            raise self.catalogue.refuse.pop(0)
        if self.catalogue.hold is not None:
            hold = self.catalogue.hold

            async def wait() -> Any:
                await hold.wait()
                return self._reply(message).value

            return later(message, wait)
        return self._reply(message)

    def _reply(self, message: Any) -> Answer:
        catalogue = self.catalogue
        match message:
            case session.AddTorrent():
                options = message.options
                number = len(catalogue.requests) + 500_000
                view = make_view(
                    number,
                    download_dir=options.download_dir,
                    tags=options.tags,
                    category=options.category,
                    name=options.name or f"torrent {number:05}",
                )
                if message.torrent_id is not None:
                    view = msgspec.structs.replace(view, id=message.torrent_id)
                return answer(message, catalogue.add(view))
            case session.RemoveTorrent(torrent_id=torrent_id):
                catalogue.remove(torrent_id)
                return answer(message, None)
            case session.Act(torrent_id=torrent_id, action=session.Pause()):
                return answer(message, catalogue.change_state(torrent_id, TorrentState.STOPPED))
            case session.Act(torrent_id=torrent_id):
                return answer(message, catalogue.views[torrent_id])
            case session.Select(torrent_id=torrent_id) | session.Inspect(torrent_id=torrent_id):
                return Answer(message, detail_of(catalogue.views[torrent_id]))
            case session.AddTorrents(items=items):
                return answer(message, tuple(self._add_one(item) for item in items))
            case session.ActOnMany(torrent_ids=torrent_ids):
                return answer(message, tuple(catalogue.views[one] for one in torrent_ids))
            case _:
                raise AssertionError(message)

    def _add_one(self, item: session.AddTorrent) -> TorrentView | session.SessionRefusal:
        """Add one of many; a torrent of the same id is there already."""
        self.catalogue.requests.append(item)
        known = self.catalogue.views.get(item.torrent_id) if item.torrent_id is not None else None
        if known is not None:
            return session.DuplicateTorrent(known.id, known.descriptor.info_hash)
        view: TorrentView = self._reply(item).value
        return view


def detail_of(view: TorrentView) -> session.TorrentDetail:
    """The detail of a torrent with one file."""
    file = FileView(0, "film.mkv", 1000, 10, Priority.NORMAL, selected=True, rule="default")
    return session.TorrentDetail(view, TorrentOptions(download_dir="/srv"), (file,))


@dataclass
class Running:
    """A running API and what stands behind it."""

    url: str
    http: httpx.AsyncClient
    bus: Bus[Event]
    catalogue: Catalogue
    supervisor: Supervisor
    health: Health
    metrics: Metrics
    settings: ApiSettings
    session: ActorRef[SessionMessage]
    stopped: trio.Event
    urls: list[str] = field(default_factory=list)
    """Where it was said to be ready, in order."""


StartApi = Callable[..., AbstractAsyncContextManager[Running]]


@asynccontextmanager
async def open_api(
    root: Path,
    *,
    views: int = 0,
    capacity: int = 256,
    mode: str = "active",
    ring: int = 10_000,
    key: ApiKey | None = ADMIN,
    listed: bool = True,
    beside: Callable[[Bus[Event]], tuple[Sequence[ChildSpec], Mapping[str, Any]]] = lambda _: ((), {}),
    annotate: Callable[[Event], Any] = lambda _: None,
    **settings: Any,
) -> AsyncIterator[Running]:
    """Run an API for the length of a block. `beside` makes further actors, and further arguments of the API's."""
    bus: Bus[Event] = Bus(ring=ring, key=coalescing_key, merge=merge, fences=fences, annotate=annotate)
    health, metrics = Health(proof_seconds=0.01), Metrics()
    session_ref: ActorRef[SessionMessage] = ActorRef("session", capacity=capacity)
    api_ref: ActorRef[Any] = ActorRef("api")
    catalogue = Catalogue(bus)
    catalogue.listed, catalogue.loading = listed, not listed
    for number in range(views):
        view = make_view(number)
        catalogue.views[view.id] = view
    known = Authenticator(
        [
            StoredKey(ADMIN.key_id, ADMIN_HASH, frozenset({"admin"})),
            StoredKey(READER.key_id, READER_HASH, frozenset({"read"})),
            StoredKey(EXPIRED.key_id, EXPIRED_HASH, frozenset({"admin"}), expires_at=1.0),
        ]
    )
    api_settings = [ApiSettings(download_root=root, **{"port": 0, **settings})]
    urls: list[str] = []
    actors: list[ApiActor] = []
    others, arguments = beside(bus)

    def ready(url: str) -> None:
        urls.append(url)
        api_settings[0] = replace(api_settings[0], port=int(url.rpartition(":")[2]))

    def make_api() -> ApiActor:
        actor = ApiActor(
            settings=api_settings[0],
            session=session_ref,
            bus=bus,
            epoch=7,
            authenticator=known,
            health=health,
            facts=NodeFacts(version="1.2.3", build_sha="abc", started_at=time.time(), mode=mode),
            metrics=metrics,
            database=lambda: DatabaseStatus(True, "", 0.0, 0.001, "18.4"),
            mailboxes=lambda: {"session": session_ref.statistics()},
            on_ready=ready,
            first_list_within=3.0 if listed else 0.01,
            **arguments,
        )
        actors.append(actor)
        return actor

    policy = RestartPolicy(backoff_initial=0.01, backoff_max=0.05)
    supervisor = Supervisor(
        [
            ChildSpec(session_ref, lambda: FakeSession(catalogue), restart=policy),
            *others,
            ChildSpec(api_ref, make_api, restart=policy, stop_within=6.0),
        ],
        health=health,
    )
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
            try:
                yield Running(
                    url,
                    http,
                    bus,
                    catalogue,
                    supervisor,
                    health,
                    metrics,
                    api_settings[0],
                    session_ref,
                    stopped,
                    urls,
                )
            finally:
                with trio.CancelScope(shield=True):
                    await http.aclose()
                    supervisor.stop()
                    await stopped.wait()
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise collapse(group) or group from None


@pytest.fixture
def start_api(tmp_path: Path) -> StartApi:
    """Start an API: `async with start_api(views=3) as api`."""

    def start(**options: Any) -> AbstractAsyncContextManager[Running]:
        return open_api(tmp_path, **options)

    return start


@pytest.fixture
async def api(start_api: StartApi) -> AsyncIterator[Running]:
    """An API over five torrents."""
    async with start_api(views=5) as running:
        yield running
