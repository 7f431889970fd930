"""When a failed attempt is repeated: pure arithmetic, with the randomness handed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Pauses that double, with jitter, up to a longest one, and an end.

    Attributes:
        first: Seconds before the second attempt.
        longest: Seconds that no pause exceeds.
        jitter: Share of a pause by which it is lengthened at most, so that jobs that failed together do not return
            together.
        max_failures: After so many failures in a row a job is given up. With the defaults that takes half a day.
    """

    first: float = 10.0
    longest: float = 3_600.0
    jitter: float = 0.2
    max_failures: int = 20

    def gives_up(self, failures: int) -> bool:
        """Tell whether a job that failed so often in a row is given up."""
        return failures >= self.max_failures

    def pause(self, failures: int, random: Callable[[], float]) -> float:
        """Return the seconds until the next attempt.

        Args:
            failures: Failures in a row so far, at least 1.
            random: Returns a number from 0 up to 1.
        """
        plain = self.first * 2.0 ** min(failures - 1, 60)
        return float(min(self.longest, plain * (1.0 + self.jitter * random())))
