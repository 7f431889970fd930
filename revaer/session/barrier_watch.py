"""Asks after the jobs of torrents that are processed: at a start, when an event says that something happened, when
post-processing was started anew, and now and then in any case."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable
from typing import Final

import structlog
import trio

from actors import Bus
from revaer.events import Event, FsOpsChanged, FsOpsCompleted, FsOpsFailed, FsOpsStarted, HealthChanged
from revaer.pauses import doubling
from revaer.resume.messages import ProcessingStage
from revaer.session.barrier import BarrierDesk
from revaer.session.core import Core
from revaer.session.fsops_gate import FsOpsGate
from revaer.session.messages import ActionRefused, SessionUnavailable
from revaer.session.torrent import Torrent
from revaer.types import TorrentId

log = structlog.get_logger(__name__)

COMPONENT: Final = "fsops"
"""The component whose changes of health mean that post-processing may be another one."""

AT_ONCE: Final = 64
"""How many jobs are asked after at the same time."""

PORTION: Final = 500
"""How many torrents are looked at between two looks at the event loop."""

SWEPT: Final = 64
"""How many jobs are asked after in any case each time."""


class BarrierWatch:
    """Keeps torrents that are processed up to date.

    Args:
        core: the shared parts.
        desk: learns what a job has come to.
        fsops: whom it is asked of.
        bus: tells when something happened.
    """

    def __init__(self, core: Core, desk: BarrierDesk, fsops: FsOpsGate, bus: Bus[Event]) -> None:
        self._core = core
        self._desk = desk
        self._fsops = fsops
        self._bus = bus
        self._due: dict[TorrentId, None] = {}
        self._busy: dict[TorrentId, None] = {}
        self._news = trio.Event()
        self._swept: TorrentId | None = None

    def look_at(self, torrent_id: TorrentId) -> None:
        """Ask after the job of a torrent soon."""
        self._due[torrent_id] = None
        self._news.set()

    async def run(self) -> None:
        """Ask until cancelled; returns at once on a node without post-processing."""
        if not self._fsops.is_open:
            return
        with self._bus.subscribe("barrier", capacity=1, wants=self._notice):
            await self._core.catalogue.listed(within=math.inf)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._sweep)
                await self._work()

    def _notice(self, event: Event) -> bool:
        """Act as the bus asks whether the event is wanted, so that none is missed."""
        if isinstance(event, FsOpsStarted | FsOpsCompleted | FsOpsFailed | FsOpsChanged):
            self.look_at(event.torrent_id)
        elif isinstance(event, HealthChanged) and event.component == COMPONENT:
            self._news.set()
        return False

    async def _work(self) -> None:
        generation, failures = -1, 0
        while True:
            if generation != self._fsops.generation:
                generation = self._fsops.generation
                self._due.update(dict.fromkeys([torrent.id async for torrent in self._pending()]))
            trouble = await self._ask(list(self._due)[:AT_ONCE]) if self._due else ""
            failures = failures + 1 if trouble else 0
            if failures == 1:
                await self._tell_all(trouble)
            if self._due and not trouble:
                continue
            with trio.move_on_after(self._pause(failures)):
                await self._news.wait()
            self._news = trio.Event()
            self._due.update(self._busy)
            self._busy.clear()

    def _pause(self, failures: int) -> float:
        timing = self._core.timing
        if failures:
            return doubling(failures, timing.retry, timing.retry_max)
        return timing.retry if self._busy else math.inf

    async def _ask(self, torrent_ids: Iterable[TorrentId]) -> str:
        """Ask after some jobs; those that nothing could be learnt of stay due. Tells what was in the way of all."""
        troubles: list[str] = []

        async def ask(torrent_id: TorrentId) -> None:
            self._due.pop(torrent_id, None)
            trouble = await self._ask_one(torrent_id)
            troubles.append(trouble)
            if trouble:
                self._due[torrent_id] = None

        async with trio.open_nursery() as nursery:
            for torrent_id in torrent_ids:
                nursery.start_soon(ask, torrent_id)
        return troubles[0] if all(troubles) else ""

    async def _ask_one(self, torrent_id: TorrentId) -> str:
        """Ask after one job; tells what was in the way, empty when nothing was.

        A torrent that has something else going on is left for later: it holds up no other.
        """
        with self._core.turns.hold_free([torrent_id]) as free:
            if not free:
                self._busy[torrent_id] = None
                return ""
            torrent = self._core.catalogue.get(torrent_id)
            if torrent is None or torrent.removing is not None:
                return ""
            try:
                await self._desk.follow(torrent)
            except SessionUnavailable as error:
                self._desk.tell(torrent, _waits(str(error)))
                return str(error)
            except ActionRefused as error:
                log.warning("job_not_followed", torrent_id=torrent_id, reason=str(error))
                self._desk.tell(torrent, _waits(str(error)))
            return ""

    async def _tell_all(self, trouble: str) -> None:
        """Let every torrent that is processed say that nothing is known of its job; all are asked after again."""
        async for torrent in self._pending():
            self._desk.tell(torrent, _waits(trouble))
            self._due[torrent.id] = None

    async def _sweep(self) -> None:
        """Ask after some jobs from time to time, the next ones each time."""
        while True:
            await trio.sleep(self._core.timing.jobs)
            pending = sorted([torrent.id async for torrent in self._pending()])
            behind = [key for key in pending if self._swept is None or key > self._swept]
            chosen = (behind or pending)[:SWEPT]
            if chosen:
                self._swept = chosen[-1]
                self._due.update(dict.fromkeys(chosen))
            self._news.set()

    async def _pending(self) -> AsyncIterator[Torrent]:
        for count, torrent in enumerate(list(self._core.catalogue), 1):
            if torrent.processing is not None and torrent.processing.stage is ProcessingStage.PENDING:
                yield torrent
            if count % PORTION == 0:
                await trio.lowlevel.checkpoint()


def _waits(trouble: str) -> str:
    return f"what its post-processing has come to is not known now, it is asked again: {trouble}"
