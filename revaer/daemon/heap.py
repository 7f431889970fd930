"""Keeps the cyclic garbage collector from holding up the event loop.

A full collection visits every container of the process: with 10,000 torrents that stops the loop for 150 ms or more, as
often as the interpreter likes. Nearly all of these containers live as long as their torrent and are freed by their
reference counts. So the keeper takes the old generation over: it collects it while it is small, and then freezes what
survived, which exempts it from later collections. What becomes a cycle after it was frozen waits for a full collection,
which comes when the process idles.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog
import trio

log = structlog.get_logger("revaer.daemon")

TICK_SECONDS: Final = 0.25

COLLECT_FROM: Final = 4_000
"""Old containers that are worth a collection: 2 to 6 ms, measured on CPython 3.11."""

FREEZE_FROM: Final = 8_000
"""Old containers that are too many to visit at once, since torrents came or changed by the thousand: they are frozen
unseen."""

GROWTH: Final = 1.5
"""Growth of the heap since the last full collection at which the next is due, when the process idles."""

URGENT_GROWTH: Final = 4.0
"""Growth at which it no longer waits for that."""

IDLE_SHARE: Final = 0.1
"""Share of one core below which the process idles."""

IDLE_SECONDS: Final = 600.0
"""How long it must have idled: a full collection then meets nobody."""

OLDEST: Final = 2
YOUNG: Final = 1

_NEVER: Final = 1_000_000_000


class Collector(Protocol):
    """The part of the `gc` module that the keeper uses."""

    def old(self) -> int:
        """Count the containers of the oldest generation."""

    def blocks(self) -> int:
        """Count the allocated blocks of memory, containers or not."""

    def collect(self, generation: int) -> None:
        """Collect a generation and the younger ones; frozen containers are not visited."""

    def freeze(self) -> None:
        """Exempt everything that is alive from collections."""

    def unfreeze(self) -> None:
        """Take the exemption back."""


class InterpreterCollector:
    """The interpreter's own collector."""

    def old(self) -> int:
        """See `Collector.old`."""
        return len(gc.get_objects(generation=OLDEST))

    def blocks(self) -> int:
        """See `Collector.blocks`."""
        return sys.getallocatedblocks()

    def collect(self, generation: int) -> None:
        """See `Collector.collect`."""
        gc.collect(generation)

    def freeze(self) -> None:
        """See `Collector.freeze`."""
        gc.freeze()

    def unfreeze(self) -> None:
        """See `Collector.unfreeze`."""
        gc.unfreeze()


class HeapKeeper:
    """Decides at every tick what the collector does with old containers.

    Args:
        collector: what it commands.
        clock: monotonic seconds.
        cpu: processor seconds that the process has used.
    """

    def __init__(
        self,
        collector: Collector | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._collector = InterpreterCollector() if collector is None else collector
        self._clock = clock
        self._cpu = cpu
        self._ticked = (clock(), cpu())
        self._busy_at = clock()
        # A start has made modules and little garbage: to look through them would take longer than it is worth.
        self._settle()

    def tick(self) -> None:
        """Look at the heap, and collect or freeze what is due."""
        idle = self._is_idle()
        growth = self._collector.blocks() / self._settled_blocks
        if growth >= URGENT_GROWTH or (idle and growth >= GROWTH):
            self._collect_everything()
            return
        old = self._collector.old()
        if old >= COLLECT_FROM:
            self._collector.collect(OLDEST if old < FREEZE_FROM else YOUNG)
            self._collector.freeze()

    def _is_idle(self) -> bool:
        before, self._ticked = self._ticked, (self._clock(), self._cpu())
        now = self._ticked[0]
        if self._ticked[1] - before[1] >= IDLE_SHARE * (now - before[0]):
            self._busy_at = now
        return now - self._busy_at >= IDLE_SECONDS

    def _collect_everything(self) -> None:
        began = self._clock()
        self._collector.unfreeze()
        self._collector.collect(OLDEST)
        self._settle()
        log.debug("heap_collected", seconds=round(self._clock() - began, 3), blocks=self._settled_blocks)

    def _settle(self) -> None:
        self._collector.freeze()
        self._settled_blocks = self._collector.blocks()


async def keep_heap() -> None:
    """Run a keeper until cancelled. While it runs, the interpreter leaves the oldest generation to it."""
    thresholds = gc.get_threshold()
    gc.set_threshold(thresholds[0], thresholds[1], _NEVER)
    try:
        keeper = HeapKeeper()
        while True:
            await trio.sleep(TICK_SECONDS)
            keeper.tick()
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
