"""How a transfer follows its limit: the bytes that the downloader has read off its socket, window by window."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WINDOW = 0.2
SILENT = 1_000
JUDGED = 3.0
"""Seconds after a change whose mean is held against the new limit."""

Sample = tuple[float, int]
"""Monotonic seconds, and the bytes read until then."""


@dataclass(frozen=True, slots=True)
class Change:
    """A limit in bytes per second, and when it was asked for."""

    at: float
    limit: int


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of one change.

    Attributes:
        limit: the new limit, bytes per second.
        share: the mean of the first 3 s over the limit.
        cv: standard deviation over mean of the windows until the next change.
        silent: share of the windows without data: less than a kilobyte, which is what trackers are told.
    """

    limit: int
    share: float
    cv: float
    silent: float


def followed(samples: Sequence[Sample], changes: Sequence[Change], seconds: float) -> list[Followed]:
    """Tell what came of each change, the next of which came `seconds` later."""
    found = []
    for change in changes:
        edges = [change.at + number * WINDOW for number in range(int(seconds / WINDOW) + 1)]
        windows = [after - before for before, after in pairwise(bytes_at(samples, edge) for edge in edges)]
        mean = statistics.fmean(windows)
        judged = bytes_at(samples, change.at + JUDGED) - bytes_at(samples, change.at)
        found.append(
            Followed(
                limit=change.limit,
                share=judged / JUDGED / change.limit,
                cv=statistics.pstdev(windows) / mean if mean else 0.0,
                silent=sum(window < SILENT for window in windows) / len(windows),
            )
        )
    return found


def bytes_at(samples: Sequence[Sample], at: float) -> int:
    """The bytes read by a moment: those of the last sample before it."""
    total = samples[0][1]
    for moment, count in samples:
        if moment > at:
            break
        total = count
    return total
