"""How long to wait between attempts: pure arithmetic, for everybody who tries again."""

from __future__ import annotations

_MOST_DOUBLINGS = 30


def doubling(failures: int, first: float, longest: float) -> float:
    """Return the pause in seconds after so many failures in a row, counted from 1.

    Args:
        failures: how many.
        first: seconds after the first of them; it doubles with each.
        longest: seconds that no pause exceeds.
    """
    return float(min(longest, first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)))
