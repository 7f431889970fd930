"""Makes what was taken in durable, in batches, through outages of the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
import trio

from revaer.database.messages import (
    ConstraintViolated,
    DatabaseError,
    DatabaseUnavailable,
    StatementFailed,
    StatementTimeout,
    blames_data,
)
from revaer.journal.backlog import Backlog, Batch
from revaer.journal.chronicle import Chronicle
from revaer.journal.messages import Gap
from revaer.journal.policy import Batching, Timing
from revaer.journal.problems import Problems
from revaer.journal.store import EpochTaken, Run, Store

log = structlog.get_logger("revaer.journal")

REFUSED: Final = "the database refused an event"
LOSING: Final = "events are lost; readers that come back start anew, and timelines say where something is missing"
TAKEN: Final = (
    "the event ids of this start were given before, by a daemon with another data directory; "
    "start the daemon anew to have events kept"
)


class Writer:
    """Writes the backlog.

    Args:
        store: where to.
        run: this start of the daemon.
        backlog: what is to be written.
        chronicle: is told what became durable.
        problems: where outages are reported.
        batching: what is written together.
        timing: pauses.
        reach: number of the event up to which everything was taken in.
        on_durable: called with the number of an event up to which everything is durable, or recorded as missing.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        store: Store,
        run: Run,
        backlog: Backlog,
        chronicle: Chronicle,
        problems: Problems,
        batching: Batching,
        timing: Timing,
        reach: Callable[[], int],
        on_durable: Callable[[int], None],
        clock: Callable[[], float] = trio.current_time,
    ) -> None:
        self._store = store
        self._run = run
        self._backlog = backlog
        self._chronicle = chronicle
        self._problems = problems
        self._batching = batching
        self._timing = timing
        self._reach = reach
        self._on_durable = on_durable
        self._clock = clock
        self._failures = 0
        self._told_lost = 0
        self._in_haste = False
        self._is_idle = False
        self._news = trio.Event()
        self._advanced = trio.lowlevel.ParkingLot()

    async def run(self) -> None:
        """Open the journal, and write until cancelled, or until it is clear that nothing can be written."""
        await self._open()
        while not self._chronicle.refusal:
            pause = 0.0 if self._is_urgent() else self._backlog.pause(self._batching, self._clock())
            if pause > 0:
                await self._rest(pause)
            else:
                await self._write(self._backlog.take(self._batching))
                self._backlog.settle()
                self._note_durable()
                self._count_losses()
        self._backlog.drop_all()

    def look(self) -> None:
        """Take note that something was added."""
        if self._chronicle.refusal:
            self._backlog.drop_all()
            return
        if self._backlog.lost > self._told_lost:
            self._problems.add("overflow", LOSING)
        if self._is_idle or self._in_haste or self._backlog.pause(self._batching, self._clock()) <= 0:
            self._news.set()

    async def flush(self, target: int) -> None:
        """Wait until everything up to event `target` is durable, or recorded as missing."""
        while self.durable < target and not self._chronicle.refusal:
            self._in_haste = True
            self._news.set()
            await self._advanced.park()

    async def end(self, last: int) -> None:
        """Note that this run ends in order with event `last`; everything up to it must be durable."""
        try:
            await self._store.close(self._run, last)
        except DatabaseError as error:
            log.warning("journal_not_closed", reason=str(error))

    @property
    def is_well(self) -> bool:
        """Whether the last try to write did not fail."""
        return self._chronicle.is_open and not self._failures

    @property
    def durable(self) -> int:
        """Number of an event up to which everything is durable, or recorded as missing."""
        first = self._backlog.first
        return self._reach() if first is None else first.seq - 1

    def watch(self) -> None:
        """Report when events wait for longer than they should."""
        oldest = self._backlog.oldest_at
        if not self._failures and oldest is not None and self._clock() - oldest > self._timing.late:
            self._problems.add("lag", "events wait for long to be written")
        else:
            self._problems.clear("lag")

    def _note_durable(self) -> None:
        self._on_durable(self.durable)
        self._advanced.unpark_all()

    def _count_losses(self) -> None:
        """Say how many events were lost, once it is written where."""
        lost = self._backlog.lost - self._told_lost
        if lost and not self._backlog.gaps():
            log.warning("journal_lost_events", events=lost)
            self._told_lost = self._backlog.lost
            self._problems.clear("overflow")

    def _is_urgent(self) -> bool:
        return self._in_haste and self._backlog.first is not None

    async def _rest(self, pause: float) -> None:
        """Wait for something to write, or for company for what is there."""
        self._is_idle = not len(self._backlog)
        self._in_haste = False
        self._news = trio.Event()
        with trio.move_on_after(pause):
            await self._news.wait()
        self._is_idle = False

    async def _open(self) -> None:
        while not self._chronicle.is_open and not self._chronicle.refusal:
            try:
                self._chronicle.open(await self._store.open(self._run))
            except EpochTaken as error:
                log.warning("journal_refused", newest=error.newest, epoch=self._run.epoch)
                self._chronicle.refuse(TAKEN)
                self._problems.add("epoch", TAKEN)
            except DatabaseError as error:
                await self._wait_out(error)
            else:
                self._well()

    async def _write(self, batch: Batch) -> None:
        """Write a batch, however long it takes. What the database refuses for good becomes a gap."""
        while True:
            try:
                await self._store.append(self._run, batch)
            except (StatementFailed, ConstraintViolated) as error:
                if not blames_data(error) or not batch.entries:
                    await self._wait_out(error)
                    continue
                await self._divide(batch, error)
            except DatabaseError as error:
                await self._wait_out(error)
                continue
            else:
                self._chronicle.wrote(len(batch.entries), batch.gaps)
            self._well()
            return

    async def _divide(self, batch: Batch, error: DatabaseError) -> None:
        """Write a batch that was refused in two halves; of a single event, write that it is missing."""
        if len(batch.entries) > 1:
            middle = len(batch.entries) // 2
            await self._write(Batch(batch.entries[:middle], batch.gaps))
            await self._write(Batch(batch.entries[middle:], ()))
            return
        (entry,) = batch.entries
        log.error("event_refused", kind=entry.kind, event_id=str(entry.id), reason=str(error))
        self._backlog.lost += 1
        await self._write(Batch((), (*batch.gaps, Gap(entry.id, entry.id, REFUSED))))

    async def _wait_out(self, error: DatabaseError) -> None:
        """Wait until another try may succeed."""
        self._failures += 1
        self._problems.add("database", f"events are not written: {_reason(error)}")
        with trio.move_on_after(self._timing.retry_longest):
            await self._store.wait_available()
        await trio.sleep(self._timing.backoff(self._failures))

    def _well(self) -> None:
        self._failures = 0
        self._problems.clear("database")


def _reason(error: DatabaseError) -> str:
    """Say what is wrong, in the same words however often it happens."""
    if isinstance(error, DatabaseUnavailable):
        return error.reason
    if isinstance(error, StatementTimeout):
        return "the database is slow"
    return str(error)
