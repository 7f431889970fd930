"""The read model: every torrent as the events tell it, so that no list ever waits for the session or the engine.

It subscribes first, asks the session for a snapshot, and folds the events after it with the same `fold` that the
session uses. When it missed something (it lagged, or the session came back after a crash) it takes a new snapshot.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import structlog
import trio

from actors import ActorError, ActorRef, Bus, Lagged, Reporter, Stamped, Subscription
from revaer.events import (
    CatalogueListed,
    Completed,
    Event,
    FilesDiscovered,
    MetadataUpdated,
    ProgressReported,
    StateChanged,
    TorrentAdded,
    TorrentRemoved,
    fold,
)
from revaer.session.messages import CatalogueSnapshot, SessionMessage, Snapshot
from revaer.telemetry.messages import Metrics
from revaer.types import TorrentId, TorrentView

log = structlog.get_logger("revaer.api")

OrderKey: TypeAlias = tuple[float, TorrentId]
"""The place of a torrent in the default order: when it was added, then its id. It never changes."""

CHUNK = 150
"""How many torrents are taken in between two checkpoints: about a millisecond."""
FIGURES = 500
"""The same for torrents of which only figures change."""
BUFFER = 20_000
DEPARTED = 10_000
SNAPSHOT_SECONDS = 10.0
LOOK_SECONDS = 1.0
"""How often to look whether the session was started anew while nothing is published."""
RETRY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


class ReadModel:
    """Every torrent as of event `seq`.

    Args:
        session: whom to ask for snapshots.
        bus: where the events come from.
        health: where a catalogue that is behind is reported.
        metrics: counts missed events.

    Attributes:
        views: the torrents by id. Read only.
        order: the torrents in the default order. Read only.
        seq: number of the last event taken in.
        structure: grows whenever more than progress changed.
        version: grows whenever anything changed that a list shows.
        name: another one for each read model, so that versions of two are never mistaken for each other.
        loading: whether torrents of an earlier run may be missing.
        loads: grows whenever everything was taken anew from a snapshot: torrents may have gone without an event.
    """

    def __init__(
        self, *, session: ActorRef[SessionMessage], bus: Bus[Event], health: Reporter, metrics: Metrics
    ) -> None:
        self.views: dict[TorrentId, TorrentView] = {}
        self.order: list[OrderKey] = []
        self.seq = 0
        self.structure = 0
        self.version = 0
        self.name = secrets.token_hex(4)
        self.loading = True
        self.loads = 0
        self._session = session
        self._bus = bus
        self._health = health
        self._metrics = metrics
        self._by_hash: dict[str, TorrentId] = {}
        self._departed: OrderedDict[TorrentId, TorrentView] = OrderedDict()
        self._counts: Counter[str] = Counter()
        self._ready = trio.Event()
        self._is_patched = False
        self._advanced = trio.lowlevel.ParkingLot()

    @property
    def ready(self) -> bool:
        """Whether every torrent that the session knows is here, or was before the session was started anew."""
        return self._ready.is_set()

    async def wait_ready(self) -> None:
        """Wait until every torrent that the session knows is here."""
        await self._ready.wait()

    async def reached(self, seq: int) -> None:
        """Wait until event `seq` was taken in."""
        while self.seq < seq:
            await self._advanced.park()

    def find(self, key: str) -> TorrentView | None:
        """Return the torrent with this id or v1 or v2 info-hash, in lower case."""
        torrent_id = self._by_hash.get(key)
        return self.views.get(TorrentId(key) if torrent_id is None else torrent_id)

    def remember(self, torrent_id: TorrentId) -> TorrentView | None:
        """Return a torrent that is here, or was until lately."""
        return self.views.get(torrent_id) or self._departed.get(torrent_id)

    def counts(self) -> Mapping[str, int]:
        """Return the number of torrents by state."""
        return self._counts

    async def run(self) -> None:
        """Follow the session until cancelled."""
        is_open = True
        while is_open:
            with self._bus.subscribe("readmodel", capacity=BUFFER) as events:
                generation = self._session.generation
                await self._load(await self._ask_snapshot())
                if self.ready:
                    self._health.up()
                is_open = await self._follow(events, generation)

    async def _ask_snapshot(self) -> CatalogueSnapshot:
        attempt = 0
        while True:
            try:
                return await self._session.ask(Snapshot(), within=SNAPSHOT_SECONDS)
            except ActorError as error:
                self._health.degraded(f"lists may be behind: {error}")
                await trio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                attempt += 1

    async def _load(self, snapshot: CatalogueSnapshot) -> None:
        """Take a snapshot in. While torrents may be missing from it, those known before stay."""
        views = dict(self.views) if snapshot.loading else {}
        self._is_patched = bool(views)
        for start in range(0, len(snapshot.views), CHUNK):
            views.update((view.id, view) for view in snapshot.views[start : start + CHUNK])
            await trio.lowlevel.checkpoint()
        order: list[OrderKey] = []
        by_hash: dict[str, TorrentId] = {}
        for index, view in enumerate(views.values()):
            order.append((view.descriptor.added_at, view.id))
            by_hash.update(dict.fromkeys(_names(view), view.id))
            if index % CHUNK == CHUNK - 1:
                await trio.lowlevel.checkpoint()
        order.sort()
        self.views, self.order, self._by_hash = views, order, by_hash
        self._counts = Counter(view.state.kind.value for view in views.values())
        self.loading = snapshot.loading
        self.loads += 1
        self.structure += 1
        self.version += 1
        self._advance(snapshot.seq)
        if snapshot.listed:
            self._ready.set()

    async def _follow(self, events: Subscription[Event], generation: int) -> bool:
        """Fold events until a new snapshot is needed (True) or no more will come (False)."""
        since_checkpoint = 0
        while self._session.generation == generation:
            item = events.try_next()
            if item is None:
                since_checkpoint = 0
                with trio.move_on_after(LOOK_SECONDS):
                    item = await anext(events, None)
                    if item is None:
                        return False
            if isinstance(item, Lagged):
                self._metrics.events_lagged(item.missed)
                log.warning("read_model_lagged", missed=item.missed)
                return True
            if item is not None and item.seq > self.seq:
                if isinstance(item.event, CatalogueListed) and not self._settle(item.event):
                    return True
                await self._apply(item)
                self._advance(item.seq)
            since_checkpoint += 1
            if since_checkpoint % CHUNK == 0:
                await trio.lowlevel.checkpoint()
        return True

    def _settle(self, listed: CatalogueListed) -> bool:
        """Note that the list came; tell whether it is what is here now."""
        if listed.complete and self._is_patched:
            return False
        self.loading = not listed.complete
        self.version += 1
        self._health.up()
        self._ready.set()
        return True

    def _advance(self, seq: int) -> None:
        self.seq = max(self.seq, seq)
        if self._advanced:
            self._advanced.unpark_all()

    async def _apply(self, stamped: Stamped[Event]) -> None:
        match stamped.event:
            case ProgressReported(items=items) as event:
                await self._progress(items, event, stamped.at)
            case TorrentAdded(view=view) as event:
                self._put(fold(view, event, stamped.at))
            case TorrentRemoved(torrent_id=torrent_id):
                self._drop(torrent_id)
            case StateChanged() | MetadataUpdated() | FilesDiscovered() | Completed() as event:
                known = self.views.get(event.torrent_id)
                if known is not None and (changed := fold(known, event, stamped.at)) is not known:
                    self._put(changed)
            case _:
                return

    async def _progress(self, items: Iterable[TorrentId], event: ProgressReported, at: float) -> None:
        # Events of one torrent keep their order: nothing else is taken in before the last chunk.
        for index, torrent_id in enumerate(items, 1):
            view = self.views.get(torrent_id)
            if view is not None:
                self.version += 1
                self.views[torrent_id] = fold(view, event, at)
            if index % FIGURES == 0:
                await trio.lowlevel.checkpoint()

    def _put(self, view: TorrentView) -> None:
        old = self.views.get(view.id)
        self.views[view.id] = view
        self.structure += 1
        self.version += 1
        self._counts[view.state.kind.value] += 1
        if old is not None:
            self._uncount(old)
        if old is None or old.descriptor is not view.descriptor:
            if old is not None:
                self._unlist(old)
            self._by_hash.update(dict.fromkeys(_names(view), view.id))
            insort(self.order, (view.descriptor.added_at, view.id))

    def _drop(self, torrent_id: TorrentId) -> None:
        view = self.views.pop(torrent_id, None)
        if view is None:
            return
        self._uncount(view)
        self._unlist(view)
        self.structure += 1
        self.version += 1
        self._departed[torrent_id] = view
        if len(self._departed) > DEPARTED:
            self._departed.popitem(last=False)

    def _unlist(self, view: TorrentView) -> None:
        key = (view.descriptor.added_at, view.id)
        at = bisect_left(self.order, key)
        if at < len(self.order) and self.order[at] == key:
            del self.order[at]
        for name in _names(view):
            if self._by_hash.get(name) == view.id:
                del self._by_hash[name]

    def _uncount(self, view: TorrentView) -> None:
        state = view.state.kind.value
        self._counts[state] -= 1
        if not self._counts[state]:
            del self._counts[state]


def _names(view: TorrentView) -> list[str]:
    hashes = view.descriptor.hashes
    return [name for name in {hashes.v1, hashes.v2, view.descriptor.info_hash} if name]
