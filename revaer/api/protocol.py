"""Hypercorn's HTTP/1.1, with refusals that explain themselves and WebSockets that do.

The head and the body of an answer leave in one piece, and an answer after which the connection ends says so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, cast

import h11
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.events import EndBody, Request, Response
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol, H11WSConnection
from hypercorn.typing import H11SendableEvent

from revaer.api.problems import CONTENT_TYPE, Problem, explain_status
from revaer.api.ws_stream import SocketStream
from revaer.types import new_torrent_id

_VERSIONS: Final = (b"1.0", b"1.1")


class _NotSpoken(Exception):
    """The request is of another protocol."""


class HttpProtocol(H11Protocol):
    """HTTP/1.1 only, and WebSockets over it.

    Attributes:
        is_refused: whether what came was no HTTP, and was answered like that.
    """

    is_refused = False
    _held = b""
    _ends = False

    @classmethod
    def instead_of(cls, made: H11Protocol) -> HttpProtocol:
        """Make one in place of hypercorn's own."""
        return cls(
            made.app,
            made.config,
            made.context,
            made.task_group,
            made.connection_state,
            made.ssl,
            made.client,
            made.server,
            made.send,
        )

    async def handle(self, event: Event) -> None:
        """Take what the client sent."""
        try:
            await super().handle(event)
        except _NotSpoken:
            await self._send_error_response(400)
            await self.send(Closed())

    async def refuse(self, problem: Problem) -> None:
        """Answer a request that never came whole, and hang up."""
        if self.stream is None and self.connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            await self._send_refusal(problem)
            await self._send_h11_event(h11.EndOfMessage())
        await self.send(Closed())

    async def stream_send(self, event: StreamEvent) -> None:
        """Send a part of an answer; hypercorn's own refusals get a body."""
        if (
            isinstance(event, Response)
            and event.status_code >= 400
            and list(event.headers) == [(b"content-length", b"0"), (b"connection", b"close")]
        ):
            self._ends = True
            await self._send_refusal(explain_status(event.status_code))
            return
        if isinstance(event, Response) and self.context.terminated.is_set():
            event = replace(event, headers=[*event.headers, (b"connection", b"close")])
        await super().stream_send(event)
        if self._ends and isinstance(event, EndBody):
            await self.send(Closed())

    async def _check_protocol(self, event: h11.Request) -> None:
        """Stay with HTTP/1.1, whatever the client offers."""

    async def _create_stream(self, request: h11.Request) -> None:
        if request.http_version not in _VERSIONS or request.method != request.method.upper():
            raise _NotSpoken
        if not _is_upgrade(request):
            await super()._create_stream(request)
            return
        self.stream = SocketStream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        self.connection = H11WSConnection(cast(h11.Connection, self.connection))
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=list(request.headers),
                http_version=request.http_version.decode(),
                method="GET",
                raw_path=request.target,
                state=self.connection_state,
            )
        )

    async def _send_error_response(self, status_code: int) -> None:
        self.is_refused = True
        await self._send_refusal(explain_status(status_code))
        await self._send_h11_event(h11.EndOfMessage())

    async def _send_refusal(self, problem: Problem) -> None:
        instance = new_torrent_id()
        body = problem.encode(instance)
        headers = [
            (b"content-type", CONTENT_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", instance.encode()),
            (b"connection", b"close"),
            *((name.encode(), value.encode()) for name, value in problem.headers.items()),
            *self.config.response_headers("h11"),
        ]
        await self._send_h11_event(h11.Response(status_code=problem.status, headers=headers))
        await self._send_h11_event(h11.Data(data=body))

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        try:
            data = self.connection.send(event)
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR:
                raise
            return
        if isinstance(event, h11.Response):
            self._held = data or b""
            return
        piece, self._held = self._held + (data or b""), b""
        if piece:
            await self.send(RawData(data=piece))


def _is_upgrade(request: h11.Request) -> bool:
    """Tell whether a client wants a WebSocket."""
    said = {name.lower(): value.strip().lower() for name, value in request.headers}
    tokens = [token.strip() for token in said.get(b"connection", b"").split(b",")]
    return request.method == b"GET" and said.get(b"upgrade") == b"websocket" and b"upgrade" in tokens
