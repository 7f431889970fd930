"""Tickets: one waiting call each, settled from outside of its task."""

from __future__ import annotations

from typing import Generic, TypeVar

import outcome
import trio

T = TypeVar("T")


class Ticket(Generic[T]):
    """What a call waits on. It is settled once; later settlements are ignored."""

    __slots__ = ("_outcome", "_woken")

    def __init__(self) -> None:
        self._outcome: outcome.Outcome[T] | None = None
        self._woken = trio.Event()

    @property
    def done(self) -> bool:
        """Whether it is settled."""
        return self._outcome is not None

    def resolve(self, value: T) -> None:
        """Let the call return `value`."""
        self._settle(outcome.Value(value))

    def fail(self, error: Exception) -> None:
        """Let the call raise `error`."""
        self._settle(outcome.Error(error))

    def nudge(self) -> None:
        """Wake the waiting task without settling."""
        self._woken.set()

    async def woken(self) -> None:
        """Wait until it is settled or nudged."""
        await self._woken.wait()
        if not self.done:
            self._woken = trio.Event()

    def unwrap(self) -> T:
        """The value, or raises the error, of a settled ticket."""
        assert self._outcome is not None
        return self._outcome.unwrap()

    def _settle(self, result: outcome.Outcome[T]) -> None:
        if self._outcome is None:
            self._outcome = result
        self._woken.set()
