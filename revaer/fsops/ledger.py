"""Keeps the jobs in the database and the queue in memory in step.

One change is made at a time, but jobs that are queued at the same time enter together: first it is durable, then the
queue follows. When the fate of a change is unknown because the database went away, the queue is built anew from the
database as soon as that is back. The end of a run that cannot be stored is owed: it is stored and told then, before
anything else is changed.
"""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import structlog
import trio

from revaer.database.messages import (
    ConstraintViolated,
    Database,
    DatabaseError,
    DatabaseUnavailable,
    StatementFailed,
    StatementTimeout,
)
from revaer.fsops.announcer import Announcer
from revaer.fsops.messages import FsOpsUnavailable, JobRefused, UnknownJob
from revaer.fsops.problems import Problems
from revaer.fsops.queue import Queue, Ticket
from revaer.fsops.rows import PackedSpec, StoredJob
from revaer.fsops.source_watch import SourceWatch
from revaer.fsops.store import JobStore, Settlement, WaitingJob, read_waiting
from revaer.fsops.terms import Lane, Timing
from revaer.fsops.views import JobState
from revaer.fsops.wishes import Wish, Wishes
from revaer.tracing import SpanContext, current_span
from revaer.types import TorrentId

log = structlog.get_logger("revaer.fsops")

DATABASE: Final = "database"
"""Name of the problem that the database is away."""

_RUNNING: Final = "it runs at the moment"
_PAGE: Final = 1_000
_SHOWN: Final = 32
"""How many jobs that were queued together are told of before others get their turn."""


