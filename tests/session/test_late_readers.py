"""Folding the events equals the snapshot, also for a reader that comes late but never lags."""

from __future__ import annotations

from actors import Bus, Stamped
from revaer.events import Event, ProgressReported, TorrentAdded, TorrentRemoved, coalescing_key, fences, fold, merge
from revaer.types import Progress, TorrentId, TorrentView
from tests.api.conftest import make_view

HALF = Progress(percent_complete=50.0)


def folded(items: list[Stamped[Event]], views: dict[TorrentId, TorrentView]) -> dict[TorrentId, TorrentView]:
    for item in items:
        match item.event:
            case ProgressReported(items=figures) as event:
                for key in figures:
                    views[key] = fold(views[key], event, item.at)
            case TorrentAdded(view=view) as event:
                views[view.id] = fold(view, event, item.at)
            case TorrentRemoved(torrent_id=key):
                del views[key]
    return views


def replay(*events: Event) -> tuple[dict[TorrentId, TorrentView], dict[TorrentId, TorrentView]]:
    """What a reader has that read everything at once, and what one has that read at the end."""
    clock = iter(range(1, 100))
    bus: Bus[Event] = Bus(key=coalescing_key, merge=merge, fences=fences, clock=lambda: float(next(clock)))
    prompt: dict[TorrentId, TorrentView] = {}
    with bus.subscribe("prompt") as early, bus.subscribe("late") as late:
        for event in events:
            bus.publish(event)
            prompt = folded(list(iter(early.try_next, None)), prompt)  # type: ignore[arg-type]
        return prompt, folded(list(iter(late.try_next, None)), {})  # type: ignore[arg-type]


A, B = make_view(1), make_view(2)


def test_progress_of_a_removed_torrent_does_not_come_after_its_end() -> None:
    prompt, late = replay(
        TorrentAdded(A.id, A),
        TorrentAdded(B.id, B),
        ProgressReported({A.id: HALF}),
        TorrentRemoved(A.id, False),
        ProgressReported({B.id: HALF}),
    )
    assert prompt == late


def test_old_figures_do_not_win_over_a_torrent_that_entered_again() -> None:
    prompt, late = replay(
        TorrentAdded(A.id, A),
        TorrentAdded(B.id, B),
        ProgressReported({A.id: HALF}),
        TorrentRemoved(A.id, False),
        TorrentAdded(A.id, A),
        ProgressReported({B.id: HALF}),
    )
    assert prompt == late
