"""Which of the engine's "cache flushed" notifications answers whom: pure bookkeeping for one torrent.

Flushes of one torrent run in the order they were asked for, but the engine also flushes by itself when a download
finishes, and its notifications do not say which flush they are. So a waiter counts everything that may still arrive
before its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Waiter:
    remaining: int
    done: Callable[[], object]


@dataclass(slots=True)
class FlushLedger:
    """Counts flushes under way.

    The owner asks the engine for one flush per `ask`, and for one per `finished` that returns True.
    """

    _under_way: int = 0
    _waiters: list[_Waiter] = field(default_factory=list)

    def ask(self, done: Callable[[], object]) -> None:
        """Note that a flush is asked for now; `done` is called when it ended."""
        self._under_way += 1
        self._waiters.append(_Waiter(self._under_way, done))

    def finished(self) -> bool:
        """Note a flush that the engine began by itself, before or after ours; True when one more must be asked for."""
        self._under_way += 1
        if not self._waiters:
            return False
        self._under_way += 1
        for waiter in self._waiters:
            waiter.remaining = self._under_way
        return True

    def flushed(self) -> None:
        """Note that one flush ended; calls whoever waited for it."""
        self._under_way = max(0, self._under_way - 1)
        for waiter in self._waiters:
            waiter.remaining -= 1
        ready = [waiter for waiter in self._waiters if waiter.remaining <= 0]
        self._waiters = [waiter for waiter in self._waiters if waiter.remaining > 0]
        for waiter in ready:
            waiter.done()

    def lost_count(self) -> bool:
        """Start counting afresh after notifications were lost; True when one flush must be asked for."""
        self._under_way = 1 if self._waiters else 0
        for waiter in self._waiters:
            waiter.remaining = 1
        return bool(self._waiters)
