"""Server-sent events: replay or `reset`, live events after it, `lagged`, pings, and `closing`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from revaer.api.call import Answer, Call, Send, StreamReply
from revaer.api.errors import ClientGone
from revaer.api.event_filter import EVENT_FILTERS, EventFilter, parse_event_filter
from revaer.api.event_writer import EventWriter, reset_fields
from revaer.api.frames import frame
from revaer.api.replay import Feed, Start, read_event_id
from revaer.api.services import Services
from revaer.api.settings import RETRY_MILLISECONDS
from revaer.types import EventId

BUFFER = 2048
QUERY = EVENT_FILTERS | {"last_event_id", "ticket"}


async def stream_events(call: Call, services: Services) -> Answer:
    """Open a stream of events."""
    query = call.query(QUERY)
    wanted = parse_event_filter(query)
    key_id = call.caller_id
    services.streams.check(key_id)
    last = _last_event(call, query)
    return StreamReply(_Stream(services, wanted, last, key_id, call).produce, "text/event-stream; charset=utf-8")


def _last_event(call: Call, query: Mapping[str, str]) -> EventId | None:
    """Return the last event that the reader had. The header wins: browsers send it when they come back."""
    return read_event_id(call.headers.get("last-event-id") or query.get("last_event_id"))


@dataclass(frozen=True, slots=True)
class _Stream:
    services: Services
    wanted: EventFilter
    last: EventId | None
    key_id: str
    call: Call

    async def produce(self, send: Send) -> None:
        """Write the stream until it ends or the client leaves.

        Raises:
            ClientGone: it had to end, and the client did not take the goodbye.
        """
        services = self.services
        feed = Feed(services, f"sse:{self.key_id}", self.wanted, BUFFER)
        with feed, services.streams.enter(feed, self.key_id, self.call) as stream, stream.scope:
            await send(_opening(await feed.begin(self.last)))
            await EventWriter(services, feed, self.wanted, services.frames, stream).run(send)
            await send(frame("closing", {"reason": stream.reason}))
        if stream.scope.cancelled_caught:
            raise ClientGone


def _opening(start: Start) -> bytes:
    position = str(start.id)
    if start.reset:
        return b"retry: %d\n\n" % RETRY_MILLISECONDS + frame("reset", reset_fields(start.reset, start.id), position)
    return f"retry: {RETRY_MILLISECONDS}\nid: {position}\n\n".encode()
