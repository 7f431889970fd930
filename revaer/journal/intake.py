"""Takes events from the bus and makes entries of them, a little at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
import trio

from actors import Bus, Lagged, Stamped, Subscription
from revaer.events import Event, is_journaled
from revaer.journal.backlog import Backlog
from revaer.journal.entries import make_entry
from revaer.journal.messages import Gap
from revaer.journal.store import Run
from revaer.types import EventId

log = structlog.get_logger("revaer.journal")

BUFFER: Final = 100_000
"""Events that may wait to be taken in: a start lists every torrent. They are not written down yet, and cost little."""
PAUSE_SECONDS: Final = 0.01
SLICE_SECONDS: Final = 0.0005
"""How long events are taken in before others get their turn."""

BEHIND: Final = "more events came at once than could be taken in"
MISSED: Final = "the journal was down, and the events are no longer in memory"
UNWRITABLE: Final = "an event could not be written down"


class Intake:
    """Fills the backlog.

    Args:
        bus: where events are published.
        run: this start of the daemon.
        since: number of the last event that is durable, or recorded as missing.
        backlog: where entries go.
        render: writes an event as JSON, as streams carry it.
        on_entry: called after each.
        has_room: whether more is to be taken in now; what waits on the bus costs less than an entry.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        bus: Bus[Event],
        run: Run,
        since: int,
        backlog: Backlog,
        render: Callable[[Stamped[Event]], bytes],
        on_entry: Callable[[], None],
        has_room: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = trio.current_time,
    ) -> None:
        self._bus = bus
        self._run = run
        self._backlog = backlog
        self._render = render
        self._on_entry = on_entry
        self._has_room = has_room
        self._clock = clock
        self._taken = since
        self._missed = 0
        self._subscription = self._subscribe(since)

    @property
    def reach(self) -> int:
        """Number of an event up to which everything was taken in."""
        return self._taken if self._subscription.has_next else self._bus.seq

    async def run(self) -> None:
        """Take events in until cancelled."""
        with self._subscription:
            while await self._subscription.wait():
                self.drain(SLICE_SECONDS)
                await trio.lowlevel.checkpoint()
                while not self._has_room():
                    await trio.sleep(PAUSE_SECONDS)

    def drain(self, within: float) -> None:
        """Take in what is there, for about so many seconds, and no more than there is room for."""
        until = self._clock() + within
        while (item := self._subscription.try_next()) is not None:
            if isinstance(item, Lagged):
                # The next event, which is there already, tells where the stretch ends.
                self._missed += item.missed
                continue
            self._note_lag(item)
            self._take(item)
            if self._clock() > until or not self._has_room():
                return

    def _subscribe(self, since: int) -> Subscription[Event]:
        forgotten = self._bus.forgotten
        if forgotten > since:
            # What the ring still has comes, what it has not is missing.
            self._miss(since + 1, forgotten, forgotten - since, MISSED)
            self._taken = forgotten
        return self._bus.subscribe("journal", capacity=BUFFER, since=self._taken, wants=is_journaled)

    def _take(self, stamped: Stamped[Event]) -> None:
        run = self._run
        try:
            entry = make_entry(stamped, self._render(stamped), epoch=run.epoch)
        except (TypeError, ValueError):
            log.exception("event_unwritable", kind=stamped.event.kind, seq=stamped.seq)
            self._miss(stamped.seq, stamped.seq, 1, UNWRITABLE)
        else:
            self._backlog.add(entry, self._clock())
        self._taken = stamped.seq
        self._on_entry()

    def _note_lag(self, following: Stamped[Event]) -> None:
        if self._missed:
            log.warning("journal_lagged", missed=self._missed)
            self._miss(self._taken + 1, following.seq - 1, self._missed, BEHIND)
            self._missed = 0

    def _miss(self, first: int, last: int, count: int, reason: str) -> None:
        epoch = self._run.epoch
        self._backlog.miss(Gap(EventId(epoch, first), EventId(epoch, last), reason), count)
