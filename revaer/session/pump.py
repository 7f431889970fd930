"""The pump: takes notifications from a foreign thread's queue and feeds them to a consumer, in order.

There is no background task: whoever waits for an answer pumps, one leader at a time, and hands over when it leaves. All
state of a half-consumed batch lives here, so a leader that is cancelled loses nothing.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import trio

from actors import WakeSource
from revaer.session.tickets import Ticket

T = TypeVar("T")

SLICE = 0.0005
"""Seconds of work between two looks at the event loop."""


@dataclass(frozen=True, slots=True)
class Errand:
    """Work among the items that must be awaited. It runs again when its leader is cancelled half-way."""

    run: Callable[[], Awaitable[None]]


class Pump:
    """Consumes items in slices, driven by those who wait.

    Args:
        wake: wakes when `pop` has something.
        pop: takes what is pending; items stay valid until the next call.
        consume: handles one item and may return smaller items to be handled right after it.
        rest: called after each slice.
        tick: called every `interval` seconds while someone waits.
        interval: seconds between ticks.
    """

    def __init__(
        self,
        wake: WakeSource,
        pop: Callable[[], Iterable[Any]],
        consume: Callable[[Any], Iterable[Any]],
        *,
        rest: Callable[[], None],
        tick: Callable[[], None],
        interval: float = 1.0,
    ) -> None:
        self._wake = wake
        self._pop = pop
        self._consume = consume
        self._rest = rest
        self._tick = tick
        self._interval = interval
        self._next_tick = trio.current_time()
        self._work: deque[Any] = deque()
        self._waiting: dict[Ticket[Any], None] = {}
        self._leading = False
        self._stopped = False
        self._left = trio.Event()
        self._pause: trio.CancelScope | None = None

    async def wait(self, ticket: Ticket[T]) -> T:
        """Wait until `ticket` is settled, pumping when nobody else does.

        Raises:
            Exception: what the ticket failed with.
        """
        self._waiting[ticket] = None
        try:
            while not ticket.done:
                if self._leading:
                    await ticket.woken()
                else:
                    await self._lead(ticket)
        finally:
            del self._waiting[ticket]
            self._hand_over()
        return ticket.unwrap()

    async def stop(self) -> None:
        """Take nothing more; returns when nobody pumps. Whoever waits must have been answered before."""
        self._stopped = True
        self._work.clear()
        if self._pause is not None:
            self._pause.cancel()
        while self._leading:
            await self._left.wait()
        await trio.lowlevel.checkpoint()

    async def turn(self) -> None:
        """Pump once, for an owner that waits alone."""
        await self._step()

    async def _lead(self, ticket: Ticket[Any]) -> None:
        self._leading = True
        self._left = trio.Event()
        try:
            while not ticket.done:
                await self._step()
        finally:
            self._leading = False
            self._left.set()

    def _hand_over(self) -> None:
        if not self._leading:
            for ticket in self._waiting:
                if not ticket.done:
                    ticket.nudge()
                    return

    async def _step(self) -> None:
        if self._work:
            await trio.lowlevel.checkpoint()
        else:
            with trio.move_on_at(self._next_tick) as self._pause:
                await self._wake.wait()
            if self._stopped:
                return
            if trio.current_time() >= self._next_tick:
                self._next_tick = trio.current_time() + self._interval
                self._tick()
            self._work.extend(self._pop())
        await self._slice()

    async def _slice(self) -> None:
        deadline = time.perf_counter() + SLICE
        while self._work and time.perf_counter() < deadline:
            item = self._work[0]
            if isinstance(item, Errand):
                try:
                    await item.run()
                except Exception:  # it would fail everybody who pumps from now on
                    self._done(item)
                    raise
                self._done(item)
            else:
                self._work.extendleft(reversed(list(self._consume(self._work.popleft()))))
        if not self._stopped:
            self._rest()

    def _done(self, item: Any) -> None:
        if self._work and self._work[0] is item:
            self._work.popleft()
