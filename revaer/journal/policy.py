"""When the journal writes, how much it holds, and what it lets go: pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from revaer.pauses import doubling

CLOSE_ENOUGH: Final = 0.001
"""Seconds that nobody waits for: the clock may not even tell them apart."""


@dataclass(frozen=True, slots=True)
class Batching:
    """What is written together.

    Attributes:
        events: so many events make a batch.
        bytes: so many bytes do, too.
        seconds: so long an event waits for others.
    """

    events: int = 500
    bytes: int = 1024 * 1024
    seconds: float = 0.1

    def pause(self, *, events: int, bytes: int, waited: float) -> float:  # noqa: A002  # what it counts
        """Return the seconds until what waits is to be written: 0 for now, infinity when nothing waits.

        Args:
            events: how many wait.
            bytes: how many bytes those have.
            waited: for how many seconds the oldest has waited.
        """
        if events == 0:
            return math.inf
        if events >= self.events or bytes >= self.bytes:
            return 0.0
        left = self.seconds - waited
        return left if left > CLOSE_ENOUGH else 0.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is held in memory at most while it cannot be written; beyond it the oldest is lost.

    Attributes:
        events: how many events.
        bytes: how many bytes of memory.
    """

    events: int = 50_000
    bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of the past is kept: what is older than either goes.

    Attributes:
        seconds: age of an event.
        events: how many events.
        batch: how many are let go in one statement.
        every: seconds between two looks.
        breath: seconds between two statements of one look.
    """

    seconds: float = 30 * 86_400.0
    events: int = 1_000_000
    batch: int = 1_000
    every: float = 60.0
    breath: float = 0.05

    def excess(self, events: int) -> int:
        """Return how many of so many events are one too many."""
        return max(0, events - self.events)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds.

    Attributes:
        open: how long a start waits for the journal to open before it goes on without.
        retry_first: pause after the first failure in a row; it doubles.
        retry_longest: the longest such pause.
        late: an event that waits for longer means that the journal is behind.
        look: between two looks at that.
        flush: how long a timeline waits for what was just published.
        stop: how long a stop writes what waits.
    """

    open: float = 1.0
    retry_first: float = 0.1
    retry_longest: float = 5.0
    late: float = 5.0
    look: float = 1.0
    flush: float = 1.0
    stop: float = 0.5

    def backoff(self, failures: int) -> float:
        """Return the pause after so many failures in a row, counted from 1."""
        return doubling(failures, self.retry_first, self.retry_longest)
