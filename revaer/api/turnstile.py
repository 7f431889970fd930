"""Lets only so much work be done in one pass of the event loop.

One event wakes every stream at once. If all of them wrote in the same pass, nobody would look at the sockets until the
last was done: with 500 readers that is 30 ms.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import trio

WIDTH: Final = 32
"""Writes of an event that fit into one pass: two to three milliseconds."""


class Turnstile:
    """Counts who passes; who comes too late in a pass gets in with a later one, in the order of coming.

    Args:
        width: how much is done in one pass.
    """

    def __init__(self, width: int = WIDTH) -> None:
        self._width = width
        self._left = width
        self._is_turning = False
        self._line: deque[tuple[trio.Event, int]] = deque()

    async def turn(self, weight: int = 1) -> None:
        """Wait for a place in a pass of the loop. Does not yield to other tasks when there is one at once.

        Args:
            weight: how much is to be done, where writing an event is 1. A pass takes the last in whatever it weighs.
        """
        if not self._is_turning:
            self._is_turning = True
            trio.lowlevel.current_trio_token().run_sync_soon(self._open)
        if self._left > 0:
            self._left -= weight
            return
        place = trio.Event(), weight
        self._line.append(place)
        try:
            await place[0].wait()
        finally:
            if not place[0].is_set():
                self._line.remove(place)

    def _open(self) -> None:
        """Let the next in. The loop calls it after it has looked at the sockets."""
        was_used = self._left < self._width
        self._left = self._width
        while self._line and self._left > 0:
            entering, weight = self._line.popleft()
            self._left -= weight
            entering.set()
        self._is_turning = was_used
        if self._is_turning:
            trio.lowlevel.current_trio_token().run_sync_soon(self._open)
