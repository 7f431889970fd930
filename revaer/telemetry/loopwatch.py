"""Watches the event loop for stalls: the time between two looks at the sockets, and wake-ups that came too late."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import trio
import trio.abc

if TYPE_CHECKING:
    from collections.abc import Iterator

STALL_SECONDS = 0.005
"""Shorter gaps are the loop's ordinary work."""

WINDOW_SECONDS = 60.0
"""How far back `longest_recent` looks."""


@dataclass(frozen=True, slots=True)
class Stall:
    """A gap.

    Attributes:
        seconds: how long it was.
        kind: `busy` when the loop ran tasks without looking at its sockets, `late` when it slept longer than it wanted,
            because another thread held the interpreter or the machine was busy.
        mark: when it began, in the seconds of the watch's clock.
    """

    seconds: float
    kind: Literal["busy", "late"]
    mark: float


class LoopWatch(trio.abc.Instrument):
    """Measures every gap of one trio run, for two clock readings per pass of the loop.

    Args:
        on_stall: called with each gap above `STALL_SECONDS`; must be quick.
        clock: monotonic seconds.

    Attributes:
        longest: the longest gap so far, in seconds.
        busy_since: since when the loop has been running tasks; None while it waits for its sockets. For other threads.
    """

    def __init__(
        self, *, on_stall: Callable[[Stall], None] | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.longest = 0.0
        self.busy_since: float | None = None
        self._on_stall = on_stall
        self._clock = clock
        self._mark = clock()
        self._recent: deque[tuple[float, float]] = deque(maxlen=1000)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the present trio run inside the block."""
        self._mark = self.busy_since = self._clock()
        trio.lowlevel.add_instrument(self)
        try:
            yield
        finally:
            with suppress(KeyError):  # trio has done so when a stall could not be told
                trio.lowlevel.remove_instrument(self)
            self.busy_since = None

    def longest_recent(self) -> float:
        """Return the longest gap of the last minute, in seconds; gaps up to `STALL_SECONDS` count as none."""
        since = self._clock() - WINDOW_SECONDS
        while self._recent and self._recent[0][0] < since:
            self._recent.popleft()
        return max((seconds for _, seconds in self._recent), default=0.0)

    def before_io_wait(self, timeout: float) -> None:
        """Note the end of a pass; trio calls it."""
        now = self._clock()
        self.busy_since = None
        if now - self._mark > STALL_SECONDS:
            self._note(now, Stall(now - self._mark, "busy", self._mark))
        self._mark = now

    def after_io_wait(self, timeout: float) -> None:
        """Note the beginning of a pass; trio calls it. `timeout` is how long the loop wanted to sleep, in seconds."""
        now = self._clock()
        gap = now - self._mark - timeout
        if gap > STALL_SECONDS:
            self._note(now, Stall(gap, "late", self._mark + timeout))
        self._mark = self.busy_since = now

    def _note(self, now: float, stall: Stall) -> None:
        self.longest = max(self.longest, stall.seconds)
        self._recent.append((now, stall.seconds))
        if self._on_stall is not None:
            self._on_stall(stall)
