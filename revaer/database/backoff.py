"""How long to wait between attempts: pure arithmetic."""

from __future__ import annotations

_FIRST = 0.05
_LONGEST = 2.0


class Backoff:
    """Waits that double from 50 ms to 2 s, until a success starts them anew."""

    def __init__(self) -> None:
        self._wait = _FIRST

    def next(self) -> float:
        """Return how long to wait now, in seconds."""
        wait = self._wait
        self._wait = min(2 * wait, _LONGEST)
        return wait

    def reset(self) -> None:
        """Begin with the shortest wait again."""
        self._wait = _FIRST
