"""What other slices may say to the journal, and what it answers. Nothing here imports trio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from actors import Refused, Request
from revaer.types import EventId, TorrentId, TorrentState

END_OF_EPOCH = 2**63 - 1
"""As a number of an event: behind every event that its epoch ever had, known or not."""

PAGE_EVENTS = 500
"""How many events one page of a replay has at most: what is read and handed over in one go."""


class JournalRefusal(Refused):
    """The journal could not do what was asked."""


class JournalUnavailable(JournalRefusal):
    """The journal cannot be read now. Try again after `retry_after` seconds."""

    def __init__(self, reason: str, *, retry_after: float = 2.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class ReplayIncomplete(JournalRefusal):
    """What came after the given event cannot be told without a gap; the message says why."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch from which events may be missing, both ends included.

    Attributes:
        first: where it begins.
        last: where it ends; the end of its epoch when nobody knows.
        reason: how it came about, for people.
    """

    first: EventId
    last: EventId
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are wanted; an empty set lets everything pass. Between facets all must hold.

    Attributes:
        torrent_ids: ids of torrents; together with `hashes` one facet, of which one name must fit.
        hashes: info-hashes of torrents.
        kinds: kinds of events.
        states: states the torrent was in at the event.
        categories: categories the torrent had.
        tags: tags that the torrent had, all of them.
    """

    torrent_ids: frozenset[str] = frozenset()
    hashes: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    states: frozenset[TorrentState] = frozenset()
    categories: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()

    @property
    def is_about_torrents(self) -> bool:
        """Whether something is asked of the torrent that an event is about."""
        return bool(self.torrent_ids or self.hashes or self.states or self.categories or self.tags)


@dataclass(frozen=True, slots=True)
class JournaledEvent:
    """One event of the journal.

    Attributes:
        envelope: JSON text, as streams carry it.
    """

    id: EventId
    kind: str
    envelope: bytes


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events in their order.

    Attributes:
        position: everything wanted up to here is in this page or in one before it: where the next page begins.
    """

    events: tuple[JournaledEvent, ...]
    position: EventId


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Some events of one torrent.

    Attributes:
        next: where the next page goes on; None after the last.
        gaps: where events of the torrent may be missing, in the stretch that this page covers.
    """

    events: tuple[JournaledEvent, ...]
    next: EventId | None
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class JournalFigures:
    """The figures of this moment.

    Attributes:
        events: how many events are kept; None before they were counted.
        floor: nothing up to here is kept; None before the journal was opened.
        written: number of an event of this run; everything journaled up to it is durable, or recorded as missing.
        waiting: events that are not written yet.
        waiting_bytes: bytes of memory that those take.
        lost: events that could not be kept, since the journal's last start; at most so many.
        gaps: stretches from which events may be missing.
    """

    events: int | None
    floor: EventId | None
    written: int
    waiting: int
    waiting_bytes: int
    lost: int
    gaps: int


@dataclass(frozen=True, slots=True)
class BeginReplay(Request[None]):
    """Tell whether everything after an event can be told without a gap.

    Raises (at the asker): ReplayIncomplete, JournalUnavailable.
    """

    after: EventId


@dataclass(frozen=True, slots=True)
class ReadEvents(Request[EventPage]):
    """Return the events after a position, in order, at most `PAGE_EVENTS` of them.

    A page without events is not the end: `position` tells how far it looked.

    Raises (at the asker): ReplayIncomplete (something behind the position is missing by now), JournalUnavailable.
    """

    after: EventId
    selection: Selection = Selection()


@dataclass(frozen=True, slots=True)
class ReadTimeline(Request[TimelinePage]):
    """Return events of one torrent, those just published included.

    Args:
        torrent_id: the torrent; it may be gone.
        limit: how many at most, 1 to 1000.
        newest_first: the order.
        cursor: `next` of the page before; None for the first page.

    Of a torrent that nobody has heard of there are none.

    Raises (at the asker): JournalUnavailable.
    """

    torrent_id: TorrentId
    limit: int = 50
    newest_first: bool = False
    cursor: EventId | None = None


@dataclass(frozen=True, slots=True)
class ReportJournal(Request[JournalFigures]):
    """Tell the figures of this moment, from memory."""


JournalMessage: TypeAlias = BeginReplay | ReadEvents | ReadTimeline | ReportJournal
