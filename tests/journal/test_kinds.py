"""Which events are kept."""

from __future__ import annotations

import pytest

from revaer.api.event_filter import EventFilter
from revaer.events import (
    EVENT_KINDS,
    JOURNALED_KINDS,
    AuthoringProgress,
    CatalogueListed,
    Event,
    FsOpsChanged,
    FsOpsProgress,
    ProgressReported,
    is_journaled,
)
from revaer.types import Progress
from tests.journal.conftest import moved, torrent_id


def test_every_kind_but_progress_is_kept() -> None:
    kept = EVENT_KINDS - {"progress"}
    assert kept == JOURNALED_KINDS


@pytest.mark.parametrize(
    ("event", "is_kept"),
    [
        (moved(1), True),
        (FsOpsProgress(torrent_id(1), "extract", 1, 2), True),
        (AuthoringProgress("job", "film", "hashing", 1, 2), True),
        (ProgressReported({torrent_id(1): Progress()}), False),
        (CatalogueListed(complete=True), False),
        (FsOpsChanged(torrent_id(1)), False),
    ],
)
def test_inner_kinds_and_progress_are_not_kept(event: Event, is_kept: bool) -> None:
    assert is_journaled(event) is is_kept


def test_who_wants_only_progress_has_no_past_to_miss() -> None:
    assert not EventFilter(kinds=frozenset({"progress"})).wants_journaled
    assert EventFilter(kinds=frozenset({"progress", "completed"})).wants_journaled
    assert EventFilter().wants_journaled
