"""The journal: keeps every event that counts, and replays them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

import structlog
import trio

from actors import Actor, Bus, Handled, Stamped, answer, later
from revaer.events import Event
from revaer.journal.backlog import Backlog
from revaer.journal.chronicle import Chronicle
from revaer.journal.intake import Intake
from revaer.journal.messages import (
    BeginReplay,
    JournalFigures,
    JournalMessage,
    ReadEvents,
    ReadTimeline,
    ReportJournal,
    TimelinePage,
)
from revaer.journal.policy import Batching, Bounds, Retention, Timing
from revaer.journal.problems import Problems
from revaer.journal.pruner import Pruner
from revaer.journal.reader import Reader
from revaer.journal.store import Run, Store
from revaer.journal.writer import Writer

log = structlog.get_logger("revaer.journal")


@dataclass(slots=True)
class Progress:
    """How far this run's events are durable; it outlives the actor, which goes on from there after a crash.

    Attributes:
        durable: number of an event up to which everything is durable, or recorded as missing.
    """

    durable: int = 0


@dataclass(frozen=True, slots=True)
class Habits:
    """What the journal does when, and how much of it."""

    batching: Batching = field(default_factory=Batching)
    bounds: Bounds = field(default_factory=Bounds)
    retention: Retention = field(default_factory=Retention)
    timing: Timing = field(default_factory=Timing)


class JournalActor(Actor[JournalMessage]):
    """Keeps the journal. A store that is away is a state of its health.

    Args:
        store: where the journal is.
        bus: what is kept of; the ring has what was published before the start.
        run: this start of the daemon.
        render: writes an event as JSON, as streams carry it.
        progress: how far earlier generations came.
        habits: what it does when.
        wall: Unix seconds.
    """

    def __init__(
        self,
        *,
        store: Store,
        bus: Bus[Event],
        run: Run,
        render: Callable[[Stamped[Event]], bytes],
        progress: Progress | None = None,
        habits: Habits | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._bus = bus
        self._run = run
        self._render = render
        self._progress = Progress() if progress is None else progress
        self._habits = Habits() if habits is None else habits
        self._wall = wall

    async def on_start(self) -> None:
        """Begin to keep events, and wait a moment for the journal to open."""
        habits, store, run = self._habits, self._store, self._run
        problems = Problems(self.context.health)
        self._backlog = backlog = Backlog(habits.bounds)
        self._chronicle = chronicle = Chronicle(backlog.gaps)
        self._writer = writer = Writer(
            store=store,
            run=run,
            backlog=backlog,
            chronicle=chronicle,
            problems=problems,
            batching=habits.batching,
            timing=habits.timing,
            reach=lambda: self._intake.reach,
            on_durable=self._note_durable,
        )
        self._intake = Intake(
            bus=self._bus,
            run=run,
            since=self._progress.durable,
            backlog=backlog,
            render=self._render,
            on_entry=writer.look,
            # A writer that writes makes room in time. One that cannot must not hold up what readers get from here.
            has_room=lambda: backlog.is_ample or not writer.is_well,
        )
        self._reader = Reader(
            store=store,
            run=run,
            backlog=backlog,
            chronicle=chronicle,
            reach=lambda: self._intake.reach,
            durable=lambda: writer.durable,
        )
        pruner = Pruner(store=store, chronicle=chronicle, retention=habits.retention, wall=self._wall)
        for work in (self._intake.run, writer.run, pruner.run, self._watch):
            self.context.spawn(work)
        with trio.move_on_after(habits.timing.open):
            await chronicle.wait_settled()

    async def handle(self, message: JournalMessage) -> Handled:
        """Read beside the mailbox."""
        match message:
            case BeginReplay():
                return later(message, partial(self._reader.begin, message))
            case ReadEvents():
                return later(message, partial(self._reader.page, message))
            case ReadTimeline():
                return later(message, partial(self._timeline, message))
            case ReportJournal():
                return answer(message, self._figures())
            case _:
                assert_never(message)

    async def on_stop(self) -> None:
        """Write what waits, and that this was the end, as far as there is time."""
        last = self._bus.seq
        with trio.move_on_after(self._habits.timing.stop) as patience:
            await self._writer.flush(last)
            if self._chronicle.is_open and not self._chronicle.refusal:
                await self._writer.end(last)
        if patience.cancelled_caught:
            log.warning("journal_cut_short", waiting=len(self._backlog))

    async def _timeline(self, request: ReadTimeline) -> TimelinePage:
        with trio.move_on_after(self._habits.timing.flush):
            await self._writer.flush(self._bus.seq)
        return await self._reader.timeline(request)

    async def _watch(self) -> None:
        while True:
            await trio.sleep(self._habits.timing.look)
            self._writer.watch()

    def _note_durable(self, seq: int) -> None:
        self._progress.durable = max(self._progress.durable, seq)

    def _figures(self) -> JournalFigures:
        return JournalFigures(
            events=self._chronicle.events,
            floor=self._chronicle.floor,
            written=self._writer.durable,
            waiting=len(self._backlog),
            waiting_bytes=self._backlog.bytes,
            lost=self._backlog.lost,
            gaps=len(self._chronicle.gaps()),
        )
