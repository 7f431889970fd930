"""Keeps an eye on a step while it runs: cancellation, its time limit, its progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from revaer.fsops.errors import Cancelled, Transient
from revaer.fsops.ports import OnProgress
from revaer.fsops.types import StepName

CHUNK: Final = 1 << 23
"""Bytes of work between two looks: well under 100 ms on any disk worth the name."""


class Watch:
    """The eye on one step.

    Args:
        step: The step.
        on_progress: Told how far it is.
        cancelled: Asked whether to stop.
        monotonic: Seconds.
        timeout: Seconds that the step may take.
    """

    def __init__(
        self,
        step: StepName,
        on_progress: OnProgress,
        cancelled: Callable[[], bool],
        monotonic: Callable[[], float],
        timeout: float,
    ) -> None:
        self.step = step
        self.done = 0
        self._total = 0
        self._report = on_progress
        self._cancelled = cancelled
        self._monotonic = monotonic
        self._timeout = timeout
        self._deadline = monotonic() + timeout

    def should_stop(self) -> bool:
        """What tools ask: whether the job was cancelled or the time is over; `check` says which."""
        return self._cancelled() or self._monotonic() > self._deadline

    @property
    def remaining(self) -> float:
        """Seconds left."""
        return max(0.0, self._deadline - self._monotonic())

    def expect(self, total: int) -> None:
        """Say how many bytes the step has to do with."""
        self._total = total
        self._report(self.step, self.done, total)

    def advance(self, count: int) -> None:
        """Say that so many bytes more are done, and look whether to go on. Raises Cancelled and Transient."""
        self.done += count
        self._report(self.step, self.done, self._total)
        self.check()

    def reach(self, done: int) -> None:
        """Say how many bytes are done so far."""
        self.done = done
        self._report(self.step, done, self._total)

    def check(self) -> None:
        """Go on, or raise Cancelled, or Transient when the time is over."""
        if self._cancelled():
            raise Cancelled(step=self.step)
        if self._monotonic() > self._deadline:
            raise Transient(f"the step took longer than the {self._timeout:g} seconds of step_timeout", step=self.step)
