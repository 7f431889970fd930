"""Writes what a stream is fed with, over either transport, until its feed ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from actors import Lagged, Stamped
from revaer.api.call import Send
from revaer.api.event_filter import EventFilter
from revaer.api.frames import FrameWriter
from revaer.api.replay import Feed, Item, Replayed, Reset
from revaer.api.services import Services
from revaer.api.streams import OpenStream
from revaer.events import CatalogueListed, FsOpsChanged, ProgressReported
from revaer.types import EventId

PIECE_BYTES: Final = 64 * 1024
"""What is sent at once is not much more than this."""


SNAPSHOT: Final = "/v1/torrents"


def reset_fields(reason: str, position: EventId) -> dict[str, str]:
    """Return what a `reset` says: why, where the present is to be had, and behind which event it goes on."""
    return {"reason": reason, "snapshot": SNAPSHOT, "id": str(position)}


class EventWriter:
    """Writes one stream.

    Args:
        services: knows the torrents, and lets streams work by turns.
        feed: brings the events.
        wanted: which of them are written.
        frames: writes them.
        stream: the stream that they are for.

    Attributes:
        position: the last event of which it is certain that it, and all that are wanted before it, were sent.
    """

    def __init__(
        self,
        services: Services,
        feed: Feed,
        wanted: EventFilter,
        frames: FrameWriter,
        stream: OpenStream,
    ) -> None:
        self.position = EventId(services.epoch, 0)
        self._services = services
        self._feed = feed
        self._wanted = wanted
        self._frames = frames
        self._stream = stream
        self._taken = self.position
        self._is_waiting = False
        self._ahead: deque[Item] = deque()

    async def run(self, send: Send) -> None:
        """Write until the feed ends. Raises: what `send` raises."""
        while self._ahead or await self._wait():
            await self._services.turnstile.turn()
            await self._write_waiting(send)
            await self._say_something(send)

    @property
    def reached(self) -> EventId:
        """Like `position`, and later when nothing waits that the client wants."""
        if not self._is_waiting or self._feed.has_next or self._feed.is_replaying:
            return self.position
        return self._id_of(self._services.bus.seq)

    async def replay(self, send: Send) -> None:
        """Write what is replayed. Raises: what `send` raises."""
        while self._feed.is_replaying and await self._feed.wait():
            await self._services.turnstile.turn()
            await self._write_waiting(send)
            await self._say_something(send)

    async def skip_to(self, seq: int, send: Send, *, is_told: bool) -> None:
        """Pass over what waits up to an event that the client has by other means, such as a snapshot.

        Args:
            seq: number of that event.
            send: sends what is told all the same.
            is_told: whether the client wants to hear of what happened, not only of what it led to.
        """
        lagged: Lagged | None = None
        while (item := self._next()) is not None:
            if isinstance(item, Lagged):
                lagged = item
                continue
            if isinstance(item, Stamped) and item.seq > seq:
                self._ahead += [item] if lagged is None else [lagged, item]
                break
            # What was dropped was older than this one.
            lagged = None
            if is_told and not (isinstance(item, Stamped) and isinstance(item.event, ProgressReported)):
                await send(b"".join(self._pieces(item)))
        self.position = self._taken = self._id_of(seq)

    async def _wait(self) -> bool:
        self._is_waiting = True
        try:
            return await self._feed.wait()
        finally:
            self._is_waiting = False

    async def _write_waiting(self, send: Send) -> None:
        """Write what is there, in pieces that hold up nobody."""
        pieces: list[bytes] = []
        size = 0
        while (item := self._next()) is not None:
            for index, piece in enumerate(self._pieces(item)):
                if index:
                    await self._services.turnstile.turn()
                if piece:
                    pieces.append(piece)
                    size += len(piece)
                if size >= PIECE_BYTES:
                    await self._send(pieces, send)
                    size = 0
                    await self._services.turnstile.turn()
            if isinstance(item, Stamped):
                self._taken = self._id_of(item.seq)
            elif not isinstance(item, Lagged):
                self._taken = item.id
        if pieces:
            await self._send(pieces, send)
        self.position = self._taken

    async def _send(self, pieces: list[bytes], send: Send) -> None:
        await send(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        pieces.clear()
        self.position = self._taken
        self._stream.spoke()

    async def _say_something(self, send: Send) -> None:
        if self._stream.is_silent:
            await send(self._frames.form.ping)
            self._stream.spoke()

    def _id_of(self, seq: int) -> EventId:
        return EventId(self._services.epoch, seq)

    def _next(self) -> Item | None:
        return self._ahead.popleft() if self._ahead else self._feed.try_next()

    def _pieces(self, item: Item) -> Iterator[bytes]:
        form = self._frames.form
        if isinstance(item, Replayed):
            yield form.event(item.kind, item.envelope, str(item.id))
        elif isinstance(item, Reset):
            yield form.note("reset", reset_fields(item.reason, item.id), str(item.id))
        elif isinstance(item, Lagged):
            self._services.metrics.events_lagged(item.missed)
            yield form.note("lagged", {"count": item.missed})
        elif isinstance(item.event, ProgressReported):
            batch = self._frames.batch(item, item.event, self._wanted, self._services.model)
            index = 0
            while (piece := batch.piece(index)) is not None:
                yield piece
                index += 1
        elif not isinstance(item.event, CatalogueListed | FsOpsChanged) and self._wanted.accepts(
            item.event, self._services.model, item.note
        ):
            yield self._frames.lone(item, item.event)
