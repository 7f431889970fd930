"""The pure parts: what is missing, what waits, when it is written and what is let go."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import Stamped
from revaer.events import Event, HealthChanged, is_journaled
from revaer.facts import FactBook
from revaer.journal.backlog import OVERFLOW, Backlog
from revaer.journal.entries import make_entry
from revaer.journal.gaps import Gaps
from revaer.journal.messages import Gap
from revaer.journal.policy import Batching, Bounds, Retention, Timing
from revaer.types import EventId, TorrentState
from tests.journal.conftest import added, entry, moved, torrent_id

PLACES = st.builds(EventId, st.integers(1, 3), st.integers(0, 12))


def gap(first: tuple[int, int], last: tuple[int, int], reason: str = "lost") -> Gap:
    return Gap(EventId(*first), EventId(*last), reason)


def filled(*seqs: int, bounds: Bounds | None = None) -> Backlog:
    backlog = Backlog(bounds or Bounds())
    for seq in seqs:
        backlog.add(entry(1, seq), now=float(seq))
    return backlog


def seqs(backlog: Backlog, after: int = 0) -> list[int]:
    return [one.id.seq for one in backlog.after(EventId(1, after), 100)]


# Gaps


def test_gaps_that_touch_become_one_under_the_earliest_reason() -> None:
    gaps = Gaps([gap((1, 5), (1, 7), "b"), gap((1, 2), (1, 4), "a"), gap((2, 1), (2, 2), "c")])
    assert list(gaps) == [gap((1, 2), (1, 7), "a"), gap((2, 1), (2, 2), "c")]


def test_gap_is_behind_a_position_as_long_as_it_reaches_beyond() -> None:
    gaps = Gaps([gap((1, 5), (1, 7))])
    assert gaps.after(EventId(1, 6)) is not None
    assert gaps.after(EventId(1, 7)) is None
    assert gaps.between(EventId(1, 7), EventId(9, 0)) == ()
    assert gaps.between(EventId(1, 0), EventId(1, 5)) == ()
    gaps.forget(EventId(1, 7))
    assert len(gaps) == 0


@given(st.lists(st.tuples(PLACES, PLACES)))
def test_gaps_cover_what_was_noted_in_any_order(pairs: list[tuple[EventId, EventId]]) -> None:
    noted = [Gap(min(pair), max(pair), "") for pair in pairs]
    gaps = list(Gaps(noted))
    assert all(any(one.first <= other.first and other.last <= one.last for one in gaps) for other in noted)
    assert all(one.last < other.first for one, other in pairwise(gaps)), "apart, and in order"
    assert list(Gaps(reversed(noted))) == [Gap(one.first, one.last, "") for one in gaps]


# The backlog


def test_batch_holds_the_oldest_and_no_more_than_it_may() -> None:
    backlog = filled(1, 2, 3)
    assert [one.id.seq for one in backlog.take(Batching(events=2)).entries] == [1, 2]
    assert (len(backlog), backlog.first) == (3, EventId(1, 1)), "what is in hand is not durable"
    backlog.settle()
    assert (len(backlog), backlog.first, seqs(backlog)) == (1, EventId(1, 3), [3])


def test_batch_is_bounded_in_bytes_but_never_empty() -> None:
    assert len(filled(1, 2, 3).take(Batching(bytes=1)).entries) == 1


def test_oldest_is_lost_when_there_is_no_room_and_its_place_is_a_gap() -> None:
    backlog = filled(1, 2, 5, 6, bounds=Bounds(events=2))
    assert (backlog.lost, seqs(backlog)) == (2, [5, 6])
    assert backlog.gaps() == (Gap(EventId(1, 1), EventId(1, 2), OVERFLOW),)
    assert backlog.first == EventId(1, 1), "the gap is to be written, too"
    batch = backlog.take(Batching())
    assert (batch.gaps, len(batch.entries)) == ((Gap(EventId(1, 1), EventId(1, 2), OVERFLOW),), 2)
    backlog.settle()
    assert not backlog.gaps()
    assert not backlog.bytes
    assert seqs(backlog) == []


def test_memory_is_bounded_in_bytes() -> None:
    size = entry(1, 1).size
    backlog = filled(*range(1, 100), bounds=Bounds(bytes=10 * size + 5))
    assert len(backlog) <= 10
    assert backlog.bytes <= 10 * size + 5
    assert backlog.lost == 99 - len(backlog)


def test_what_is_in_hand_is_never_lost() -> None:
    backlog = filled(1, 2, bounds=Bounds(events=2))
    backlog.take(Batching())
    backlog.add(entry(1, 3), now=3.0)
    backlog.add(entry(1, 4), now=4.0)
    assert seqs(backlog) == [1, 2]
    assert backlog.gaps() == (Gap(EventId(1, 3), EventId(1, 4), OVERFLOW),)


def test_losses_before_and_after_a_batch_do_not_swallow_it() -> None:
    backlog = filled(1, 2, bounds=Bounds(events=1))
    assert [one.id.seq for one in backlog.take(Batching()).entries] == [2]
    backlog.settle()
    backlog.add(entry(1, 3), now=3.0)
    backlog.add(entry(1, 4), now=4.0)
    assert backlog.gaps() == (Gap(EventId(1, 3), EventId(1, 3), OVERFLOW),)


def test_gap_alone_is_written_at_once() -> None:
    backlog = filled()
    assert backlog.pause(Batching(), 0.0) == math.inf
    backlog.miss(gap((1, 1), (1, 3)), 3)
    assert (backlog.pause(Batching(), 0.0), backlog.lost) == (0.0, 3)
    assert backlog.take(Batching()).gaps == (gap((1, 1), (1, 3)),)


def test_dropping_everything_counts_it() -> None:
    backlog = filled(1, 2)
    backlog.take(Batching(events=1))
    backlog.drop_all()
    assert (backlog.lost, len(backlog), backlog.bytes, backlog.first) == (2, 0, 0, None)


# Policy


@pytest.mark.parametrize(
    ("events", "size", "waited", "pause"),
    [
        (0, 0, 0.0, math.inf),
        (1, 10, 0.0, 0.1),
        (1, 10, 0.04, 0.06),
        (1, 10, 0.0999, 0.0),
        (1, 10, 5.0, 0.0),
        (500, 10, 0.0, 0.0),
        (1, 1024 * 1024, 0.0, 0.0),
    ],
)
def test_batch_waits_for_company_and_not_for_long(events: int, size: int, waited: float, pause: float) -> None:
    assert Batching().pause(events=events, bytes=size, waited=waited) == pytest.approx(pause)


def test_pauses_after_failures_double_up_to_a_bound() -> None:
    timing = Timing(retry_first=0.1, retry_longest=5.0)
    assert [timing.backoff(count) for count in (1, 2, 3, 7, 1000)] == pytest.approx([0.1, 0.2, 0.4, 5.0, 5.0])


def test_retention_is_thirty_days_and_a_million_events() -> None:
    retention = Retention()
    assert (retention.seconds, retention.events) == (30 * 86_400, 1_000_000)
    assert [retention.excess(count) for count in (0, 1_000_000, 1_000_007)] == [0, 0, 7]


# Entries


def test_entry_has_the_facts_of_the_event() -> None:
    book = FactBook()
    first = added(1, category="films", tags=("hd",))
    book.note(first)
    event = moved(1, TorrentState.SEEDING)
    one = make_entry(Stamped(7, 50.0, event, "r-1", book.note(event)), b"{}", epoch=3)
    assert (one.id, one.at, one.kind, one.request_id) == (EventId(3, 7), 50.0, "state_changed", "r-1")
    assert (one.torrent_id, one.state, one.category, one.tags) == (
        torrent_id(1),
        TorrentState.SEEDING,
        "films",
        ("hd",),
    )
    assert one.hashes == (f"{1:040x}",)
    assert not one.is_origin


@pytest.mark.parametrize("restored", [True, False])
def test_torrent_of_an_earlier_start_does_not_begin_anew(restored: bool) -> None:
    stamped: Stamped[Event] = Stamped(1, 50.0, replace(added(1), restored=restored))
    assert make_entry(stamped, b"{}", epoch=1).is_origin is not restored


def test_event_about_the_node_is_about_no_torrent() -> None:
    event = HealthChanged("database", "up", "down", "away", 1)
    one = make_entry(Stamped(1, 1.0, event), b"{}", epoch=1)
    assert (one.torrent_id, one.hashes, one.state, one.tags) == (None, (), None, ())
    assert is_journaled(event)
