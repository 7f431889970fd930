"""The event stream: an iterator that survives cuts without a gap and without a repeated event.

After a cut it waits (longer each time), connects again with the last event id, and drops what it handed out before.
What cannot be replayed is told: `Reset` when the reader must take a new snapshot, `Lagged` when events were dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from httpx_sse import ServerSentEvent

from revaer.client import documents
from revaer.client.backoff import Backoff
from revaer.client.comeback import Comeback, Cut, Notice
from revaer.client.documents import Document
from revaer.client.link import Link
from revaer.client.models import Figures
from revaer.client.sse import FrameSource, data_of
from revaer.types import EventId, TorrentId


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its position in the stream, its kind, and the kind's own fields in `body`."""

    id: str
    kind: str
    timestamp: datetime | None
    request_id: str | None
    body: Document
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Event:
        """Read an envelope. Raises InvalidAnswer."""
        document = documents.as_document(value, "the event")
        body = documents.as_document(document.get("event"), "`event`")
        return cls(
            id=documents.text(document, "id"),
            kind=documents.text(body, "type"),
            timestamp=documents.moment(document, "timestamp"),
            request_id=documents.optional_text(document, "request_id"),
            body=body,
            document=document,
        )

    @property
    def torrent_id(self) -> TorrentId | None:
        """The torrent it is about, when it is about one."""
        value = self.body.get("torrent_id")
        return TorrentId(value) if isinstance(value, str) else None

    def figures(self) -> Figures | None:
        """The new numbers of a `progress` event; `None` for other kinds. Raises InvalidAnswer."""
        return Figures.read(self.body) if self.kind == "progress" else None


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch from which events may be missing, both ends included, and why.

    Attributes:
        first: the id of its first event; `None` when it reaches back to the beginning.
        last: the id of its last event; `None` when nobody knows.
    """

    reason: str
    first: str | None
    last: str | None
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Gap:
        """Read a gap. Raises InvalidAnswer."""
        document = documents.as_document(value, "the gap")
        first, last = (documents.optional_text(document, name) for name in ("first", "last"))
        return cls(documents.text(document, "reason"), first, last, document)


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """One page of the durable events of a torrent, and what may be missing from it.

    `next` is the cursor of the page after it, `None` at the end.
    """

    events: tuple[Event, ...]
    gaps: tuple[Gap, ...]
    next: str | None
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> TimelinePage:
        """Read one page. Raises InvalidAnswer."""
        document = documents.as_document(value, "the timeline")
        rows = documents.as_sequence(document.get("events"), "`events`")
        gaps = documents.as_sequence(document.get("gaps") or [], "`gaps`")
        following = documents.optional_text(document, "next")
        return cls(tuple(map(Event.read, rows)), tuple(map(Gap.read, gaps)), following, document)

    def extended(self, other: TimelinePage) -> TimelinePage:
        """Make one page of this and the one after it."""
        events = (*self.events, *other.events)
        gaps = (*self.gaps, *(gap for gap in other.gaps if gap not in self.gaps))  # one may reach over both
        document = {"events": [event.document for event in events], "gaps": [gap.document for gap in gaps]}
        return TimelinePage(events, gaps, other.next, document)

    def in_order(self) -> tuple[Event | Gap, ...]:
        """Put each gap ahead of the first event that is behind its beginning; the oldest event must be the first."""
        items: list[Event | Gap] = []
        waiting = list(self.gaps)
        for event in self.events:
            while waiting and (waiting[0].first is None or not is_repeated(event.id, waiting[0].first)):
                items.append(waiting.pop(0))
            items.append(event)
        return (*items, *waiting)


@dataclass(frozen=True, slots=True)
class Reset:
    """Events were missed that cannot be replayed: take a new snapshot, then go on reading."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lagged:
    """This reader was too slow and missed `count` events."""

    count: int


StreamItem: TypeAlias = Event | Reset | Lagged


class EventStream(Comeback[StreamItem]):
    """An asynchronous iterator over events: `async with client.events() as stream: async for item in stream: ...`.

    Entering connects, and raises when that fails. Later cuts are survived; only a refusal that waiting cannot cure
    ends it.

    Attributes:
        position: the id of the last event handed out; give it to another stream to go on from there.
    """

    def __init__(
        self,
        link: Link,
        params: Mapping[str, str],
        *,
        last_event_id: str | None = None,
        backoff: Backoff | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        on_position: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(backoff, on_notice)
        self.position = last_event_id
        self._on_position = on_position or (lambda _position: None)
        self._frames = FrameSource(link, "/v1/events", params)
        self._handed_out: str | None = None

    async def _connect(self) -> None:
        await self._frames.open({} if self.position is None else {"last-event-id": self.position})
        self._handed_out = self.position

    async def _close(self) -> None:
        await self._frames.close()

    async def _next(self) -> StreamItem | Cut:
        while (frame := await self._frames.next()) is not None:
            item = self._interpret(frame)
            if item is not None:
                return item
        return Cut(self._frames.ending)

    def _missed(self) -> Reset | None:
        return Reset("the connection was lost before the first event") if self.position is None else None

    def _interpret(self, frame: ServerSentEvent) -> StreamItem | None:
        if frame.retry is not None:
            self._backoff.hint(frame.retry / 1000)
        if frame.event == "closing":
            self._frames.ending = str(data_of(frame).get("reason") or self._frames.ending)
            return None
        if frame.event == "reset":
            self._handed_out, self.position = None, frame.id or None
            return Reset(str(data_of(frame).get("reason") or "events were missed"))
        if frame.event == "lagged":
            return Lagged(documents.whole(data_of(frame), "count", 0))
        if frame.event != "progress" and is_repeated(frame.id, self._handed_out):
            return None
        if not frame.data:
            if frame.id:
                self.position = frame.id
                self._on_position(frame.id)
            return None
        event = Event.read(data_of(frame))
        self.position = frame.id or event.id
        return event


def is_repeated(event_id: str, handed_out: str | None) -> bool:
    """Tell whether an event was handed out before the last cut."""
    if handed_out is None or not event_id:
        return False
    try:
        return EventId.parse(event_id) <= EventId.parse(handed_out)
    except ValueError:
        return event_id == handed_out
