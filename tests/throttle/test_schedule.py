"""The schedule at the moments that people think of: midnight, weekends, the days on which the clock jumps."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from revaer.throttle.errors import InvalidInstant, InvalidWindow, ThrottleError, UnknownTimeZone
from revaer.throttle.schedule import Window, active_window, next_change, usable

EVERY_DAY = frozenset(range(7))
WEEKDAYS = frozenset(range(5))
MON, TUE, FRI, SAT, SUN = 0, 1, 4, 5, 6


def window(start: str, end: str, days: frozenset[int] = EVERY_DAY, timezone: str = "Europe/Berlin") -> Window:
    return Window(days, time.fromisoformat(start), time.fromisoformat(end), timezone)


def at(text: str, zone: str = "Europe/Berlin", *, fold: int = 0) -> float:
    """The Unix time of a local time; `fold` 1 is the second time that it is shown."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


NIGHT = window("22:00", "06:00")
OFFICE = window("08:00", "18:00", WEEKDAYS)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2024-05-06T07:59:59", None),
        ("2024-05-06T08:00:00", OFFICE),
        ("2024-05-06T17:59:59.999", OFFICE),
        ("2024-05-06T18:00:00", None),
        ("2024-05-06T22:00:00", NIGHT),
        ("2024-05-07T00:00:00", NIGHT),
        ("2024-05-07T05:59:59", NIGHT),
        ("2024-05-07T06:00:00", None),
        ("2024-05-04T12:00:00", None),  # a Saturday
    ],
)
def test_window_holds_from_its_start_until_before_its_end(moment: str, expected: Window | None) -> None:
    assert active_window([OFFICE, NIGHT], at(moment)) is expected


def test_days_of_a_window_over_midnight_are_those_on_which_it_begins() -> None:
    friday_night = window("22:00", "06:00", frozenset({FRI}))

    assert active_window([friday_night], at("2024-05-03T05:00")) is None
    assert active_window([friday_night], at("2024-05-03T23:00")) is friday_night
    assert active_window([friday_night], at("2024-05-04T05:00")) is friday_night
    assert active_window([friday_night], at("2024-05-04T23:00")) is None


def test_equal_times_are_a_whole_day() -> None:
    sunday = window("00:00", "00:00", frozenset({SUN}))

    assert active_window([sunday], at("2024-05-04T23:59:59")) is None
    assert active_window([sunday], at("2024-05-05T00:00")) is sunday
    assert active_window([sunday], at("2024-05-05T23:59:59")) is sunday
    assert active_window([sunday], at("2024-05-06T00:00")) is None


def test_first_window_in_the_list_wins() -> None:
    narrow, wide = window("12:00", "13:00"), window("08:00", "18:00")

    assert active_window([wide, narrow], at("2024-05-06T12:30")) is wide
    assert active_window([narrow, wide], at("2024-05-06T12:30")) is narrow
    assert next_change([narrow, wide], at("2024-05-06T12:30")) == at("2024-05-06T13:00")
    assert next_change([wide, narrow], at("2024-05-06T12:30")) == at("2024-05-06T18:00")


def test_same_wall_time_is_another_instant_in_another_zone() -> None:
    tokyo = window("08:00", "18:00", timezone="Asia/Tokyo")

    assert active_window([tokyo], at("2024-05-06T08:00")) is tokyo  # 15:00 there
    assert active_window([tokyo], at("2024-05-06T12:00")) is None  # 19:00 there


def test_day_is_the_day_of_the_window_s_zone() -> None:
    monday_in_auckland = window("00:00", "12:00", frozenset({MON}), "Pacific/Auckland")

    assert active_window([monday_in_auckland], at("2024-05-05T14:00", "UTC")) is monday_in_auckland


class TestClockGoesForward:
    """Berlin, Sunday 31 March 2024: 02:00 becomes 03:00 at 01:00 UTC."""

    JUMP = datetime(2024, 3, 31, 1, tzinfo=UTC).timestamp()

    def test_window_within_the_jump_does_not_come(self) -> None:
        lost = window("02:15", "02:45")

        assert active_window([lost], self.JUMP - 1) is None
        assert active_window([lost], self.JUMP) is None
        assert next_change([lost], self.JUMP - 3600) == at("2024-04-01T02:15")

    def test_window_that_begins_in_the_jump_begins_at_the_jump(self) -> None:
        late = window("02:30", "05:00")

        assert active_window([late], self.JUMP - 1) is None
        assert active_window([late], self.JUMP) is late
        assert next_change([late], self.JUMP - 1) == self.JUMP

    def test_window_that_ends_in_the_jump_ends_at_the_jump(self) -> None:
        early = window("01:00", "02:30")

        assert active_window([early], self.JUMP - 1) is early
        assert active_window([early], self.JUMP) is None
        assert next_change([early], self.JUMP - 1) == self.JUMP

    def test_window_around_the_jump_is_an_hour_shorter(self) -> None:
        start = at("2024-03-30T22:00")

        assert next_change([NIGHT], start) == start + 7 * 3600


