"""Named lanes for calls that block: bounded, timed, and with a deadline."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

from actors.errors import LaneExpired

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LaneStatistics:
    """The figures of one lane.

    Attributes:
        calls: calls that ended, well or not.
        busy_seconds: time that finished calls took, added up.
        longest_seconds: the longest finished call.
        running: calls that occupy a thread now, abandoned ones included.
        waiting: calls that wait for a worker now.
        abandoned: calls whose caller left before the end.
    """

    calls: int
    busy_seconds: float
    longest_seconds: float
    running: int
    waiting: int
    abandoned: int


@dataclass(slots=True)
class _Call(Generic[T]):
    fn: Callable[..., T]
    args: tuple[object, ...]
    began: bool = False
    ended: bool = False


class BlockingLane:
    """Runs blocking calls in worker threads, at most `workers` at a time, others in line.

    Args:
        name: name of the lane, used in errors and statistics.
        workers: how many calls may run at the same time.
    """

    def __init__(self, name: str, *, workers: int = 1) -> None:
        self.name = name
        self._limiter = trio.CapacityLimiter(workers)
        self._lock = threading.Lock()
        self._calls = 0
        self._busy = 0.0
        self._longest = 0.0
        self._abandoned = 0

    async def run(self, fn: Callable[..., T], *args: object, within: float | None = None) -> T:
        """Call `fn(*args)` in a worker thread and return what it returns.

        When the caller is cancelled or the deadline passes, the thread is abandoned: it runs to its end unheard
        and keeps its place in the lane until then. A call that still waits for a worker never begins.

        Args:
            fn: what to call; must be safe to abandon.
            args: its positional arguments.
            within: deadline in seconds, waiting for a worker included; None for no deadline.

        Raises:
            LaneExpired: the deadline passed.
        """
        call = _Call(fn, args)
        deadline = math.inf if within is None else trio.current_time() + within
        try:
            with trio.CancelScope(deadline=deadline):
                return await trio.to_thread.run_sync(self._timed, call, limiter=self._limiter, abandon_on_cancel=True)
        finally:
            self._abandoned += call.began and not call.ended
        raise LaneExpired(self.name, within or 0.0)

    def _timed(self, call: _Call[T]) -> T:
        call.began = True
        begin = time.perf_counter()
        try:
            return call.fn(*call.args)
        finally:
            call.ended = True
            self._record(time.perf_counter() - begin)

    def _record(self, seconds: float) -> None:
        with self._lock:
            self._calls += 1
            self._busy += seconds
            self._longest = max(self._longest, seconds)

    def statistics(self) -> LaneStatistics:
        """Return the figures of this moment."""
        limiter = self._limiter.statistics()
        return LaneStatistics(
            calls=self._calls,
            busy_seconds=self._busy,
            longest_seconds=self._longest,
            running=limiter.borrowed_tokens,
            waiting=limiter.tasks_waiting,
            abandoned=self._abandoned,
        )
