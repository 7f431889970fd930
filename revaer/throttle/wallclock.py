"""When a wall clock shows a time: the one place that knows about time zones and daylight saving.

A local time is *reached* at the first instant at which the clock on that wall shows it or a later one. So a time that
is shown twice (the clock goes back) counts the first time, and a time that is never shown (the clock goes forward)
counts at the jump. Every local time is reached exactly once, and a later one never before an earlier one.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from revaer.throttle.errors import InvalidInstant, UnknownTimeZone

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # naive on purpose: the arithmetic here is on wall clocks
_SECOND: Final = timedelta(seconds=1)
_FIRST: Final = (datetime(2, 1, 1) - _EPOCH) // _SECOND  # noqa: DTZ001  # see above
_LAST: Final = (datetime(9999, 1, 1) - _EPOCH) // _SECOND  # noqa: DTZ001  # see above


@lru_cache(maxsize=1024)
def find_zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name.

    Raises:
        UnknownTimeZone: there is none on this host.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # folders, bad characters, unknown names
        raise UnknownTimeZone(name) from error


def local_day(instant: float, zone: ZoneInfo) -> date:
    """Return the date that a wall clock in `zone` shows at `instant` (Unix seconds).

    Raises:
        InvalidInstant: the instant is outside of the calendar.
    """
    if not _FIRST <= instant < _LAST:
        raise InvalidInstant(f"{instant} is no point in time within the years 2 to 9998")
    return _shown(int(instant // 1), zone).date()


def reached(local: datetime, zone: ZoneInfo) -> int:
    """Return when a local time is reached, Unix seconds.

    Args:
        local: a naive date and time of whole seconds.
        zone: where the wall is.
    """
    first, second = _unix(local, zone, fold=0), _unix(local, zone, fold=1)
    if first <= second:
        return first
    # Never shown. The offset before the jump puts it after the jump, the one after puts it before.
    before, after = second, first
    while after - before > 1:
        middle = (before + after) // 2
        if _shown(middle, zone) >= local:
            after = middle
        else:
            before = middle
    return after


def _unix(local: datetime, zone: ZoneInfo, *, fold: int) -> int:
    offset = local.replace(tzinfo=zone, fold=fold).utcoffset()
    assert offset is not None, "a zone always has an offset"
    return (local - _EPOCH - offset) // _SECOND


def _shown(instant: int, zone: ZoneInfo) -> datetime:
    moment = (_EPOCH + timedelta(seconds=instant)).replace(tzinfo=zone)
    return zone.fromutc(moment).replace(tzinfo=None, fold=0)
