"""What the events of post-processing do to the view of a torrent, and to a reader that is slow."""

from __future__ import annotations

import pytest

from actors import Bus
from revaer.events import (
    EVENT_KINDS,
    Completed,
    Event,
    FsOpsChanged,
    FsOpsCompleted,
    FsOpsEvent,
    FsOpsFailed,
    FsOpsProgress,
    FsOpsStarted,
    StateChanged,
    coalescing_key,
    fences,
    fold,
    merge,
)
from revaer.types import Descriptor, InfoHash, Progress, StateView, TorrentId, TorrentState, TorrentView

FILM, OTHER = TorrentId("film"), TorrentId("other")
DESCRIPTOR = Descriptor(InfoHash("1" * 40), "1" * 40, "/srv", 1.0, library_path="/library/Old")
VIEW = TorrentView(FILM, DESCRIPTOR, StateView(TorrentState.DOWNLOADING, 1.0), Progress(), 1.0)


def test_completion_before_post_processing_changes_state_and_forgets_the_entry() -> None:
    state = StateView(TorrentState.PROCESSING, 2.0)
    after = fold(VIEW, Completed(FILM, 2.0, "/srv/Film", state), 3.0)
    assert (after.state, after.descriptor.completed_at, after.descriptor.library_path) == (state, 2.0, None)
    assert after.last_updated == 3.0


def test_completion_without_post_processing_changes_neither() -> None:
    after = fold(VIEW, Completed(FILM, 2.0, "/srv/Film"), 3.0)
    assert (after.state, after.descriptor.library_path) == (VIEW.state, "/library/Old")


def test_state_and_entry_change_together() -> None:
    state = StateView(TorrentState.SEEDING, 2.0)
    after = fold(VIEW, StateChanged(FILM, TorrentState.PROCESSING, state, "/library/Film"), 3.0)
    assert (after.state, after.descriptor.library_path) == (state, "/library/Film")
    plain = fold(after, StateChanged(FILM, TorrentState.SEEDING, VIEW.state), 4.0)
    assert plain.descriptor.library_path == "/library/Film"


@pytest.mark.parametrize(
    "event",
    [
        FsOpsStarted(FILM, 1),
        FsOpsProgress(FILM, "transfer", 1, 2),
        FsOpsCompleted(FILM, "/library/Film"),
        FsOpsFailed(FILM, "extract", None, "broken", retryable=False, will_retry=False),
        FsOpsChanged(FILM),
    ],
)
def test_events_of_a_job_change_no_view(event: FsOpsEvent) -> None:
    assert fold(VIEW, event, 9.0) is VIEW
    assert (event.kind in EVENT_KINDS) == (not isinstance(event, FsOpsChanged))


def test_slow_reader_gets_the_newest_progress_of_each_torrent() -> None:
    bus: Bus[Event] = Bus(key=coalescing_key, merge=merge, fences=fences)
    with bus.subscribe("slow", capacity=10) as events:
        for done in range(100):
            bus.publish(FsOpsProgress(FILM, "transfer", done, 100))
        bus.publish(FsOpsProgress(OTHER, "extract", 1, 2))
        bus.publish(FsOpsProgress(FILM, "transfer", 100, 100))
        bus.publish(FsOpsCompleted(FILM, "/library/Film"))
        seen: list[Event] = []
        while (item := events.try_next()) is not None:
            seen.append(item.event)  # type: ignore[union-attr]  # nothing lags here
    assert seen == [
        FsOpsProgress(OTHER, "extract", 1, 2),
        FsOpsProgress(FILM, "transfer", 100, 100),
        FsOpsCompleted(FILM, "/library/Film"),
    ]
