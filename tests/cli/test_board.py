"""The table of `revaer top`, without a terminal: which torrents, in which order, how they look."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from revaer.cli.board import KEYS, SORTS, Order, Totals, View, Wanted, table_of
from revaer.client import Torrent
from tests.support.fake_api import torrent_document

MIB = 1024 * 1024


def torrent(name: str, number: int = 0, *, down: int = 0, up: int = 0, done: float = 0.0, **more: Any) -> Torrent:
    """A torrent with some figures."""
    progress = {
        "bytes_downloaded": 0,
        "bytes_total": 1000,
        "percent_complete": done,
        "eta_seconds": more.pop("eta", None),
    }
    rates = {"download_bps": down, "upload_bps": up, "ratio": more.pop("ratio", 0.0)}
    state = {"kind": more.pop("state", "downloading"), "since": "2024-05-01T10:00:00Z"}
    return Torrent.read(torrent_document(name, number=number, progress=progress, rates=rates, state=state, **more))


def written(torrents: list[Torrent], order: Order, *, width: int, wide: bool) -> str:
    """The table on a terminal without colours."""
    page = io.StringIO()
    Console(file=page, width=width, color_system=None).print(table_of(torrents, order, wide=wide))
    return "".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines())


# Orders


def names(torrents: list[Torrent]) -> list[str]:
    return [str(one.name) for one in torrents]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-down", ["fast", "slow", "Idle"]),
        ("down", ["Idle", "slow", "fast"]),
        ("name", ["fast", "Idle", "slow"]),
        ("-progress", ["Idle", "slow", "fast"]),
        ("eta", ["fast", "slow", "Idle"]),
        ("state", ["fast", "slow", "Idle"]),
        ("-up", ["Idle", "fast", "slow"]),
    ],
)
def test_torrents_are_sorted(text: str, expected: list[str]) -> None:
    torrents = [
        torrent("Idle", 1, up=5, done=100.0, state="seeding"),
        torrent("slow", 3, down=10, done=50.0, eta=90),
        torrent("fast", 2, down=1000, done=10.0, eta=9),
    ]

    assert names(Order.parse(text).apply(torrents)) == expected


@given(st.permutations(range(6)), st.sampled_from(sorted(SORTS)), st.booleans())
def test_an_order_does_not_depend_on_where_torrents_came_from(arrival: list[int], key: str, descending: bool) -> None:
    """Equal torrents would jump about otherwise, at every drawing."""
    torrents = [torrent(f"t{number % 2}", number, down=number % 3) for number in range(6)]

    assert Order(key, descending).apply(torrents[place] for place in arrival) == Order(key, descending).apply(torrents)


@pytest.mark.parametrize("text", ["", "-", "speed", "--down", "Down"])
def test_an_order_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is none of down, up, name"):
        Order.parse(text)


def test_a_key_sorts_by_what_is_looked_for_first_and_then_the_other_way() -> None:
    order = Order("down", descending=True)

    assert order.by("name") == Order("name", descending=False)
    assert order.by("ratio") == Order("ratio", descending=True)
    assert order.by("down") == Order("down", descending=False)


def test_every_order_has_a_key() -> None:
    assert set(KEYS.values()) == set(SORTS)


# Filters


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (Wanted(), True),
        (Wanted(states=frozenset({"downloading", "queued"})), True),
        (Wanted(states=frozenset({"queued"})), False),
        (Wanted(trackers=frozenset({"tracker.example"})), True),
        (Wanted(trackers=frozenset({"example"})), False),
        (Wanted(tags=frozenset({"a"})), True),
        (Wanted(tags=frozenset({"a", "c"})), False),
        (Wanted(category="films"), True),
        (Wanted(category="film"), False),
        (Wanted(name="PICT"), True),
        (Wanted(name="x"), False),
    ],
)
def test_a_filter_lets_pass_what_it_names(wanted: Wanted, passes: bool) -> None:
    one = torrent(
        "Picture", tags=["a", "b"], category="films", trackers=["http://[broken", "http://tracker.example:80/announce"]
    )

    assert wanted.accepts(one) is passes


def test_a_torrent_without_a_name_has_no_part_of_one() -> None:
    one = Torrent.read(torrent_document("a") | {"name": None})

    assert not Wanted(name="a").accepts(one)


# Totals and views


def test_the_totals_of_a_list() -> None:
    torrents = [
        torrent("a", 1, down=5, up=1),
        torrent("b", 2, state="seeding", up=2),
        torrent("c", 3, state="state-of-tomorrow"),
        torrent("d", 4),
    ]

    totals = Totals.of(torrents)

    assert totals.words().plain == "4 torrents  2 downloading  1 seeding  1 state-of-tomorrow"
    assert totals.document() == {
        "torrents": 4,
        "states": {"downloading": 2, "seeding": 1, "state-of-tomorrow": 1},
        "download_bps": 5,
        "upload_bps": 3,
    }
    assert Totals.of([]).words().plain == "0 torrents"


@pytest.mark.parametrize(
    ("first", "rows", "total", "height", "expected"),
    [
        (0, -1, 9, 3, 0),
        (0, 1, 9, 3, 1),
        (5, 3, 9, 3, 6),
        (6, 0, 2, 3, 0),
        (0, 9, 9, 3, 6),
        (0, 1, 2, 3, 0),
        (4, -9, 9, 3, 0),
    ],
)
def test_a_view_stays_within_the_table(first: int, rows: int, total: int, height: int, expected: int) -> None:
    assert View(first=first).scrolled(rows, total=total, height=height).first == expected


# The table


def test_a_wide_table_shows_everything() -> None:
    torrents = [
        torrent("Picture", info_hash="a" * 40, down=2 * MIB, done=42.0, ratio=0.125, eta=75),
        torrent("two", info_hash="b" * 40, up=1024, done=100.0, state="seeding"),
    ]

    assert written(torrents, Order(), width=110, wide=True) == (
        "ID        NAME     STATE           DONE    SIZE      DOWN▼         UP  RATIO  ETA\n"
        "aaaaaaaa  Picture  downloading   42.0 %  1000 B  2.0 MiB/s          -   0.12  1 min 15 s\n"
        "bbbbbbbb  two      seeding      100.0 %  1000 B          -  1.0 KiB/s   0.00  -\n"
    )


def test_a_narrow_table_cuts_names_and_leaves_columns_out() -> None:
    torrents = [torrent("n" * 300 + "\x1b[2J", info_hash="a" * 40)]

    text = written(torrents, Order("progress", descending=False), width=60, wide=False)

    assert text.splitlines()[0].split() == ["ID", "NAME", "STATE", "DONE▲", "DOWN", "UP"]
    assert "…" in text
    assert all(len(line) <= 60 for line in text.splitlines())


def test_a_name_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in written([torrent("\x1b[2J[bold]", info_hash="a" * 40)], Order(), width=110, wide=True)


@pytest.mark.parametrize(("width", "wide"), [(80, False), (120, True)])
def test_steady_columns_stay_where_they_are(width: int, wide: bool) -> None:
    before = written_steadily(torrent("a", info_hash="a" * 40), width, wide)
    after = written_steadily(torrent("a", info_hash="a" * 40, down=1023 * MIB, up=999, eta=90_000), width, wide)

    assert before.splitlines()[0] == after.splitlines()[0]
    assert all(len(line) <= width for line in after.splitlines())


def written_steadily(one: Torrent, width: int, wide: bool) -> str:
    page = io.StringIO()
    Console(file=page, width=width, color_system=None).print(table_of([one], Order(), wide=wide, steady=True))
    return page.getvalue()
