"""The token bucket: so many at once, so many per period, and how long to wait otherwise."""

from __future__ import annotations

import math
from typing import Final

# Who waits as told must find a token, although rounding may leave a hair of it missing. It is owed then, not given.
_HAIR: Final = 1e-9


class TokenBucket:
    """Holds at most `burst` tokens and refills them evenly within `per_seconds`. It starts full.

    Args:
        burst: how many tokens fit, at least 1.
        per_seconds: seconds in which an empty bucket becomes full.
        now: the present, in monotonic seconds.
    """

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, burst: int, per_seconds: float, *, now: float) -> None:
        if not (burst >= 1 and 0 < per_seconds < math.inf and math.isfinite(burst / per_seconds)):
            raise ValueError(f"a bucket needs burst >= 1 and per_seconds > 0, not {burst} and {per_seconds}")
        self._burst = float(burst)
        self._rate = burst / per_seconds
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> float:
        """Take a token when there is one.

        Returns:
            0.0 when a token was taken, else the seconds until there is one; nothing is taken then.
        """
        self._refill(now)
        if self._tokens >= 1.0 - _HAIR:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate

    def give_back(self) -> None:
        """Return a token that was taken for nothing."""
        self._tokens = min(self._burst, self._tokens + 1.0)

    def left(self, now: float) -> int:
        """Return how many tokens could be taken at once."""
        self._refill(now)
        return int(self._tokens + _HAIR)

    def full_in(self, now: float) -> float:
        """Return the seconds until nothing is missing, when nothing is taken meanwhile."""
        self._refill(now)
        return (self._burst - self._tokens) / self._rate

    def is_full(self, now: float) -> bool:
        """Tell whether nothing is missing, so that a new bucket could stand for this one."""
        self._refill(now)
        return self._tokens >= self._burst

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
