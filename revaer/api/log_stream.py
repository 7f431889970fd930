"""The daemon's log as server-sent events: structured lines, secrets masked, as they are written."""

from __future__ import annotations

from dataclasses import dataclass

from revaer.api.call import Answer, Call, Send, StreamReply
from revaer.api.errors import ClientGone
from revaer.api.filters import refuse
from revaer.api.frames import SSE, frame
from revaer.api.services import Services
from revaer.api.settings import RETRY_MILLISECONDS
from revaer.api.streams import OpenStream
from revaer.telemetry.messages import LOG_LEVELS, LineListener, unheard

QUERY = frozenset({"level", "ticket"})
PIECE_BYTES = 64 * 1024


async def stream_logs(call: Call, services: Services) -> Answer:
    """Open a stream of log lines, of a level and above."""
    level = call.query(QUERY).get("level", "info")
    if level not in LOG_LEVELS:
        refuse("level", f"must be one of {', '.join(LOG_LEVELS)}")
    key_id = call.caller_id
    services.streams.check(key_id)
    return StreamReply(_Stream(services, level, key_id, call).produce, "text/event-stream; charset=utf-8")


@dataclass(frozen=True, slots=True)
class _Stream:
    services: Services
    level: str
    key_id: str
    call: Call

    async def produce(self, send: Send) -> None:
        """Write the stream until it ends or the client leaves.

        Raises:
            ClientGone: it had to end, and the client did not take the goodbye.
        """
        streams = self.services.streams
        # Whatever writing it leads to is not heard here: a stream that tells of itself never comes to rest.
        with unheard(), self.services.log_lines.listen(self.level) as lines:
            with streams.enter(lines, self.key_id, self.call) as stream, stream.scope:
                await send(b"retry: %d\n\n" % RETRY_MILLISECONDS)
                await self._write(lines, stream, send)
                await send(frame("closing", {"reason": stream.reason}))
            if stream.scope.cancelled_caught:
                raise ClientGone

    async def _write(self, lines: LineListener, stream: OpenStream, send: Send) -> None:
        while await lines.wait():
            await self.services.turnstile.turn()
            missed, waiting = lines.take()
            pieces = [SSE.note("lagged", {"count": missed})] if missed else []
            size = 0
            for line in waiting:
                pieces.append(b"event: log\ndata: %b\n\n" % line)
                size += len(line)
                if size >= PIECE_BYTES:
                    await send(b"".join(pieces))
                    pieces.clear()
                    size = 0
            if not pieces and stream.is_silent:
                pieces.append(SSE.ping)
            if pieces:
                await send(b"".join(pieces))
                stream.spoke()
