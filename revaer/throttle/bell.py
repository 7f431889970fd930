"""A bell: whoever rings it wakes the one who waits, now or at the next wait."""

from __future__ import annotations

import math

import trio


class Bell:
    """Rings coalesce: any number of them before a wait is one."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        """Wake whoever waits, or the next one who does."""
        self._rung.set()

    async def wait(self, within: float = math.inf) -> bool:
        """Wait for a ring, at most `within` seconds, and take it; tell whether there was one."""
        with trio.move_on_after(within):
            await self._rung.wait()
        rang = self._rung.is_set()
        if rang:
            self._rung = trio.Event()
        return rang
