"""What is known of the journal as a whole, in memory: from where on it is kept, what is missing, how much there is."""

from __future__ import annotations

from collections.abc import Callable

import trio

from revaer.journal.gaps import Gaps
from revaer.journal.messages import Gap, JournalUnavailable, ReplayIncomplete
from revaer.journal.store import Opened, Pruned
from revaer.types import EventId

NOT_OPEN = "the journal has not been reached since the daemon started"
FORGOTTEN = "the events after the given one are no longer kept"


class Chronicle:
    """What the journal holds.

    Args:
        pending: the gaps that are not written yet.

    Attributes:
        floor: nothing up to here is kept; None before the journal was opened.
        events: how many events are kept; None before they were counted.
        refusal: why this run can never be journaled; empty when it can.
    """

    def __init__(self, pending: Callable[[], tuple[Gap, ...]]) -> None:
        self.floor: EventId | None = None
        self.events: int | None = None
        self.refusal = ""
        self._gaps = Gaps()
        self._pending = pending
        self._settled = trio.Event()

    @property
    def is_open(self) -> bool:
        """Whether the journal can be written."""
        return self.floor is not None

    def open(self, opened: Opened) -> None:
        """Take in what was found when the journal was opened."""
        self.floor = opened.floor
        self._gaps = Gaps(opened.gaps)
        self._settled.set()

    def refuse(self, reason: str) -> None:
        """Note that this run cannot be journaled."""
        self.refusal = reason
        self._settled.set()

    async def wait_settled(self) -> None:
        """Wait until the journal is open, or will never be."""
        await self._settled.wait()

    def wrote(self, events: int, gaps: tuple[Gap, ...]) -> None:
        """Take note of what became durable."""
        if self.events is not None:
            self.events += events
        for gap in gaps:
            self._gaps.add(gap)

    def pruned(self, pruned: Pruned) -> None:
        """Take note of what was let go."""
        if self.events is not None:
            self.events = max(0, self.events - pruned.events)
        self.floor = max(self.floor or pruned.floor, pruned.floor)
        self._gaps.forget(self.floor)

    def gaps(self) -> Gaps:
        """Return every stretch from which events may be missing, those not written yet included."""
        return Gaps((*self._gaps, *self._pending()))

    def check_open(self) -> EventId:
        """Return the floor. Raises: JournalUnavailable: the journal was never reached, or cannot be used."""
        if self.refusal:
            raise JournalUnavailable(self.refusal, retry_after=60.0)
        if self.floor is None:
            raise JournalUnavailable(NOT_OPEN)
        return self.floor

    def check(self, after: EventId) -> None:
        """Tell whether everything behind a position is there.

        Raises:
            JournalUnavailable: nobody knows.
            ReplayIncomplete: something is missing.
        """
        if after < self.check_open():
            raise ReplayIncomplete(FORGOTTEN)
        gap = self.gaps().after(after)
        if gap is not None:
            raise ReplayIncomplete(f"events after the given one are missing: {gap.reason}")
