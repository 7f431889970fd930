"""A second, slow opinion about wall clocks: it finds the jumps of a zone by probing and never asks for a fold."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from revaer.throttle.schedule import Window, active_window, next_change

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # naive on purpose, as what a wall clock shows
DAY = timedelta(days=1)
HOUR = 3600


@lru_cache(maxsize=200_000)
def offset(name: str, instant: int) -> int:
    """Seconds that the wall clock is ahead of UTC."""
    zone = ZoneInfo(name)
    moment = zone.fromutc((EPOCH + timedelta(seconds=instant)).replace(tzinfo=zone))
    ahead = moment.utcoffset()
    assert ahead is not None
    return int(ahead.total_seconds())


def wall(name: str, instant: int) -> datetime:
    """What the wall clock shows."""
    return EPOCH + timedelta(seconds=instant + offset(name, instant))


def jumps(name: str, first: int, last: int) -> list[int]:
    """Every instant after `first` up to `last` at which the clock jumps, for jumps at least an hour apart."""
    found = []
    for low in range(first, last, HOUR):
        before, after = low, min(low + HOUR, last)
        if offset(name, before) == offset(name, after):
            continue
        while after - before > 1:
            middle = (before + after) // 2
            if offset(name, middle) == offset(name, low):
                before = middle
            else:
                after = middle
        found.append(after)
    return found


def was_reached(name: str, local: datetime, instant: int) -> bool:
    """Whether the clock shows `local` or a later time at `instant`, or did so within the two days before."""
    before = (
        EPOCH + timedelta(seconds=jump + offset(name, jump - 1)) for jump in jumps(name, instant - 50 * HOUR, instant)
    )
    return wall(name, instant) >= local or any(last_shown > local for last_shown in before)


def holds(window: Window, instant: int) -> bool:
    """Whether a window holds, by the definition: its start was reached and its end was not."""
    today = wall(window.timezone, instant).replace(hour=0, minute=0, second=0)
    for distance in range(-3, 4):
        day = today + distance * DAY
        if day.weekday() not in window.days:
            continue
        last = day if window.start < window.end else day + DAY
        start, end = datetime.combine(day, window.start), datetime.combine(last, window.end)
        if was_reached(window.timezone, start, instant) and not was_reached(window.timezone, end, instant):
            return True
    return False


def answer(schedule: Sequence[Window], instant: int) -> Window | None:
    """The first window of a schedule that holds."""
    return next((window for window in schedule if holds(window, instant)), None)


def moments(schedule: Sequence[Window], first: int, last: int) -> list[int]:
    """Every instant in between at which an answer can change: all edges under every offset there is, and all jumps."""
    found = set()
    for window in schedule:
        name = window.timezone
        found.update(jumps(name, first, last))
        offsets = {offset(name, at) for at in range(first - 50 * HOUR, last + 50 * HOUR, HOUR)}
        day = wall(name, first).replace(hour=0, minute=0, second=0) - 3 * DAY
        while day <= wall(name, last) + 3 * DAY:
            for edge in (datetime.combine(day, window.start), datetime.combine(day, window.end)):
                found.update(int((edge - EPOCH).total_seconds()) - ahead for ahead in offsets)
            day += DAY
    return sorted(at for at in found if first < at <= last)


class Minutes:
    """A clock on a wall, written down minute by minute around a jump, and never turned back."""

    def __init__(self, zone: str, jump: int) -> None:
        self.first, self.last = jump - 30 * HOUR, jump + 30 * HOUR
        [at] = jumps(zone, jump - HOUR, jump + HOUR)
        whole_minutes = {-offset(zone, at - 1) % 60, -offset(zone, at) % 60}
        minutes = range((jump - 200 * HOUR) // 60 * 60, jump + 200 * HOUR, 60)
        noted = {minute + second for minute in minutes for second in whole_minutes}
        self._instants = sorted(noted | {at - 1, at})
        self._shown = list(itertools.accumulate((wall(zone, instant) for instant in self._instants), max))

    def expected(self, window: Window) -> list[tuple[int, int]]:
        """The stretches in which a window holds: from when its start was noted until its end was."""
        stretches: list[tuple[int, int]] = []
        day = wall(window.timezone, self.first).replace(hour=0, minute=0, second=0) - 2 * DAY
        for _ in range(9):
            if day.weekday() in window.days:
                last = day if window.start < window.end else day + DAY
                start = max(self._noted(datetime.combine(day, window.start)), self.first)
                end = min(self._noted(datetime.combine(last, window.end)), self.last)
                if start < end and stretches and stretches[-1][1] == start:
                    stretches[-1] = (stretches[-1][0], end)
                elif start < end:
                    stretches.append((start, end))
            day += DAY
        return stretches

    def followed(self, window: Window) -> list[tuple[int, int]]:
        """The stretches that somebody sees who goes from change to change."""
        stretches: list[tuple[int, int]] = []
        moment = self.first
        while moment < self.last:
            change = next_change([window], moment)
            until = self.last if change is None else min(int(change), self.last)
            if active_window([window], moment) is not None:
                stretches.append((moment, until))
            moment = until
        return stretches

    def _noted(self, local: datetime) -> int:
        return self._instants[bisect.bisect_left(self._shown, local)]
