"""Hypercorn's WebSocket, with what the API cannot do without.

* What breaks the protocol is told to the application, which answers with a problem and a close code; hypercorn would
  just hang up. What the client sends after that is thrown away.
* A message has a largest size, whether it comes whole or in fragments, and a largest number of fragments.
* Thousands of tiny frames in one read do not hold up the loop.
* Nothing is compressed: a small frame could unfold into gigabytes.
"""

from __future__ import annotations

from typing import Any, Final

import trio
from hypercorn.protocol.events import Body, Data, EndBody, Event, Response, StreamClosed
from hypercorn.protocol.ws_stream import WSStream
from hypercorn.typing import WebsocketAcceptEvent
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.handshake import WEBSOCKET_VERSION

from revaer.api.problems import CONTENT_TYPE, Problem
from revaer.api.settings import MESSAGE_BYTES, MESSAGE_FRAGMENTS
from revaer.types import new_torrent_id

FAULT: Final = "revaer.fault"
"""Type of the message that tells the application what the client did wrong: `code`, how to close, and `reason`."""
_FRAMES_AT_ONCE: Final = 64


class SocketStream(WSStream):
    """One WebSocket."""

    _is_deaf = False
    _is_faulty = False
    _fragments = 0
    _bytes = 0

    async def handle(self, event: Event) -> None:
        """Take what came for this socket."""
        if not (self._is_deaf and isinstance(event, Body | Data)):
            await super().handle(event)

    async def _accept(self, message: WebsocketAcceptEvent) -> None:
        self.handshake.extensions = None
        await super()._accept(message)

    async def _handle_events(self) -> None:
        for count, event in enumerate(self.connection.events(), 1):
            if isinstance(event, CloseConnection):
                await self._take_close(event)
            elif self._is_faulty or self.connection.state is not ConnectionState.OPEN:
                pass
            elif isinstance(event, Ping):
                await self._send_wsproto_event(event.response())
            elif isinstance(event, TextMessage | BytesMessage):
                await self._take_part(event)
            if count % _FRAMES_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
            if self._is_deaf or self.closed:
                return

    async def _take_close(self, event: CloseConnection) -> None:
        if self.connection.state is ConnectionState.OPEN:
            # Nothing was closed: the library says it like this when the protocol is broken, and understands no more.
            self._is_deaf = True
            await self._complain(event.code, f"the protocol is broken: {event.reason}")
        elif self.connection.state is ConnectionState.LOCAL_CLOSING:
            self._is_deaf = True
        else:
            if self.connection.state is ConnectionState.REMOTE_CLOSING:
                await self._send_wsproto_event(event.response())
            await self.send(StreamClosed(stream_id=self.stream_id))

    async def _take_part(self, part: TextMessage | BytesMessage) -> None:
        if isinstance(part, BytesMessage):
            await self._complain(CloseReason.UNSUPPORTED_DATA, "only text frames are taken")
            return
        self._fragments += part.frame_finished
        self._bytes += len(part.data.encode())
        if self._bytes > MESSAGE_BYTES:
            await self._complain(CloseReason.MESSAGE_TOO_BIG, f"a message may have at most {MESSAGE_BYTES} bytes")
        elif self._fragments > MESSAGE_FRAGMENTS:
            reason = f"a message may have at most {MESSAGE_FRAGMENTS} fragments"
            await self._complain(CloseReason.POLICY_VIOLATION, reason)
        else:
            self.buffer.extend(part)
            if part.message_finished:
                message = self.buffer.to_message()
                self.buffer.clear()
                self._fragments = self._bytes = 0
                await self._put(message)

    async def _complain(self, code: int, reason: str) -> None:
        if self._is_faulty:
            return
        self._is_faulty = True
        self.buffer.clear()
        await self._put({"type": FAULT, "code": int(code), "reason": reason})

    async def _put(self, message: dict[str, Any]) -> None:
        assert self.app_put is not None
        await self.app_put(message)

    async def _send_error_response(self, status_code: int) -> None:
        """Refuse a handshake."""
        instance = new_torrent_id()
        detail = f"this is no WebSocket handshake of version {WEBSOCKET_VERSION.decode()} (RFC 6455)"
        kind = "internal" if status_code >= 500 else "bad-request"
        body = Problem(kind, detail).encode(instance)
        headers = [
            (b"content-type", CONTENT_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", instance.encode()),
            (b"sec-websocket-version", WEBSOCKET_VERSION),
            (b"connection", b"close"),
        ]
        await self.send(Response(stream_id=self.stream_id, status_code=status_code, headers=headers))
        await self.send(Body(stream_id=self.stream_id, data=body))
        await self.send(EndBody(stream_id=self.stream_id))
        await self.send(StreamClosed(stream_id=self.stream_id))