class TestClockGoesBack:
    """Berlin, Sunday 27 October 2024: 03:00 becomes 02:00 at 01:00 UTC."""

    def test_window_in_the_repeated_hour_comes_once(self) -> None:
        short = window("02:15", "02:45")

        assert active_window([short], at("2024-10-27T02:30")) is short
        assert active_window([short], at("2024-10-27T02:30", fold=1)) is None
        assert next_change([short], at("2024-10-27T02:45")) == at("2024-10-28T02:15")

    def test_window_that_begins_in_the_repeated_hour_begins_the_first_time(self) -> None:
        assert next_change([window("02:30", "05:00")], at("2024-10-27T01:00")) == at("2024-10-27T02:30")

    def test_window_that_ends_in_the_repeated_hour_ends_the_first_time(self) -> None:
        assert next_change([window("01:00", "02:30")], at("2024-10-27T01:00")) == at("2024-10-27T02:30")

    def test_window_does_not_end_when_the_clock_goes_back_before_its_start(self) -> None:
        evening = window("02:30", "04:00")

        assert active_window([evening], at("2024-10-27T02:10", fold=1)) is evening

    def test_window_around_the_repeated_hour_is_an_hour_longer(self) -> None:
        start = at("2024-10-26T22:00")

        assert next_change([NIGHT], start) == start + 9 * 3600


def test_window_goes_on_when_midnight_is_shown_twice() -> None:
    """St. John's, 29 October 2006: 00:01 became 23:01 of the day before."""
    zone = "America/St_Johns"
    sunday = window("00:00", "12:00", frozenset({SUN}), zone)
    twice = at("2006-10-28T23:30", zone, fold=1)

    assert active_window([sunday], at("2006-10-28T23:30", zone)) is None
    assert active_window([sunday], twice) is sunday
    assert next_change([sunday], twice) == at("2006-10-29T12:00", zone)


def test_window_of_a_day_that_was_left_out_does_not_come() -> None:
    """Samoa had no 30 December 2011, a Friday."""
    zone = "Pacific/Apia"
    friday = window("08:00", "18:00", frozenset({FRI}), zone)
    thursday_night = window("22:00", "06:00", frozenset({3}), zone)
    jump = at("2011-12-31T00:00", zone)

    assert next_change([friday], at("2011-12-29T12:00", zone)) == at("2012-01-06T08:00", zone)
    assert active_window([thursday_night], jump - 1) is thursday_night
    assert active_window([thursday_night], jump) is None


def test_nothing_changes_without_windows() -> None:
    assert active_window([], 0.0) is None
    assert next_change([], 0.0) is None


def test_window_that_always_holds_never_changes() -> None:
    always = window("00:00", "00:00")

    assert active_window([always], at("2024-03-31T03:00")) is always
    assert next_change([always], at("2024-03-30T00:00")) is None


def test_adjacent_windows_change_into_each_other() -> None:
    day, night = window("06:00", "22:00"), window("22:00", "06:00")

    assert next_change([day, night], at("2024-05-06T12:00")) == at("2024-05-06T22:00")
    assert next_change([day, night], at("2024-05-06T22:00")) == at("2024-05-07T06:00")


def test_instant_between_two_seconds_counts() -> None:
    assert active_window([OFFICE], at("2024-05-06T08:00") - 0.001) is None
    assert next_change([OFFICE], at("2024-05-06T08:00") - 0.001) == at("2024-05-06T08:00")


def test_instant_before_1970_has_an_answer() -> None:
    assert active_window([OFFICE], at("1965-05-03T12:00")) is OFFICE


@pytest.mark.parametrize("instant", [float("nan"), float("inf"), -float("inf"), 1e15, -1e15])
def test_instant_outside_of_the_calendar_is_refused(instant: float) -> None:
    with pytest.raises(InvalidInstant, match="years 2 to 9998"):
        active_window([OFFICE], instant)
    with pytest.raises(InvalidInstant):
        next_change([OFFICE], instant)


@pytest.mark.parametrize("instant", [-62_104_060_800, 253_370_764_799])
def test_first_and_last_instant_of_the_calendar_have_an_answer(instant: float) -> None:
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
        assert active_window([window("00:00", "00:00", timezone=zone)], instant) is not None
        assert next_change([window("00:00", "12:00", timezone=zone)], instant) is not None


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "", "America", "../etc/passwd", "/etc/localtime", "Europe/\0", "Z" * 5000, "\ud800"]
)
def test_unknown_zone_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnknownTimeZone) as caught:
        active_window([window("08:00", "18:00", timezone=name)], 0.0)

    assert caught.value.name == name
    assert len(str(caught.value)) < 200


def test_windows_of_unknown_zones_are_sorted_out() -> None:
    lost = window("08:00", "18:00", timezone="Mars/Olympus")

    assert usable([NIGHT, lost, OFFICE, lost]) == ((NIGHT, OFFICE), ("Mars/Olympus",))


@pytest.mark.parametrize("days", [frozenset(), frozenset({7}), frozenset({-1, 3})])
def test_window_needs_days_of_the_week(days: frozenset[int]) -> None:
    with pytest.raises(InvalidWindow, match="Monday"):
        window("08:00", "18:00", days)


@pytest.mark.parametrize("moment", [time(8, 0, 0, 1), time(8, tzinfo=UTC)])
def test_window_needs_local_times_of_whole_seconds(moment: time) -> None:
    with pytest.raises(ThrottleError, match="whole seconds"):
        Window(EVERY_DAY, moment, time(18), "UTC")
    with pytest.raises(ThrottleError, match="whole seconds"):
        Window(EVERY_DAY, time(6), moment, "UTC")


def test_window_says_itself() -> None:
    assert str(OFFICE) == "mon,tue,wed,thu,fri 08:00-18:00 Europe/Berlin"
    assert str(Window(frozenset({SAT}), time(8, 0, 30), time(9), "UTC")) == "sat 08:00:30-09:00 UTC"
