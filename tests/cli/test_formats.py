"""Numbers and names as people read them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.cli import formats


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("262144", 262144),
        ("256K", 256 * 1024),
        ("256k", 256 * 1024),
        ("1.5M", 1536 * 1024),
        ("2GiB", 2 * 1024**3),
        ("1 TB", 1024**4),
        (" 7b ", 7),
    ],
)
def test_a_size_is_read(text: str, count: int) -> None:
    assert formats.parse_size(text) == count


@pytest.mark.parametrize("text", ["", "M", "-1", "1X", "1.5.5", "1e9", "0x10", "1 2", "٣", "nan"])
def test_a_text_that_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        formats.parse_size(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1024 * 1024 - 1, "1.0 MiB"),
        (250_000_000, "238.4 MiB"),
        (3 * 1024**4, "3.0 TiB"),
        (5000 * 1024**5, "5000.0 PiB"),
    ],
)
def test_a_size_is_written(count: int, text: str) -> None:
    assert formats.size(count) == text


def test_no_rate_is_a_dash() -> None:
    assert (formats.rate(0), formats.rate(2048)) == ("-", "2.0 KiB/s")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (86399, "23 h 59 min"),
        (86400, "1 d 00 h"),
        (10_000_000, "115 d 17 h"),
    ],
)
def test_a_duration_is_written_in_two_units(seconds: float | None, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0.0 %"), (99.99, "99.9 %"), (100, "100.0 %"), (33.3, "33.3 %")])
def test_only_what_is_complete_says_a_hundred(value: float, text: str) -> None:
    assert formats.percent(value) == text


def test_a_moment_is_written_to_the_second() -> None:
    assert formats.moment(datetime(2024, 5, 1, 10, 2, 3, 999, tzinfo=UTC)) == "2024-05-01 10:02:03 UTC"
    assert formats.moment(None) == "-"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Plain näme 映画", "Plain näme 映画"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x9b31m", "\\x9b31m"),
        ("\ud800", "\\ud800"),
        ("\u2028", "\\u2028"),
    ],
)
def test_text_from_outside_cannot_steer_the_terminal(text: str, shown: str) -> None:
    assert formats.visible(text) == shown


@given(st.text())
def test_visible_text_is_printable_and_stays_as_it_is(text: str) -> None:
    shown = formats.visible(text)

    assert "\x1b" not in shown
    assert "\n" not in shown
    assert formats.visible(shown) == shown


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("900", 900), ("45s", 45), ("15m", 900), ("12H", 43_200), (" 90 d ", 7_776_000), ("2w", 1_209_600)],
)
def test_a_span_of_time_is_read(text: str, seconds: int) -> None:
    assert formats.parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "-1", "1.5h", "1h30m", "1 year", "\u0661d", "1" * 13])
def test_what_is_no_span_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no span of time"):
        formats.parse_duration(text)
