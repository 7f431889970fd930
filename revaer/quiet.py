"""Keeps a log readable when the same thing happens a thousand times in a second."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable


class Quiet:
    """Lets one line in a while through for each subject, and counts those between.

    Args:
        seconds: how long a subject is quiet after a line.
        clock: monotonic seconds.
        remembered: how many subjects are known at most; beyond it the longest known one is forgotten.
    """

    def __init__(
        self, seconds: float = 10.0, *, clock: Callable[[], float] = time.monotonic, remembered: int = 1000
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._remembered = remembered
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def untold(self, subject: str = "") -> int | None:
        """Return how many lines were held back since the last one; None when this one is held back too."""
        now = self._clock()
        until, held = self._told.get(subject, (now, 0))
        if now < until:
            self._told[subject] = (until, held + 1)
            return None
        self._told[subject] = (now + self._seconds, 0)
        self._told.move_to_end(subject)
        if len(self._told) > self._remembered:
            self._told.popitem(last=False)
        return held
