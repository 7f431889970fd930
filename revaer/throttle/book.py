"""The governor's copy of the catalogue: a snapshot, and the events after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from revaer.events import (
    AuthoringProgress,
    CatalogueListed,
    Completed,
    Event,
    FilesDiscovered,
    FsOpsChanged,
    FsOpsCompleted,
    FsOpsFailed,
    FsOpsProgress,
    FsOpsStarted,
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
from revaer.throttle.facts import SeedingFacts
from revaer.types import TorrentId, TorrentState, TorrentView

TorrentNews: TypeAlias = FilesDiscovered | StateChanged | Completed | MetadataUpdated | SelectionReconciled
"""Events about one torrent that is here before and after."""


@dataclass(slots=True)
class Entry:
    """A torrent as it is known here.

    Attributes:
        view: what a list shows.
        heard_at: when its figures last came, monotonic seconds.
    """

    view: TorrentView
    heard_at: float

    def estimate(self, now: float) -> SeedingFacts:
        """Guess how far it has come by now (monotonic seconds).

        An idle seed makes no news, so its time is carried on here. A guess is good enough to know when to ask the
        session, and for nothing else.
        """
        progress, state = self.view.progress, self.view.state.kind
        since = max(0.0, now - self.heard_at) if state is TorrentState.SEEDING else 0.0
        return SeedingFacts(
            self.view.id,
            state,
            complete=self.view.descriptor.completed_at is not None,
            ratio=progress.ratio,
            seconds=progress.seeding_seconds + since,
        )


class Book:
    """Every torrent by its identity."""

    def __init__(self) -> None:
        self._entries: dict[TorrentId, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[TorrentId]:
        return iter(self._entries)

    def get(self, torrent_id: TorrentId) -> Entry | None:
        """Return a torrent, None when it is not here."""
        return self._entries.get(torrent_id)

    def replace(self, other: Book) -> None:
        """Take over every torrent of another book, and forget those that are not in it."""
        self._entries = other._entries  # the same class

    def enter(self, view: TorrentView, now: float) -> None:
        """Take a torrent in; `now` is in monotonic seconds."""
        self._entries[view.id] = Entry(view, now)

    def apply(self, event: Event, *, at: float, now: float) -> tuple[TorrentId, ...]:
        """Apply an event and return the torrents that it changed.

        Args:
            event: the event.
            at: when it was published, Unix seconds.
            now: monotonic seconds.
        """
        match event:
            case TorrentAdded(view=view):
                self.enter(view, now)
                return (view.id,)
            case TorrentRemoved(torrent_id=torrent_id):
                return () if self._entries.pop(torrent_id, None) is None else (torrent_id,)
            case ProgressReported(items=items):
                changed = tuple(torrent_id for torrent_id in items if torrent_id in self._entries)
                for torrent_id in changed:
                    entry = self._entries[torrent_id]
                    entry.view, entry.heard_at = fold(entry.view, event, at), now
                return changed
            case HealthChanged() | SettingsChanged() | GuardrailTripped() | AuthoringProgress() | CatalogueListed():
                return ()
            case FsOpsStarted() | FsOpsProgress() | FsOpsCompleted() | FsOpsFailed() | FsOpsChanged():
                return ()
            case _:
                return self._fold(event, at, now)

    def _fold(self, event: TorrentNews, at: float, now: float) -> tuple[TorrentId, ...]:
        entry = self._entries.get(event.torrent_id)
        if entry is None:
            return ()
        entry.view = fold(entry.view, event, at)
        if isinstance(event, StateChanged):
            # Time is carried on from the moment that it seeds, not from the last news before.
            entry.heard_at = now
        return (event.torrent_id,)
