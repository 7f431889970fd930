"""The schedule against its definition: any instant, any zone, any jump of the clock."""

from __future__ import annotations

import itertools
from datetime import datetime, time
from zoneinfo import available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from revaer.throttle.schedule import Window, active_window, next_change
from tests.throttle.zones import HOUR, Minutes, answer, jumps, moments, wall

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
FIRST, LAST = 0, 4_102_444_800  # 1970 to 2100
WEEK = 7 * 24 * HOUR

TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 45, 59]), st.sampled_from([0, 0, 0, 59]))


def windows(zones: st.SearchStrategy[str]) -> st.SearchStrategy[Window]:
    days = st.frozensets(st.integers(0, 6), min_size=1)
    return st.builds(Window, days, TIMES, TIMES, zones)


@st.composite
def near_a_jump(draw: st.DrawFn) -> tuple[str, int]:
    """A zone, and an instant that is often close to a jump of its clock."""
    zone = draw(st.sampled_from(ZONES))
    start = draw(st.integers(FIRST, LAST - 200 * 24 * HOUR))
    found = jumps(zone, start, start + 200 * 24 * HOUR)
    if not found:
        return zone, start
    return zone, draw(st.sampled_from(found)) + draw(st.integers(-30 * HOUR, 30 * HOUR))


@given(place=near_a_jump(), data=st.data())
@settings(max_examples=250, deadline=None)
def test_answer_is_what_the_definition_says(place: tuple[str, int], data: st.DataObject) -> None:
    """One answer, whatever the zone and the instant; and it is the first window whose start was reached and end not."""
    zone, instant = place
    schedule = data.draw(st.lists(windows(st.just(zone)) | windows(st.sampled_from(ZONES)), max_size=4))

    assert active_window(schedule, instant) == answer(schedule, instant)
    assert active_window(schedule, instant + 0.5) == answer(schedule, instant)


@given(place=near_a_jump(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_next_change_is_the_first_one(place: tuple[str, int], data: st.DataObject) -> None:
    """The answer changes there, and at no instant before at which it could."""
    zone, instant = place
    schedule = data.draw(st.lists(windows(st.just(zone)) | windows(st.sampled_from(ZONES)), min_size=1, max_size=3))
    now = active_window(schedule, instant)
    change = next_change(schedule, instant)
    last = instant + 5 * WEEK if change is None else int(change) - 1
    tried = moments(schedule, instant, min(last, instant + 3 * WEEK))

    for moment in {*tried[:60], *tried[-60:], last}:
        assert active_window(schedule, moment) == now
    if change is not None:
        assert change > instant
        assert active_window(schedule, change) != now


@given(zone=st.sampled_from(ZONES), instant=st.integers(FIRST, LAST), schedule=st.data())
@settings(max_examples=100, deadline=None)
def test_following_the_changes_visits_every_answer(zone: str, instant: int, schedule: st.DataObject) -> None:
    """Who sleeps until each change knows the answer at every quarter of an hour of a fortnight."""
    chosen = schedule.draw(st.lists(windows(st.just(zone)), min_size=1, max_size=3))
    followed, known = float(instant), active_window(chosen, instant)
    change = next_change(chosen, followed)
    for moment in range(instant, instant + 14 * 24 * HOUR, HOUR // 4 * 7):
        while change is not None and change <= moment:
            followed, known = change, active_window(chosen, change)
            change = next_change(chosen, followed)
        assert active_window(chosen, moment) == known


@given(window=windows(st.sampled_from(ZONES)), instant=st.integers(FIRST, LAST))
@settings(max_examples=200, deadline=None)
def test_away_from_jumps_the_wall_clock_decides(window: Window, instant: int) -> None:
    """Without a jump near by the plain reading is right: the time shown lies within the window."""
    assume(not jumps(window.timezone, instant - 50 * HOUR, instant + 50 * HOUR))
    shown = wall(window.timezone, instant)
    clock, today, yesterday = shown.time(), shown.weekday(), (shown.weekday() - 1) % 7
    if window.start < window.end:
        expected = today in window.days and window.start <= clock < window.end
    else:
        expected = (today in window.days and clock >= window.start) or (yesterday in window.days and clock < window.end)

    assert (active_window([window], instant) is window) == expected


CURIOSITIES = {
    "Berlin goes forward": ("Europe/Berlin", "2024-03-31T01:00Z"),
    "Berlin goes back": ("Europe/Berlin", "2024-10-27T01:00Z"),
    "Lord Howe moves by half an hour": ("Australia/Lord_Howe", "2024-04-06T15:00Z"),
    "St. John's repeats midnight": ("America/St_Johns", "2006-10-29T02:31Z"),
    "Santiago skips midnight": ("America/Santiago", "2024-09-08T04:00Z"),
    "Santiago repeats the last hour of a day": ("America/Santiago", "2024-04-07T03:00Z"),
    "Troll moves by two hours": ("Antarctica/Troll", "2024-03-31T01:00Z"),
    "Casablanca goes back for Ramadan": ("Africa/Casablanca", "2024-03-10T02:00Z"),
    "Samoa leaves out a day": ("Pacific/Apia", "2011-12-30T10:00Z"),
    "Kwajalein leaves out a day": ("Pacific/Kwajalein", "1993-08-21T12:00Z"),
    "Monrovia leaves out 44 minutes and a half": ("Africa/Monrovia", "1972-01-07T00:44Z"),
    "Pyongyang goes back by half an hour": ("Asia/Pyongyang", "2015-08-14T15:00Z"),
    "Troll goes back by two hours": ("Antarctica/Troll", "2024-10-27T01:00Z"),
    "Kwajalein repeats a day": ("Pacific/Kwajalein", "1969-09-30T13:00Z"),
    "Sitka repeats a day": ("America/Sitka", "1867-10-19T00:31:13Z"),
}
EDGES = [time(0), time(0, 1), time(1, 30), time(2), time(2, 15), time(2, 45), time(3), time(12), time(23), time(23, 59)]


@pytest.mark.parametrize("place", CURIOSITIES)
def test_every_minute_around_a_curious_jump(place: str) -> None:
    """Each pair of edges, on every day or only on that of the jump, from thirty hours before it to thirty after."""
    zone, text = CURIOSITIES[place]
    jump = int(datetime.fromisoformat(text).timestamp())
    assert jumps(zone, jump - HOUR, jump + HOUR), "the zone's clock jumps there"
    clock = Minutes(zone, jump)
    for days in (frozenset(range(7)), frozenset({wall(zone, jump - 1).weekday()})):
        for start, end in itertools.product(EDGES, EDGES):
            window = Window(days, start, end, zone)
            assert clock.followed(window) == clock.expected(window), str(window)
