"""Events over a WebSocket: an iterator that survives cuts, with the catalogue before the events when it is asked for.

After a cut it waits (longer each time), connects again, and has everything after the last event replayed. Whoever asked
for snapshots gets another one then, and whenever events were missed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import trio

from revaer.client import documents
from revaer.client.backoff import Backoff
from revaer.client.comeback import Comeback, Cut, Notice, passes
from revaer.client.documents import Document
from revaer.client.errors import Problem
from revaer.client.link import Link, problem_document
from revaer.client.queries import EventFilter
from revaer.client.snapshot import Chunks, Snapshot
from revaer.client.stream import Event, Lagged, Reset, is_repeated

PATH: Final = "/v1/events/ws"
PING_SECONDS: Final = 20.0
"""How long nothing may come before the daemon is asked whether it is there."""
LOST: Final = "nothing came for 40 s"

SocketItem: TypeAlias = Snapshot | Event | Reset | Lagged


class EventSocket(Comeback[SocketItem]):
    """An asynchronous iterator over events: `async with client.socket() as socket: async for item in socket: ...`.

    Entering connects, and raises when that fails. Later cuts are survived; only a refusal that waiting cannot cure
    ends it.

    Attributes:
        position: the id of the last event handed out, or of a later one up to which nothing that is wanted came; give
            it to another socket as `since` to go on from there.
    """

    def __init__(
        self,
        link: Link,
        wanted: EventFilter,
        nursery: trio.Nursery,
        *,
        snapshot: bool = False,
        since: str | None = None,
        backoff: Backoff | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        on_position: Callable[[str], None] | None = None,
    ) -> None:
        from revaer.client.wire import Wire  # noqa: PLC0415 (the WebSocket library is for those who open one)

        super().__init__(backoff, on_notice)
        self.position = since
        self._on_position = on_position or (lambda _position: None)
        self._wanted = wanted
        self._snapshot = snapshot
        self._wire = Wire(link, PATH, nursery)
        self._handed_out: str | None = None
        self._chunks = Chunks()
        self._owes_snapshot = False
        self._is_asked = False
        self._is_refused = False
        self._retry_after = 0.0

    async def _connect(self) -> None:
        await self._wire.open()
        self._handed_out = self.position
        await self._subscribe(since=self.position)

    async def _close(self) -> None:
        await self._wire.close()

    async def _next(self) -> SocketItem | Cut:
        if self._owes_snapshot:
            await self._subscribe(since=None)
        while not self._is_refused and (message := await self._receive()) is not None:
            item = self._interpret(message)
            if isinstance(item, Lagged) and self._snapshot:
                self._owes_snapshot = True
                await self._subscribe(since=None)
            if item is not None:
                return item
        return Cut(self._wire.ending, self._retry_after)

    def _missed(self) -> Reset | None:
        is_lost = self.position is None and not self._snapshot
        return Reset("the connection was lost before the first event") if is_lost else None

    async def _subscribe(self, *, since: str | None) -> None:
        """Ask for the events; that the connection may be gone already is seen by who waits for them."""
        self._chunks, self._is_asked, self._is_refused, self._retry_after = Chunks(), False, False, 0.0
        message: dict[str, Any] = {"op": "subscribe", "filter": _filter(self._wanted), "snapshot": self._snapshot}
        if since is not None:
            message["since"] = since
        # The answer to a ping tells where the daemon is, so that even who gets no event knows where to go on.
        if await self._wire.send(message) and not self._snapshot:
            await self._wire.send({"op": "ping"})
        self._owes_snapshot = False

    async def _receive(self) -> Document | None:
        """Wait for the next message of this connection; `None` when it ended, or nothing comes any more."""
        while True:
            with trio.move_on_after(PING_SECONDS):
                message = await self._wire.receive()
                self._is_asked = False
                return message
            if self._is_asked:
                self._wire.ending = LOST
                return None
            self._is_asked = True
            if not await self._wire.send({"op": "ping"}):
                return None

    def _interpret(self, message: Document) -> SocketItem | None:
        match message.get("op"):
            case "event":
                return self._event(message)
            case "snapshot":
                return self._take(message)
            case "pong":
                self._advance(documents.optional_text(message, "id"))
            case "lagged":
                return Lagged(documents.whole(message, "count", 0))
            case "reset":
                self._handed_out, self.position = None, documents.optional_text(message, "id")
                return Reset(str(message.get("reason") or "events were missed"))
            case "closing":
                self._wire.ending = str(message.get("reason") or "the daemon closed the connection")
            case "error":
                self._fail(message)
        return None

    def _event(self, message: Document) -> Event | None:
        event = Event.read({name: value for name, value in message.items() if name != "op"})
        if event.kind != "progress" and is_repeated(event.id, self._handed_out):
            return None
        self.position = event.id
        return event

    def _take(self, message: Document) -> Snapshot | None:
        snapshot = self._chunks.add(message)
        if snapshot is not None:
            self._chunks = Chunks()
            self._handed_out, self.position = None, snapshot.id
        return snapshot

    def _advance(self, event_id: str | None) -> None:
        if event_id is not None and not (self.position and is_repeated(event_id, self.position)):
            self.position = event_id
            self._on_position(event_id)

    def _fail(self, message: Document) -> None:
        fields = documents.as_document(message.get("problem"), "`problem`")
        problem = Problem(problem_document(fields, documents.whole(fields, "status", 500)))
        if not passes(problem):
            raise problem
        self._is_refused = True
        self._wire.ending = str(problem)
        self._retry_after = documents.number(message, "retry_after", 0.0)


def _filter(wanted: EventFilter) -> Mapping[str, list[str]]:
    """The filter as a message has it."""
    return {name: text.split(",") for name, text in wanted.params().items()}
