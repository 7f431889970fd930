"""Watches the event loop for stalls: the time between two looks at the sockets, and wake-ups that came too late."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio
import trio.abc

if TYPE_CHECKING:
    from collections.abc import Iterator

STALL_SECONDS = 0.005
"""Shorter gaps are the loop's ordinary work."""

WINDOW_SECONDS = 60.0
"""How far back `longest_recent` looks."""


class LoopWatch(trio.abc.Instrument):
    """Measures every gap of one trio run, for two clock readings per pass of the loop.

    A gap is the time the loop ran tasks without looking at its sockets, or the time it slept longer than it wanted
    (another thread held the interpreter, or the machine was busy).

    Args:
        on_stall: called with the seconds of each gap above `STALL_SECONDS`; must be quick.
        clock: monotonic seconds.

    Attributes:
        longest: the longest gap so far, in seconds.
    """

    def __init__(
        self, *, on_stall: Callable[[float], None] | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.longest = 0.0
        self._on_stall = on_stall
        self._clock = clock
        self._mark = clock()
        self._recent: deque[tuple[float, float]] = deque(maxlen=1000)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the present trio run inside the block."""
        self._mark = self._clock()
        trio.lowlevel.add_instrument(self)
        try:
            yield
        finally:
            trio.lowlevel.remove_instrument(self)

    def longest_recent(self) -> float:
        """Return the longest gap of the last minute, in seconds; gaps up to `STALL_SECONDS` count as none."""
        since = self._clock() - WINDOW_SECONDS
        while self._recent and self._recent[0][0] < since:
            self._recent.popleft()
        return max((seconds for _, seconds in self._recent), default=0.0)

    def before_io_wait(self, timeout: float) -> None:
        """Note the end of a pass; trio calls it."""
        now = self._clock()
        self._note(now, now - self._mark)
        self._mark = now

    def after_io_wait(self, timeout: float) -> None:
        """Note the beginning of a pass; trio calls it. `timeout` is how long the loop wanted to sleep, in seconds."""
        now = self._clock()
        self._note(now, now - self._mark - timeout)
        self._mark = now

    def _note(self, now: float, gap: float) -> None:
        if gap <= STALL_SECONDS:
            return
        self.longest = max(self.longest, gap)
        self._recent.append((now, gap))
        if self._on_stall is not None:
            self._on_stall(gap)
