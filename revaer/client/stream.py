"""The event stream: an iterator that survives cuts without a gap and without a repeated event.

After a cut it waits (longer each time), connects again with the last event id, and drops what it handed out before.
What cannot be replayed is told: `Reset` when the reader must take a new snapshot, `Lagged` when events were dropped.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self, TypeAlias

import httpx
import trio
from httpx_sse import EventSource, ServerSentEvent

from revaer.client import documents
from revaer.client.backoff import Backoff
from revaer.client.documents import Document
from revaer.client.errors import InvalidAnswer, Problem, Unreachable
from revaer.client.link import STREAM_IDLE_SECONDS, Link, describe
from revaer.client.models import Figures
from revaer.types import EventId, TorrentId

STEADY_SECONDS = 5.0
"""A connection that lasted this long starts the waits over."""


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
class Reset:
    """Events were missed that cannot be replayed: take a new snapshot, then go on reading."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lagged:
    """This reader was too slow and missed `count` events."""

    count: int


StreamItem: TypeAlias = Event | Reset | Lagged


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The connection is lost; the next attempt comes in `retry_in` seconds."""

    reason: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The connection is back."""


Notice: TypeAlias = Interrupted | Resumed


class EventStream:
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
    ) -> None:
        self.position = last_event_id
        self._link = link
        self._params = params
        self._backoff = backoff or Backoff()
        self._on_notice = on_notice or (lambda _notice: None)
        self._response: httpx.Response | None = None
        self._frames: AsyncGenerator[ServerSentEvent, None] | None = None
        self._handed_out: str | None = None
        self._gap = False
        self._connected_at = 0.0
        self._ending = ""

    async def __aenter__(self) -> Self:
        await self._connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._disconnect()

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> StreamItem:
        """Wait for the next item; connects again when the stream was cut.

        Raises:
            Problem: the daemon refuses the stream now, and waiting would not help.
            InvalidAnswer: what came is no event stream of this API.
        """
        while True:
            if self._gap:
                self._gap = False
                return Reset("the connection was lost before the first event")
            item = await self._receive()
            if item is not None:
                return item
            await self._reconnect()

    async def _connect(self) -> None:
        headers = {"accept": "text/event-stream", "cache-control": "no-store"}
        if self.position is not None:
            headers["last-event-id"] = self.position
        response = await self._link.open("/v1/events", params=self._params, headers=headers)
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            await response.aclose()
            raise InvalidAnswer(f"{self._link.address} answered with something else than an event stream")
        self._response = response
        self._frames = EventSource(response).aiter_sse()
        self._handed_out = self.position
        self._connected_at = trio.current_time()
        self._ending = "the daemon ended the stream"

    async def _disconnect(self) -> None:
        """Close the connection. The iterators below end cleanly only from inside, so the read itself is cancelled."""
        frames, response = self._frames, self._response
        self._frames = self._response = None
        if frames is not None:
            with trio.CancelScope(shield=True) as scope:
                scope.cancel()
                try:
                    async for _frame in frames:
                        continue
                except httpx.HTTPError:
                    self._ending = "the connection broke while it was closed"
        if response is not None:
            with trio.CancelScope(shield=True):
                await response.aclose()

    async def _receive(self) -> StreamItem | None:
        """Wait for the next item of this connection; `None` when it ended."""
        assert self._frames is not None, "the stream is used inside its `async with`"
        try:
            while (frame := await anext(self._frames, None)) is not None:
                item = self._interpret(frame)
                if item is not None:
                    self._backoff.reset()
                    return item
        except httpx.TransportError as error:
            self._ending = describe(error, STREAM_IDLE_SECONDS)
        return None

    async def _reconnect(self) -> None:
        await self._disconnect()
        if trio.current_time() - self._connected_at > STEADY_SECONDS:
            self._backoff.reset()
        reason, at_least = self._ending, 0.0
        while True:
            wait = self._backoff.next(at_least=at_least)
            self._on_notice(Interrupted(reason, wait))
            await trio.sleep(wait)
            try:
                await self._connect()
            except Unreachable as error:
                reason, at_least = error.reason, 0.0
            except Problem as problem:
                if problem.status < 500 and problem.status != httpx.codes.TOO_MANY_REQUESTS:
                    raise
                reason, at_least = str(problem), problem.retry_after or 0.0
            else:
                self._gap = self.position is None
                self._on_notice(Resumed())
                return

    def _interpret(self, frame: ServerSentEvent) -> StreamItem | None:
        if frame.retry is not None:
            self._backoff.hint(frame.retry / 1000)
        if frame.event == "closing":
            self._ending = "the daemon is stopping"
            return None
        if frame.event == "reset":
            self._handed_out, self.position = None, frame.id or None
            return Reset(str(_data(frame).get("reason") or "events were missed"))
        if frame.event == "lagged":
            return Lagged(documents.whole(_data(frame), "count", 0))
        if frame.event != "progress" and self._is_repeated(frame.id):
            return None
        if not frame.data:
            self.position = frame.id or self.position
            return None
        event = Event.read(_data(frame))
        self.position = frame.id or event.id
        return event

    def _is_repeated(self, event_id: str) -> bool:
        """Tell whether an event was handed out before the last cut."""
        if self._handed_out is None or not event_id:
            return False
        try:
            return EventId.parse(event_id) <= EventId.parse(self._handed_out)
        except ValueError:
            return event_id == self._handed_out


def _data(frame: ServerSentEvent) -> Document:
    try:
        return documents.as_document(json.loads(frame.data or "{}"), f"the data of a `{frame.event}` frame")
    except json.JSONDecodeError as error:
        raise InvalidAnswer(f"the data of a `{frame.event}` frame is no JSON: {error}") from error
