"""The copy of the catalogue, and the guess of how far a seed is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from revaer.events import (
    AuthoringProgress,
    Completed,
    Event,
    FilesDiscovered,
    GuardrailTripped,
    HealthChanged,
    MetadataUpdated,
    ProgressReported,
    SelectionReconciled,
    SettingsChanged,
    StateChanged,
    TorrentAdded,
    TorrentRemoved,
    fold,
)
from revaer.throttle.book import Book
from revaer.types import Progress, StateView, TorrentId, TorrentState
from tests.throttle.node import START, make_view, torrent_id

ONE, TWO = torrent_id(1), torrent_id(2)
VIEW = make_view(1, seeding_seconds=100)
STOPPED = StateChanged(ONE, TorrentState.SEEDING, StateView(TorrentState.COMPLETED, START))
SEEDING = StateChanged(ONE, TorrentState.COMPLETED, StateView(TorrentState.SEEDING, START))


@pytest.fixture
def book() -> Book:
    """A book with one seed, heard of at 0."""
    book = Book()
    book.enter(VIEW, 0.0)
    return book


def told(book: Book, events: Sequence[tuple[float, Event]]) -> list[tuple[TorrentId, ...]]:
    return [book.apply(event, at=START + now, now=now) for now, event in events]


def seconds(book: Book, now: float) -> object:
    entry = book.get(ONE)
    assert entry is not None
    return entry.estimate(now).seconds


@pytest.mark.parametrize(
    "event",
    [
        STOPPED,
        MetadataUpdated(ONE, make_view(1, category="films").descriptor, ("category",)),
        Completed(ONE, START, "/downloads/one"),
        FilesDiscovered(ONE, 1, 1, 1, 1),
        SelectionReconciled(ONE, "a", "b"),
        ProgressReported({ONE: Progress(ratio=2.0), TWO: Progress()}),
        TorrentAdded(ONE, make_view(1, ratio=3.0)),
    ],
)
def test_events_are_folded_as_everywhere(book: Book, event: Event) -> None:
    assert told(book, [(5.0, event)]) == [(ONE,)]
    entry = book.get(ONE)
    assert entry is not None
    expected = event.view if isinstance(event, TorrentAdded) else fold(VIEW, event, START + 5.0)
    assert entry.view == expected


@pytest.mark.parametrize(
    "event",
    [
        HealthChanged("session", "up", "down", "", 1),
        SettingsChanged(2, ("",), "me"),
        GuardrailTripped("a", "b", tripped=True),
        AuthoringProgress("job", "film", "hashing", 1, 2),
        TorrentRemoved(TWO, data_deleted=False),
        StateChanged(TWO, TorrentState.SEEDING, StateView(TorrentState.COMPLETED, START)),
        ProgressReported({TWO: Progress()}),
    ],
)
def test_events_about_others_change_nothing(book: Book, event: Event) -> None:
    assert told(book, [(5.0, event)]) == [()]
    assert list(book) == [ONE]


def test_removed_torrent_is_gone(book: Book) -> None:
    assert told(book, [(1.0, TorrentRemoved(ONE, data_deleted=True))]) == [(ONE,)]
    assert book.get(ONE) is None
    assert len(book) == 0


def test_time_of_a_seed_is_carried_on(book: Book) -> None:
    assert seconds(book, 50.0) == 150.0
    told(book, [(60.0, ProgressReported({ONE: Progress(seeding_seconds=155)}))])
    assert seconds(book, 70.0) == 165.0


def test_time_stands_still_while_it_does_not_seed(book: Book) -> None:
    told(book, [(50.0, STOPPED)])
    assert seconds(book, 500.0) == 100.0
    told(book, [(1000.0, SEEDING)])
    assert seconds(book, 1010.0) == 110.0


def test_time_never_runs_back(book: Book) -> None:
    assert seconds(book, -50.0) == 100.0


def test_incomplete_torrent_is_known_as_such() -> None:
    book = Book()
    book.enter(make_view(1, completed_at=None), 0.0)
    entry = book.get(ONE)
    assert entry is not None
    assert entry.estimate(0.0).complete is False
