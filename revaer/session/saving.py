"""When fast-resume records are saved: after what matters, every minute when something changed, and all of them at a
stop.

Requests to the engine are counted until they are answered and at most `WINDOW` are open, so that records do not pile up
in memory. An answered record waits in the outbox until the store took it; a newer one of the same torrent replaces it.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from revaer.session.catalogue import Catalogue
from revaer.session.port import Engine, EngineError, RecordReady, RecordUnchanged
from revaer.session.store import Store
from revaer.session.timing import Timing
from revaer.session.torrent import Torrent
from revaer.types import TorrentId

WINDOW = 256
"""How many requests to the engine and answered records may be open together."""


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
        self._news = trio.Event()
        self._failed = 0

    @property
    def pending(self) -> int:
        """How many records are wanted, asked for, or not yet with the store."""
        return len(self._wanted) + len(self._open) + len(self._outbox)

    def touch(self, torrent: Torrent) -> None:
        """Note that a torrent changed: its record is saved with the next round."""
        self._changed[torrent.id] = None

    def want(self, torrent: Torrent) -> None:
        """Have the record of a torrent saved now."""
        if torrent.present:
            self._wanted[torrent.id] = None
            self._changed.pop(torrent.id, None)
            self._news.set()

    def answered(self, event: RecordReady | RecordUnchanged) -> None:
        """Take the engine's answer."""
        self._open.pop(event.torrent_id, None)
        torrent = self._catalogue.get(event.torrent_id)
        if torrent is not None and torrent.removing is None:
            if isinstance(event, RecordReady):
                self._outbox[event.torrent_id] = event.record
            elif event.reason and torrent.has_metadata:
                self._changed[event.torrent_id] = None
                self._failed += 1
        self._news.set()

    def forget(self, torrent_id: TorrentId) -> None:
        """Drop what is kept for a torrent that leaves."""
        for kept in (self._changed, self._wanted, self._open, self._outbox):
            kept.pop(torrent_id, None)
        self._news.set()

    def lost(self) -> None:
        """Ask again for everything that was asked for: answers were dropped."""
        self._wanted.update(dict.fromkeys(self._open))
        self._open.clear()
        self._news.set()

    async def run(self) -> None:
        """Ask and hand over until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._rounds)
            nursery.start_soon(self._overdue)
            while True:
                await self._deliver()
                self._request()
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
        while self.pending:
            news = self._news
            with trio.move_on_after(self._timing.tick):
                await news.wait()
            await trio.lowlevel.checkpoint()
        return self._failed == 0

    async def _rounds(self) -> None:
        while True:
            await trio.sleep(self._timing.record_interval)
            changed, self._changed = self._changed, {}
            for count, torrent_id in enumerate(changed):
                if (torrent := self._catalogue.get(torrent_id)) is not None:
                    self.want(torrent)
                if count % 1_000 == 999:
                    await trio.lowlevel.checkpoint()

    async def _overdue(self) -> None:
        while True:
            await trio.sleep(self._timing.record_answer)
            oldest = trio.current_time() - self._timing.record_answer
            for torrent_id in [key for key, asked in self._open.items() if asked <= oldest]:
                del self._open[torrent_id]
                self._wanted[torrent_id] = None
            self._news.set()

    def _request(self) -> None:
        while self._wanted and len(self._open) + len(self._outbox) < WINDOW:
            torrent_id = next(iter(self._wanted))
            del self._wanted[torrent_id]
            torrent = self._catalogue.get(torrent_id)
            if torrent is None or not torrent.present:
                continue
            self._open[torrent_id] = trio.current_time()
            try:
                self._engine.request_record(torrent_id, only_if_changed=True)
            except EngineError:
                del self._open[torrent_id]

    async def _deliver(self) -> None:
        while self._outbox:
            torrent_id = next(iter(self._outbox))
            record = self._outbox.pop(torrent_id)
            if not await self._store.save(torrent_id, record):
                if self._catalogue.get(torrent_id) is not None:
                    self._outbox.setdefault(torrent_id, record)
                await trio.sleep(self._timing.tick)
