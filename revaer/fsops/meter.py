"""How far a running job is, and when its step will be done: pure arithmetic over what the step says of itself."""

from __future__ import annotations

import math
from typing import Final

from revaer.fsops.types import StepName
from revaer.fsops.views import StepProgress

_MEMORY: Final = 10.0
"""Seconds over which the rate is smoothed."""

_LONGEST: Final = 10 * 365 * 86_400


class Meter:
    """Keeps the last figures of a step and turns them into progress.

    `take` is called by the thread that works, as often as it likes; everything else in the event loop.
    """

    def __init__(self) -> None:
        self._figures: tuple[StepName, int, int] | None = None
        self._told: tuple[StepName, int, int] | None = None
        self._step: StepName | None = None
        self._at = 0.0
        self._done = 0
        self._rate: float | None = None
        self.progress: StepProgress | None = None

    def take(self, step: StepName, bytes_done: int, bytes_total: int) -> None:
        """Take the figures of a step."""
        self._figures = (step, bytes_done, bytes_total)

    def read(self, now: float) -> StepProgress | None:
        """Return how far the job is if that changed since it was last read, else None.

        Args:
            now: Seconds of a monotonic clock.
        """
        figures = self._figures
        if figures is None or figures == self._told:
            return None
        self._told = figures
        step, done, total = figures
        self._learn(step, done, now)
        self.progress = StepProgress(step, done, total, self._eta(done, total))
        return self.progress

    def _learn(self, step: StepName, done: int, now: float) -> None:
        elapsed = now - self._at
        if step is not self._step or done < self._done:
            self._step, self._rate = step, None
        elif elapsed > 0:
            rate = (done - self._done) / elapsed
            weight = 1.0 - math.exp(-elapsed / _MEMORY)
            self._rate = rate if self._rate is None else self._rate + weight * (rate - self._rate)
        self._at, self._done = now, done

    def _eta(self, done: int, total: int) -> int | None:
        if self._rate is None or self._rate <= 0 or total < done or total == 0:
            return None
        return min(_LONGEST, math.ceil((total - done) / self._rate))
