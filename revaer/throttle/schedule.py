"""The alternative-speed schedule: which window holds at an instant, and when that changes. Pure.

A window begins, on each of its days, when the clock on the wall of its time zone reaches `start`, and lasts until the
clock reaches `end`: on the same day, or on the next one when `end` is not after `start` (so equal times are a whole
day). One day's window is one stretch of time, whatever the clock does: when it goes back within a window, the window
is longer; when it jumps over a whole window, there is none on that day.

When several windows hold, the first in the list is the answer. So there is exactly one answer at any instant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from revaer.throttle.errors import InvalidWindow, UnknownTimeZone
from revaer.throttle.wallclock import find_zone, local_day, reached

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The names of days by their numbers in `Window.days`."""

_DAY: Final = timedelta(days=1)

# Days to look ahead. Every window that occurs at all does so within a week, but for a day that the clock jumps over:
# what has not changed after three weeks never does. Near steps come first, so that the usual answer is quick.
_HORIZONS: Final = (3, 10, 24)

# The last days of a horizon, for which its list of occurrences may not be complete: the clock may jump by a day.
_MARGIN: Final = 2


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that comes back every week.

    Attributes:
        days: the days on which it begins, 0 for Monday to 6 for Sunday.
        start: local time at which it begins, whole seconds.
        end: local time at which it ends; not after `start` for the next day.
        timezone: IANA name of the zone that `start`, `end` and the days are meant in.
    """

    days: frozenset[int]
    start: time
    end: time
    timezone: str

    def __post_init__(self) -> None:
        if not self.days or not self.days <= frozenset(range(7)):
            raise InvalidWindow(f"days are numbers from 0 (Monday) to 6 (Sunday), at least one, not {set(self.days)}")
        for moment in (self.start, self.end):
            if moment.tzinfo is not None or moment.microsecond:
                raise InvalidWindow(f"{moment} is no local time of whole seconds")

    def __str__(self) -> str:
        days = ",".join(DAYS[day] for day in sorted(self.days))
        return f"{days} {_short(self.start)}-{_short(self.end)} {self.timezone}"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A window as it comes on one day: from `start` until before `end`, Unix seconds."""

    window: Window
    start: int
    end: int

    def covers(self, instant: float) -> bool:
        """Tell whether it holds at `instant`."""
        return self.start <= instant < self.end


def active_window(schedule: Sequence[Window], instant: float) -> Window | None:
    """Return the window that holds at `instant` (Unix seconds), None when none does.

    Raises:
        UnknownTimeZone: this host does not know the zone of a window.
        InvalidInstant: the instant is outside of the calendar.
    """
    for window in schedule:
        if any(occurrence.covers(instant) for occurrence in _occurrences(window, instant, 1)):
            return window
    return None


def next_change(schedule: Sequence[Window], instant: float) -> float | None:
    """Return the first instant after `instant` at which `active_window` gives another answer; None when it never will.

    Raises:
        UnknownTimeZone: this host does not know the zone of a window.
        InvalidInstant: the instant is outside of the calendar.
    """
    now = active_window(schedule, instant)
    # What comes after the window that holds has no say until that one ends.
    relevant = schedule if now is None else schedule[: list(schedule).index(now) + 1]
    for days in _HORIZONS:
        known = [occurrence for window in relevant for occurrence in _occurrences(window, instant, days)]
        edges = {edge for occurrence in known for edge in (occurrence.start, occurrence.end) if edge > instant}
        limit = instant + (days - _MARGIN) * _DAY.total_seconds()
        for edge in sorted(edges):
            if edge <= limit and _first(known, edge) != now:
                return edge
    return None


def usable(schedule: Sequence[Window]) -> tuple[tuple[Window, ...], tuple[str, ...]]:
    """Sort out the windows whose time zone this host does not know.

    Returns:
        The windows that can be used, in order, and the names of the unknown zones.
    """
    windows: list[Window] = []
    unknown: dict[str, None] = {}
    for window in schedule:
        try:
            find_zone(window.timezone)
        except UnknownTimeZone:
            unknown[window.timezone] = None
        else:
            windows.append(window)
    return tuple(windows), tuple(unknown)


def _occurrences(window: Window, instant: float, days: int) -> Iterator[Occurrence]:
    """Give what may hold at `instant` or begins within the `days` after it, in order.

    No clock ever went back by more than a day, so what holds now began on the shown date, the one before or, when
    midnight is shown twice, the one after.
    """
    zone = find_zone(window.timezone)
    shown = local_day(instant, zone)
    for distance in range(-1, days + 1):
        day = shown + distance * _DAY
        if day.weekday() in window.days:
            yield _on(window, day)


def _on(window: Window, day: date) -> Occurrence:
    zone = find_zone(window.timezone)
    last = day if window.start < window.end else day + _DAY
    return Occurrence(
        window,
        reached(datetime.combine(day, window.start), zone),
        reached(datetime.combine(last, window.end), zone),
    )


def _first(occurrences: Sequence[Occurrence], instant: float) -> Window | None:
    return next((occurrence.window for occurrence in occurrences if occurrence.covers(instant)), None)


def _short(moment: time) -> str:
    return moment.isoformat("auto" if moment.second else "minutes")
