"""Hypercorn's connection, with what the API cannot do without.

* A client that takes nothing is disconnected: hypercorn shields its writes, so a stuck reader could never be stopped.
* Refusals of the protocol itself (a broken request line, a head that is too large) are problem documents too.
* The head and the body of an answer leave in one piece, and idle connections cost no task each.
* An answer after which the connection ends says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import h11
import structlog
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import EndBody, Response
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState, H11SendableEvent

from revaer.api.problems import CONTENT_TYPE, explain_status
from revaer.api.settings import WRITE_STALL_SECONDS
from revaer.types import new_torrent_id

log = structlog.get_logger("revaer.api")


class QuietConfig(Config):
    """Hypercorn's settings, with a `date` header that is made once a second."""

    _date: tuple[int, list[tuple[bytes, bytes]]] = (0, [])

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        """Return the headers of every answer."""
        now = int(time.time())
        if self._date[0] != now:
            self._date = (now, super().response_headers(protocol))
        return self._date[1]


class _Protocol(H11Protocol):
    """HTTP/1.1 only, with explained refusals."""

    _held = b""
    _refused = False

    async def _check_protocol(self, event: h11.Request) -> None:
        """Stay with HTTP/1.1, whatever the client offers."""

    async def stream_send(self, event: StreamEvent) -> None:
        """Send a part of an answer; hypercorn's own refusals get a body."""
        if (
            isinstance(event, Response)
            and event.status_code >= 400
            and list(event.headers) == [(b"content-length", b"0"), (b"connection", b"close")]
        ):
            self._refused = True
            await self._send_refusal(event.status_code)
            return
        if isinstance(event, Response) and self.context.terminated.is_set():
            event = replace(event, headers=[*event.headers, (b"connection", b"close")])
        await super().stream_send(event)
        if self._refused and isinstance(event, EndBody):
            await self.send(Closed())

    async def _send_error_response(self, status_code: int) -> None:
        await self._send_refusal(status_code)
        await self._send_h11_event(h11.EndOfMessage())

    async def _send_refusal(self, status_code: int) -> None:
        problem = explain_status(status_code)
        instance = new_torrent_id()
        body = problem.encode(instance)
        headers = [
            (b"content-type", CONTENT_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", instance.encode()),
            (b"connection", b"close"),
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


class _IdleMark:
    """Notes since when a connection has nothing to do; the server sweeps them."""

    def __init__(self) -> None:
        self.since: float | None = None

    async def restart(self, _group: object, _action: object) -> None:
        self.since = trio.current_time()

    async def stop(self) -> None:
        self.since = None


class Connection(TCPServer):
    """One client's connection.

    Args:
        app: the application.
        config: hypercorn's settings.
        context: what all connections share.
        stream: the socket.
        on_end: called when it is over.
    """

    def __init__(
        self, app: AppWrapper, config: Config, context: WorkerContext, stream: Any, on_end: Callable[[Connection], None]
    ) -> None:
        super().__init__(app, config, context, ConnectionState({}), stream)
        self._idle = _IdleMark()
        self._on_end = on_end
        self.idle_task = self._idle  # type: ignore[assignment]  # has the two methods that are used

    async def serve(self) -> None:
        """Serve it to its end. Nothing that goes wrong here reaches other connections."""
        try:
            await self.run()
        except Exception as error:  # noqa: BLE001  # one connection's fault is its own
            log.warning("connection_failed", error=repr(error))
        finally:
            self._on_end(self)
            await trio.aclose_forcefully(self.stream)
            # The protocol knows this connection: letting go of it here spares the collector a cycle for each client.
            vars(self).pop("protocol", None)

    def idle_for(self, now: float) -> float:
        """Return for how many seconds it has nothing to do; 0 while it has."""
        return 0.0 if self._idle.since is None else now - self._idle.since

    @property
    def idle(self) -> bool:
        """Whether no request is under way."""
        return self._idle.since is not None

    async def hang_up(self) -> None:
        """Close it at once, also while a write waits."""
        await trio.aclose_forcefully(self.stream)

    async def protocol_send(self, event: Event) -> None:
        """Send what the protocol made; give a client up that takes nothing."""
        if isinstance(event, RawData):
            await self._write(event.data)
        elif isinstance(event, Updated):
            self._idle.since = trio.current_time() if event.idle else None
            if event.idle and self.context.terminated.is_set():
                await self.hang_up()
        else:
            await super().protocol_send(event)

    async def _write(self, data: bytes) -> None:
        try:
            with trio.fail_after(WRITE_STALL_SECONDS):
                async with self.send_lock:
                    await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await self.protocol.handle(Closed())
        except trio.TooSlowError:
            log.warning("client_stuck", seconds=WRITE_STALL_SECONDS)
            await self.hang_up()
            await self.protocol.handle(Closed())

    async def _read_data(self) -> None:
        made = self.protocol.protocol
        if isinstance(made, H11Protocol):
            self.protocol.protocol = _Protocol(
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
        await super()._read_data()
