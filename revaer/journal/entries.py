"""One event as the journal keeps it: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from actors import Stamped
from revaer.events import Event, TorrentAdded
from revaer.facts import Facts
from revaer.journal.messages import JournaledEvent, Selection
from revaer.types import EventId, TorrentId, TorrentState

_OVERHEAD: Final = 600
"""Bytes that an entry takes in memory beside its envelope, about."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with what filters ask of its torrent, as of this event.

    Attributes:
        at: when it was published, Unix seconds.
        torrent_id: the torrent it is about; None for what concerns the whole node.
        is_origin: whether the torrent came into being with it.
        envelope: JSON text, as streams carry it.
    """

    id: EventId
    at: float
    kind: str
    request_id: str | None
    torrent_id: TorrentId | None
    hashes: tuple[str, ...]
    state: TorrentState | None
    category: str | None
    tags: tuple[str, ...]
    is_origin: bool
    envelope: bytes

    @property
    def size(self) -> int:
        """Bytes of memory that it takes, about."""
        return len(self.envelope) + _OVERHEAD

    @property
    def journaled(self) -> JournaledEvent:
        """What readers get of it."""
        return JournaledEvent(self.id, self.kind, self.envelope)


def make_entry(stamped: Stamped[Event], envelope: bytes, *, epoch: int) -> Entry:
    """Make the entry of an event.

    Args:
        stamped: the event as published, with its facts.
        envelope: the same as JSON.
        epoch: number of this start of the daemon.
    """
    event, facts = stamped.event, stamped.note if isinstance(stamped.note, Facts) else None
    is_origin = isinstance(event, TorrentAdded) and not event.restored
    return Entry(
        id=EventId(epoch, stamped.seq),
        at=stamped.at,
        kind=event.kind,
        request_id=stamped.request_id,
        torrent_id=None if facts is None else facts.torrent_id,
        hashes=() if facts is None else facts.hashes,
        state=None if facts is None else facts.state,
        category=None if facts is None else facts.category,
        tags=() if facts is None else facts.tags,
        is_origin=is_origin,
        envelope=envelope,
    )


def is_selected(entry: Entry, selection: Selection) -> bool:
    """Tell whether an entry is wanted; `sql/scan.sql` decides the same."""
    if selection.kinds and entry.kind not in selection.kinds:
        return False
    if not selection.is_about_torrents:
        return True
    if entry.torrent_id is None or not _is_named(entry, selection):
        return False
    if selection.states and entry.state not in selection.states:
        return False
    if selection.categories and entry.category not in selection.categories:
        return False
    return selection.tags.issubset(entry.tags)


def _is_named(entry: Entry, selection: Selection) -> bool:
    if not (selection.torrent_ids or selection.hashes):
        return True
    return entry.torrent_id in selection.torrent_ids or not selection.hashes.isdisjoint(entry.hashes)
