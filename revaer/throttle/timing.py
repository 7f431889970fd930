"""The intervals of the governor, in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from revaer.pauses import doubling


@dataclass(frozen=True, slots=True)
class Timing:
    """How often and how long.

    Attributes:
        verify: between two looks at what the engine has when nothing happens; also how late a step of the wall clock
            is noticed.
        retry_first: pause after the first failure in a row; it doubles.
        retry_longest: the longest such pause.
        gather: from a change of a torrent's labels until the session is told, so that many are told at once.
        look: between two rounds over the torrents whose figures changed.
        again: until a torrent is looked at again that was to be stopped or removed and could not be.
        hold: until a torrent is looked at again whose clean-up lacks evidence.
    """

    verify: float = 5.0
    retry_first: float = 0.1
    retry_longest: float = 2.0
    gather: float = 0.02
    look: float = 1.0
    again: float = 10.0
    hold: float = 300.0

    def backoff(self, failures: int) -> float:
        """Return the pause after so many failures in a row, counted from 1."""
        return doubling(failures, self.retry_first, self.retry_longest)
