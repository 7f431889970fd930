"""How long to wait before the next attempt: doubling waits with jitter; pure, with randomness from outside."""

from __future__ import annotations

import random as _random
from collections.abc import Callable


class Backoff:
    """Waits that double from `initial` to `longest` seconds and start over after `reset`.

    Args:
        initial: seconds of the first wait.
        longest: seconds no wait exceeds, unless the daemon asked for more.
        jitter: the fraction by which a wait is shortened at random, so that many clients do not return together.
        random: a source of numbers in [0, 1).
    """

    def __init__(
        self,
        *,
        initial: float = 0.25,
        longest: float = 15.0,
        jitter: float = 0.25,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._initial = initial
        self._longest = longest
        self._jitter = jitter
        self._random = random
        self._failures = 0

    def next(self, *, at_least: float = 0.0) -> float:
        """Count a failure and answer the seconds to wait, never fewer than the daemon asked for."""
        wait = min(self._longest, self._initial * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return max(at_least, wait * (1.0 - self._jitter * self._random()))

    def reset(self) -> None:
        """Start over: the other side works again."""
        self._failures = 0

    def hint(self, seconds: float) -> None:
        """Take the daemon's hint for the first wait, within 0.1 s and the longest wait."""
        self._initial = min(self._longest, max(0.1, seconds))
