"""Server-sent events: replay from the ring or `reset`, live events after it, `lagged`, pings, and `closing`."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from actors import Lagged, Stamped, Subscription
from revaer.api.call import Answer, Call, Send, StreamReply
from revaer.api.envelopes import chunks, frame
from revaer.api.errors import ClientGone
from revaer.api.event_filter import EVENT_FILTERS, EventFilter, parse_event_filter
from revaer.api.services import Services
from revaer.api.settings import PING_SECONDS, RETRY_MILLISECONDS
from revaer.events import CatalogueListed, Event, FsOpsChanged, ProgressReported
from revaer.types import EventId

SNAPSHOT = "/v1/torrents"
BUFFER = 2048
PIECE_BYTES = 64 * 1024
PROGRESS_CHUNK = 200
"""Torrents whose progress is written between two checkpoints."""

QUERY = EVENT_FILTERS | {"last_event_id"}


async def stream_events(call: Call, services: Services) -> Answer:
    """Open a stream of events."""
    query = call.query(QUERY)
    wanted = parse_event_filter(query)
    key_id = call.principal.key_id if call.principal else call.client
    services.streams.check(key_id)
    last = call.headers.get("last-event-id") or query.get("last_event_id")
    return StreamReply(_Stream(services, wanted, last, key_id, call).produce, "text/event-stream; charset=utf-8")


@dataclass(frozen=True, slots=True)
class _Stream:
    services: Services
    wanted: EventFilter
    last_event_id: str | None
    key_id: str
    call: Call

    async def produce(self, send: Send) -> None:
        """Write the stream until it ends or the client leaves.

        Raises:
            ClientGone: it had to end, and the client did not take the goodbye.
        """
        services = self.services
        since, reason = self._position()
        subscription = services.bus.subscribe(
            f"sse:{self.key_id}", capacity=BUFFER, since=since, wants=self.wanted.wants_kind
        )
        with subscription, services.streams.enter(subscription, self.key_id, self.call) as stream, stream.scope:
            if since is not None and not subscription.complete:
                reason = "the events after the given one are no longer kept"
            await send(self._opening(since, reason))
            await self._write(subscription, send)
            await send(frame("closing", {"reason": stream.reason}))
        if stream.scope.cancelled_caught:
            raise ClientGone

    def _position(self) -> tuple[int | None, str]:
        """Return the number after which to replay, and why nothing can be replayed."""
        if self.last_event_id is None:
            return None, ""
        try:
            last = EventId.parse(self.last_event_id)
        except ValueError:
            return None, "the given event id is none of this daemon's"
        if last.epoch != self.services.epoch:
            return None, "the daemon was started anew since the given event"
        return last.seq, ""

    def _opening(self, since: int | None, reason: str) -> bytes:
        now = self.services.frames.id_of(self.services.bus.seq)
        if reason:
            data = {"reason": reason, "snapshot": SNAPSHOT, "id": now}
            return b"retry: %d\n\n" % RETRY_MILLISECONDS + frame("reset", data, now)
        position = now if since is None else self.services.frames.id_of(since)
        return f"retry: {RETRY_MILLISECONDS}\nid: {position}\n\n".encode()

    async def _write(self, subscription: Subscription[Event], send: Send) -> None:
        """Write events until the subscription ends."""
        pending = bytearray()
        while True:
            item = subscription.try_next()
            if item is None:
                if pending:
                    await send(bytes(pending))
                    pending.clear()
                    continue
                with trio.move_on_after(PING_SECONDS) as patience:
                    item = await anext(subscription, None)
                    if item is None:
                        return
                if patience.cancelled_caught or item is None:
                    await send(b": ping\n\n")
                    continue
            await self._add(item, pending, send)
            if len(pending) >= PIECE_BYTES:
                await send(bytes(pending))
                pending.clear()

    async def _add(self, item: Stamped[Event] | Lagged, pending: bytearray, send: Send) -> None:
        if isinstance(item, Lagged):
            self.services.metrics.events_lagged(item.missed)
            pending += frame("lagged", {"count": item.missed})
        elif isinstance(item.event, ProgressReported):
            await self._add_progress(item, item.event, pending, send)
        elif not isinstance(item.event, CatalogueListed | FsOpsChanged) and self.wanted.accepts(
            item.event, self.services.model
        ):
            pending += self.services.frames.lone(item, item.event)

    async def _add_progress(
        self, stamped: Stamped[Event], batch: ProgressReported, pending: bytearray, send: Send
    ) -> None:
        model, wanted = self.services.model, self.wanted
        for piece in chunks(batch.items, PROGRESS_CHUNK):
            chosen = [one for one in piece if wanted.accepts_torrent(one, model)] if wanted.is_about_torrents else piece
            for text in self.services.frames.progress(stamped, batch, chosen):
                pending += text
            if len(pending) >= PIECE_BYTES:
                await send(bytes(pending))
                pending.clear()
            else:
                await trio.lowlevel.checkpoint()