class Ledger:
    """All changes to jobs.

    Args:
        database: Told of to know when it is back.
        store: The jobs in it.
        queue: The jobs in memory.
        sources: Knows which volume a source is on.
        lane: Where rows are read; nothing in it waits for a disk.
        announcer: Told what became durable.
        problems: Told when the database is away.
        timing: Intervals.
        clock: Monotonic seconds.
        wall: Unix seconds.

    Attributes:
        is_loaded: Whether the queue has been read from the database.
        is_paused: Whether no job may start.
        on_change: Called when there may be something to start.
    """

    def __init__(
        self,
        *,
        database: Database,
        store: JobStore,
        queue: Queue,
        sources: SourceWatch,
        lane: Lane,
        announcer: Announcer,
        problems: Problems,
        timing: Timing,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.is_loaded = False
        self.is_paused = False
        self.on_change: Callable[[], None] = lambda: None
        self._database = database
        self._store = store
        self._queue = queue
        self._sources = sources
        self._lane = lane
        self._announcer = announcer
        self._problems = problems
        self._timing = timing
        self._clock = clock
        self._wall = wall
        self._gate = trio.Lock()
        self._wishes = Wishes()
        self._doubt = trio.Event()
        self._doubt.set()
        self._owed: dict[TorrentId, Settlement] = {}
        self._over: dict[JobState, int] = {}

    async def run(self) -> None:
        """Read the queue from the database, at the start and whenever it may differ, until cancelled."""
        while True:
            await self._doubt.wait()
            self._doubt = trio.Event()
            try:
                await self._database.wait_available()
                await self._load()
                self._problems.note(DATABASE, None)
            except DatabaseError as error:
                self._doubtful(error)
                await trio.sleep(self._timing.again)

    @property
    def trouble(self) -> str | None:
        """Why no job starts; None when jobs may start."""
        if self.is_paused:
            return "the queue is paused"
        return None if self.is_loaded else self._problems[DATABASE] or "the queue is being read from the database"

    def counts(self) -> dict[JobState, int]:
        """Return the number of jobs in each state."""
        waiting = {JobState.QUEUED: len(self._queue), JobState.RUNNING: len(self._queue.running)}
        return {state: waiting.get(state, self._over.get(state, 0)) for state in JobState}

    async def enqueue(self, spec: PackedSpec, priority: int, request_id: str | None) -> StoredJob | None:
        """Queue a job, or return it as it stands; None when it runs with another specification and must be stopped.

        Raises:
            FsOpsUnavailable: It is not durable.
            JobRefused: The database refuses it.
        """
        source = await self._sources.key(os.fsdecode(spec.source_root))
        wish = Wish(spec, priority, request_id, source, current_span())
        self._wishes.put(wish)
        try:
            while not wish.is_settled:
                async with self._changing():
                    if not wish.is_settled:
                        await self._enter(self._wishes.portion())
        finally:
            self._wishes.drop(wish)
        return wish.result()

    async def retry(self, torrent_id: TorrentId, request_id: str | None) -> StoredJob:
        """Let a job wait for its turn. Raises FsOpsUnavailable, UnknownJob, JobRefused."""
        async with self._changing():
            if torrent_id in self._queue.running:
                raise JobRefused(_RUNNING)
            before = await self._known(torrent_id)
            job = await self._store.retry(torrent_id, request_id)
            if job is None:
                raise JobRefused(_RUNNING)
            source = await self._sources.key(job.source_root)
            self._put(job, source, current_span())
            self._moved(before, job.state)
            self._announcer.changed(job)
            return job

    async def cancel(self, torrent_id: TorrentId, request_id: str | None) -> StoredJob | None:
        """Cancel a job that waits; None when it runs and must be stopped. Raises FsOpsUnavailable, UnknownJob,
        JobRefused."""
        async with self._changing():
            if torrent_id in self._queue.running:
                return None
            before = await self._known(torrent_id)
            if before.state is JobState.CANCELLED:
                return before
            if before.state.is_final:
                raise JobRefused(f"it is over already: {before.state}")
            job = await self._store.cancel(torrent_id, request_id) or before
            self._queue.drop(torrent_id)
            self._moved(before, job.state)
            self._announcer.settled(job)
            return job

    async def forget(self, torrent_id: TorrentId, request_id: str | None) -> bool:
        """Hide a job for good; False when it runs and must be stopped. Raises FsOpsUnavailable."""
        async with self._changing():
            if torrent_id in self._queue.running:
                return False
            before = await self._store.job(torrent_id)
            if before is not None:
                await self._store.forget(torrent_id)
                self._queue.drop(torrent_id)
                self._moved(before, None)
                self._announcer.forgotten(torrent_id, request_id)
            return True

    async def set_paused(self, *, paused: bool) -> None:
        """Start no job, or start jobs again. Raises FsOpsUnavailable."""
        async with self._changing():
            await self._store.set_paused(paused=paused)
            self.is_paused = paused
        self.on_change()

    async def claim(self, ticket: Ticket, library_root: str) -> tuple[StoredJob, bytes] | None:
        """Note that a job that was taken from the queue runs; None when it need not run any more, or cannot be noted.

        What is not claimed does not count as running any more.
        """
        try:
            async with self._changing():
                was_paused = self.is_paused
                claimed = None if was_paused else await self._store.claim(ticket.torrent_id, library_root)
        except (FsOpsUnavailable, JobRefused) as error:
            self._queue.end(ticket.torrent_id)
            self._queue.put(replace(ticket, due=self._clock() + self._timing.refused))
            log.warning("fsops_job_not_claimed", torrent_id=ticket.torrent_id, reason=str(error))
            return None
        if claimed is None:
            self._queue.end(ticket.torrent_id)
            if was_paused:
                self._queue.put(ticket)
        self._tell()
        return claimed

    async def settle(self, settlement: Settlement, ticket: Ticket, *, parked: bool) -> None:
        """Store how a run ended, or owe it; the job does not count as running any more.

        Args:
            settlement: How it ended.
            ticket: The place it had in the queue.
            parked: Whether whoever stopped it puts it in its place, if it is to wait again.
        """
        async with self._gate:
            try:
                job = await self._settled(settlement)
            except (DatabaseUnavailable, StatementTimeout) as error:
                self._owed[settlement.torrent_id] = settlement
                self._doubtful(error)
                job = None
            self._queue.end(settlement.torrent_id)
            if job is not None and job.state is JobState.QUEUED and not parked:
                self._put(job, ticket.source, ticket.span)
        self._tell()

    async def _enter(self, wishes: Sequence[Wish]) -> None:
        """Queue jobs together; one that the database refuses disturbs no other."""
        try:
            before = await self._store.jobs([wish.spec.torrent_id for wish in wishes])
            ready = [wish for wish in wishes if not self._must_stop(wish, before.get(wish.spec.torrent_id))]
            after = await self._store.enqueue(ready) if ready else {}
        except (StatementFailed, ConstraintViolated) as error:
            if len(wishes) == 1:
                wishes[0].refuse(_refused(error))
                return
            middle = len(wishes) // 2
            await self._enter(wishes[:middle])
            await self._enter(wishes[middle:])
        except (DatabaseUnavailable, StatementTimeout) as error:
            for wish in wishes:
                wish.refuse(FsOpsUnavailable(str(error)))
            raise
        else:
            for at, wish in enumerate(ready, 1):
                self._entered(wish, before.get(wish.spec.torrent_id), after.get(wish.spec.torrent_id))
                if at % _SHOWN == 0:
                    await trio.lowlevel.checkpoint()

    def _must_stop(self, wish: Wish, before: StoredJob | None) -> bool:
        if wish.spec.torrent_id not in self._queue.running:
            return False
        if before is not None and before.spec_digest == wish.spec.digest:
            return False
        wish.settle(None)
        return True

    def _entered(self, wish: Wish, before: StoredJob | None, after: StoredJob | None) -> None:
        job = after or before
        if job is None:
            wish.refuse(FsOpsUnavailable("the job changed at the same time", retry_after=0.1))
            return
        if job.state is JobState.QUEUED and (after is not None or job.torrent_id not in self._queue):
            self._put(job, wish.source, wish.span)
        if after is not None:
            self._moved(before, after.state)
            self._announcer.changed(after)
        wish.settle(job)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """Make one change at a time, after everything that is owed."""
        async with self._gate:
            try:
                await self._pay()
                yield
            except (DatabaseUnavailable, StatementTimeout) as error:
                self._doubtful(error)
                raise FsOpsUnavailable(str(error)) from error
            except (StatementFailed, ConstraintViolated) as error:
                raise _refused(error) from error
        self._tell()

    async def _pay(self) -> None:
        """Store what is owed."""
        for torrent_id, settlement in [*self._owed.items()]:
            job = await self._settled(settlement)
            del self._owed[torrent_id]
            if job is not None and job.state is JobState.QUEUED:
                self._put(job, await self._sources.key(job.source_root))

    async def _settled(self, settlement: Settlement) -> StoredJob | None:
        """Store how a run ended and tell it; None when it no longer concerns the job, or cannot be stored at all."""
        try:
            job = await self._store.settle(settlement)
            if job is None:
                # The answer may have been lost the first time.
                job = await self._store.job(settlement.torrent_id)
        except (StatementFailed, ConstraintViolated):
            log.exception("fsops_result_refused", torrent_id=settlement.torrent_id)
            self._doubt.set()
            return None
        if job is None or job.revision != settlement.revision + 1:
            return None
        if job.state.is_final:
            self._over[job.state] = self._over.get(job.state, 0) + 1
        self._announcer.settled(job)
        return job

    async def _load(self) -> None:
        async with self._gate:
            await self._pay()
            store, timing = self._store, self._timing
            held = [*self._queue.running]
            await store.requeue_interrupted(held, patience=timing.interruptions, pause=timing.interrupted)
            waiting = await self._waiting()
            paused = await store.is_paused()
            counts = await store.counts()
            sources = await self._sources.keys([job.source_root for job in waiting])
            self._queue.replace_all(await self._lane.run(_tickets, waiting, sources, self._clock() - self._wall()))
            self.is_paused = paused
            self._over = {state: number for state, number in counts.items() if state.is_final}
            self.is_loaded = True
        self._tell()

    async def _waiting(self) -> list[WaitingJob]:
        """Read all jobs that wait, page by page: no answer may keep the event loop busy for long."""
        waiting: list[WaitingJob] = []
        while True:
            rows = await self._store.waiting(waiting[-1].torrent_id if waiting else None, _PAGE)
            waiting += await self._lane.run(read_waiting, rows)
            if len(rows) < _PAGE:
                return waiting

    def _put(self, job: StoredJob, source: str, span: SpanContext | None = None) -> None:
        # It may have been taken while its change was made durable; then it is about to be claimed as it is now.
        if job.torrent_id not in self._queue.running:
            due = _due(job.next_try_at, self._clock() - self._wall())
            self._queue.put(Ticket(job.torrent_id, job.priority, job.age, source, due, span))

    async def _known(self, torrent_id: TorrentId) -> StoredJob:
        job = await self._store.job(torrent_id)
        if job is None:
            raise UnknownJob(f"the torrent {torrent_id} has no job")
        return job

    def _moved(self, before: StoredJob | None, state: JobState | None) -> None:
        if before is not None and before.state.is_final:
            self._over[before.state] = max(0, self._over.get(before.state, 0) - 1)
        if state is not None and state.is_final:
            self._over[state] = self._over.get(state, 0) + 1

    def _doubtful(self, error: DatabaseError) -> None:
        self._problems.note(DATABASE, f"the database is away, jobs wait: {error}")
        self.is_loaded = False
        self._doubt.set()

    def _tell(self) -> None:
        self._announcer.counted(self.counts())
        self.on_change()


def _refused(error: DatabaseError) -> JobRefused:
    return JobRefused(f"the database refuses it: {error}")


def _tickets(waiting: Sequence[WaitingJob], sources: Mapping[str, str], ahead: float) -> list[Ticket]:
    return [
        Ticket(job.torrent_id, job.priority, job.age, sources[job.source_root], _due(job.next_try_at, ahead))
        for job in waiting
    ]


def _due(next_try_at: float | None, ahead: float) -> float:
    """Return a moment of the wall clock in the seconds of the other one, which is so far ahead of it."""
    return -math.inf if next_try_at is None else next_try_at + ahead
