"""Reads the journal: pages of a replay, and the timeline of a torrent.

A page is what is durable, and behind it what is not written yet: a reader need not wait for the writer, nor for a
database that has gone away in between.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Final, TypeVar

import trio

from revaer.database.messages import DatabaseError
from revaer.journal.backlog import Backlog
from revaer.journal.chronicle import Chronicle
from revaer.journal.entries import Entry, is_selected
from revaer.journal.messages import (
    END_OF_EPOCH,
    PAGE_EVENTS,
    BeginReplay,
    EventPage,
    Gap,
    JournalUnavailable,
    ReadEvents,
    ReadTimeline,
    ReplayIncomplete,
    Selection,
    TimelinePage,
)
from revaer.journal.store import Run, Scan, Store
from revaer.types import EventId

T = TypeVar("T")

LOOK_AT: Final = 5_000
"""So many events one page looks through for those that are wanted."""
AT_ONCE: Final = 2
"""How many pages are read at the same time: the others of the pool's connections are for those who write."""

NEVER_GIVEN: Final = "no event of this node has the given id"
NOTHING_BEFORE: Final = "nothing before this is kept"
START: Final = EventId(-1, -1)
END: Final = EventId(END_OF_EPOCH, END_OF_EPOCH)


class Reader:
    """Reads.

    Args:
        store: what is durable.
        run: this start of the daemon.
        backlog: what is not.
        chronicle: knows what is missing.
        reach: number of an event up to which everything is in one of the two.
        durable: number of an event up to which nothing is in the backlog, and behind which everything is.
    """

    def __init__(
        self,
        *,
        store: Store,
        run: Run,
        backlog: Backlog,
        chronicle: Chronicle,
        reach: Callable[[], int],
        durable: Callable[[], int],
    ) -> None:
        self._store = store
        self._run = run
        self._backlog = backlog
        self._chronicle = chronicle
        self._reach = reach
        self._durable = durable
        self._turns = trio.CapacityLimiter(AT_ONCE)

    async def begin(self, request: BeginReplay) -> None:
        """See `BeginReplay`."""
        after = request.after
        if after.seq > END_OF_EPOCH or after.epoch > self._run.epoch:
            raise ReplayIncomplete(NEVER_GIVEN)
        self._chronicle.check(after)
        if after.epoch < self._run.epoch:
            last = await self._read(lambda: self._store.last_of(after.epoch))
            if last is None or after.seq > last:
                raise ReplayIncomplete(NEVER_GIVEN)

    async def page(self, request: ReadEvents) -> EventPage:
        """See `ReadEvents`."""
        self._chronicle.check(request.after)
        # Looked at before the database is: what is written meanwhile is in both, never in neither.
        reach = EventId(self._run.epoch, self._reach())
        unwritten = self._backlog.after(request.after, LOOK_AT)
        scan = await self._scan(request)
        self._chronicle.check(request.after)
        if not scan.is_end or len(scan.events) >= PAGE_EVENTS:
            return EventPage(scan.events, scan.position)
        behind = [entry for entry in unwritten if entry.id > scan.position]
        return self._extended(scan, behind, request.selection, reach, is_whole=len(unwritten) < LOOK_AT)

    async def timeline(self, request: ReadTimeline) -> TimelinePage:
        """See `ReadTimeline`."""
        self._chronicle.check_open()
        history = await self._read(
            lambda: self._store.history(
                request.torrent_id, request.cursor, limit=request.limit, newest_first=request.newest_first
            )
        )
        last = history.events[-1].id if history.events else None
        edge = request.cursor or (END if request.newest_first else START)
        far = (START if request.newest_first else END) if history.is_end or last is None else last
        after, before = (far, edge) if request.newest_first else (edge, far)
        if history.origin is not None:
            after = max(after, history.origin)
        return TimelinePage(history.events, None if history.is_end else last, self._gaps(after, before))

    def _extended(
        self, scan: Scan, unwritten: list[Entry], selection: Selection, reach: EventId, *, is_whole: bool
    ) -> EventPage:
        """Let what is not written yet follow what is."""
        room = PAGE_EVENTS - len(scan.events)
        wanted = (entry for entry in unwritten if is_selected(entry, selection))
        chosen = list(islice(wanted, room + 1))
        events = (*scan.events, *(entry.journaled for entry in chosen[:room]))
        if len(chosen) > room:
            return EventPage(events, chosen[room - 1].id)
        if not is_whole:
            return EventPage(events, unwritten[-1].id if unwritten else scan.position)
        return EventPage(events, max(scan.position, reach))

    def _gaps(self, after: EventId, before: EventId) -> tuple[Gap, ...]:
        """Return where events may be missing behind `after` and ahead of `before`."""
        floor = self._chronicle.check_open()
        gaps = self._chronicle.gaps().between(after, before)
        return gaps if after >= floor else (Gap(START, floor, NOTHING_BEFORE), *gaps)

    async def _scan(self, request: ReadEvents) -> Scan:
        after = request.after
        if after.epoch == self._run.epoch and after.seq >= self._durable():
            return Scan((), after, is_end=True)
        is_picky = request.selection != Selection()
        look_at = LOOK_AT if is_picky else PAGE_EVENTS
        return await self._read(lambda: self._store.scan(after, request.selection, look_at=look_at, limit=PAGE_EVENTS))

    async def _read(self, look: Callable[[], Awaitable[T]]) -> T:
        async with self._turns:
            try:
                return await look()
            except DatabaseError as error:
                raise JournalUnavailable(f"the journal cannot be read now: {error}") from error
