"""When fast-resume records are saved: after what matters, every minute when something changed, now and then while a
torrent seeds, and all of them at a stop.

Requests to the engine are counted until they are answered and at most `WINDOW` are open, so that records do not pile up
in memory. An answered record waits in the outbox until the store took it; a newer one of the same torrent replaces it.

The store writes in the background. What it took and has not confirmed yet is lost when it crashes, while the engine
believes its record to be saved: then the engine is asked for the record whether something changed or not.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
import trio

from revaer.session.catalogue import Catalogue
from revaer.session.messages import SessionUnavailable
from revaer.session.port import Engine, EngineError, RecordReady, RecordUnchanged
from revaer.session.store import Store
from revaer.session.timing import Timing
from revaer.session.torrent import Torrent
from revaer.types import TorrentId, TorrentState

log = structlog.get_logger(__name__)

WINDOW = 256
"""How many requests to the engine and answered records may be open together."""

_SEEDING = frozenset({TorrentState.SEEDING, TorrentState.PROCESSING})

SLICE = 0.0005
"""Seconds of asking between two looks at the event loop: each question may wait for the interpreter's lock."""


@dataclass(frozen=True, slots=True, eq=False)
class _Handed:
    """A record that the store took: the store's generation then, at the latest."""

    generation: int


class RecordKeeper:
    """Asks the engine for records and hands them to the store.

    Args:
        engine: makes the records.
        catalogue: the torrents.
        store: keeps the records.
        timing: intervals.
    """

    def __init__(self, engine: Engine, catalogue: Catalogue, store: Store, timing: Timing) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._store = store
        self._timing = timing
        self._changed: dict[TorrentId, None] = {}
        self._wanted: dict[TorrentId, None] = {}
        self._open: dict[TorrentId, float] = {}
        self._outbox: dict[TorrentId, bytes] = {}
        self._handed: dict[TorrentId, _Handed] = {}
        self._unsaved: set[TorrentId] = set()
        self._some_handed = trio.Event()
        self._news = trio.Event()
        self._failed = 0

    @property
    def pending(self) -> int:
        """How many records are wanted, asked for, or not yet with the store."""
        return len(self._wanted) + len(self._open) + len(self._outbox)

    @property
    def unconfirmed(self) -> int:
        """How many records the store took and may not have written."""
        return len(self._handed)

    def touch(self, torrent: Torrent) -> None:
        """Note that a torrent changed: its record is saved with the next round."""
        self._changed[torrent.id] = None

    def want(self, torrent: Torrent) -> None:
        """Have the record of a torrent saved now."""
        if torrent.present:
            self._wanted[torrent.id] = None
            self._changed.pop(torrent.id, None)
            self._news.set()

    def adopt(self, torrent: Torrent) -> None:
        """Have the record of a torrent saved that came with one from elsewhere: the engine believes it to be saved."""
        self._unsaved.add(torrent.id)
        self.want(torrent)

    def answered(self, event: RecordReady | RecordUnchanged) -> None:
        """Take the engine's answer."""
        self._open.pop(event.torrent_id, None)
        torrent = self._catalogue.get(event.torrent_id)
        if torrent is not None and torrent.removing is None:
            if isinstance(event, RecordUnchanged) and event.reason and torrent.has_metadata:
                self._changed[event.torrent_id] = None
                self._failed += 1
            else:
                self._unsaved.discard(event.torrent_id)
            if isinstance(event, RecordReady) and not torrent.is_doubtful:
                self._outbox[event.torrent_id] = event.record
        self._news.set()

    def forget(self, torrent_id: TorrentId) -> None:
        """Drop what is kept for a torrent that leaves."""
        for kept in (self._changed, self._wanted, self._open, self._outbox, self._handed):
            kept.pop(torrent_id, None)
        self._unsaved.discard(torrent_id)
        self._news.set()

    def lost(self) -> None:
        """Ask again for everything that was asked for: answers were dropped."""
        self._wanted.update(dict.fromkeys(self._open))
        self._unsaved.update(self._open)
        self._open.clear()
        self._news.set()

    async def run(self) -> None:
        """Ask and hand over until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._rounds)
            nursery.start_soon(self._overdue)
            nursery.start_soon(self._confirmations)
            while True:
                await self._deliver()
                self._request()
                await trio.lowlevel.checkpoint()
                if not self._outbox and (not self._wanted or len(self._open) >= WINDOW):
                    await self._news.wait()
                    self._news = trio.Event()

    async def collect(self, torrents: Callable[[], list[Torrent]]) -> bool:
        """Save what changed in all of `torrents`; tell whether all of it arrived at the store.

        `run` must be running. Waits as long as it takes: give it a deadline.
        """
        self._failed = 0
        for torrent in torrents():
            self.want(torrent)
        await self._drained()
        return self._failed == 0

    async def confirmed(self) -> bool:
        """Wait until all that arrived at the store is written; tell whether nothing is missing.

        It may wait for as long as the store's disk is bad: give it a deadline.
        """
        while not await self._confirm() or self.pending:
            await trio.sleep(self._timing.tick)
            await self._drained()
        return self._failed == 0 and not self._unsaved

    async def _drained(self) -> None:
        while self.pending:
            news = self._news
            with trio.move_on_after(self._timing.tick):
                await news.wait()
            await trio.lowlevel.checkpoint()

    async def _rounds(self) -> None:
        rounds = max(1, round(self._timing.record_seeds / self._timing.record_interval))
        for turn in itertools.cycle(range(rounds)):
            await trio.sleep(self._timing.record_interval)
            await self._touch_seeds(turn, rounds)
            changed, self._changed = self._changed, {}
            for count, torrent_id in enumerate(changed):
                if (torrent := self._catalogue.get(torrent_id)) is not None:
                    self.want(torrent)
                if count % 1_000 == 999:
                    await trio.lowlevel.checkpoint()

    async def _touch_seeds(self, turn: int, rounds: int) -> None:
        """Note the share of this round of the torrents that seed: for an idle one nothing changes but its time."""
        for count, torrent in enumerate(list(self._catalogue)):
            if torrent.view.state.kind in _SEEDING and count % rounds == turn:
                self.touch(torrent)
            if count % 10_000 == 9_999:
                await trio.lowlevel.checkpoint()

    async def _overdue(self) -> None:
        while True:
            await trio.sleep(self._timing.record_answer)
            oldest = trio.current_time() - self._timing.record_answer
            for torrent_id in [key for key, asked in self._open.items() if asked <= oldest]:
                del self._open[torrent_id]
                self._wanted[torrent_id] = None
                self._unsaved.add(torrent_id)
            self._news.set()

    async def _confirmations(self) -> None:
        while True:
            await self._some_handed.wait()
            if await self._confirm():
                self._some_handed = trio.Event()
            await trio.sleep(self._timing.retry)

    async def _confirm(self) -> bool:
        """Learn what the store has written; tell whether that is all it took. What it lost is asked for again."""
        generation, asked_for = self._store.generation, dict(self._handed)
        try:
            await self._store.flush(within=math.inf)
        except SessionUnavailable as error:
            log.info("records_unconfirmed", count=len(asked_for), reason=str(error))
        else:
            for torrent_id, handed in asked_for.items():
                if handed.generation == generation and self._handed.get(torrent_id) is handed:
                    del self._handed[torrent_id]
        self._make_again([key for key, handed in self._handed.items() if handed.generation != self._store.generation])
        return not self._handed

    def _make_again(self, lost: list[TorrentId]) -> None:
        """Have records made and saved that the store may have lost, although nothing changed since."""
        if lost:
            log.warning("records_lost", count=len(lost))
        for torrent_id in lost:
            del self._handed[torrent_id]
            torrent = self._catalogue.get(torrent_id)
            if torrent is not None and torrent_id not in self._outbox:
                self._unsaved.add(torrent_id)
                self.want(torrent)

    def _request(self) -> None:
        end = time.perf_counter() + SLICE
        while self._wanted and len(self._open) + len(self._outbox) < WINDOW and time.perf_counter() < end:
            torrent_id = next(iter(self._wanted))
            del self._wanted[torrent_id]
            torrent = self._catalogue.get(torrent_id)
            if torrent is None or not torrent.present:
                continue
            self._open[torrent_id] = trio.current_time()
            try:
                self._engine.request_record(torrent_id, only_if_changed=torrent_id not in self._unsaved)
            except EngineError:
                del self._open[torrent_id]

    async def _deliver(self) -> None:
        while self._outbox:
            torrent_id, record = next(iter(self._outbox.items()))
            generation = self._store.generation
            if not await self._store.save(torrent_id, record):
                if self._catalogue.get(torrent_id) is None:
                    self._outbox.pop(torrent_id, None)
                await trio.sleep(self._timing.tick)
                continue
            # Not before: a confirmation that is under way knows nothing of it.
            self._handed[torrent_id] = _Handed(generation)
            self._some_handed.set()
            if self._outbox.get(torrent_id) is record:
                del self._outbox[torrent_id]
