"""Hypercorn's connection, with what the API cannot do without.

* A client that takes nothing is disconnected: hypercorn shields its writes, so a stuck reader could never be stopped.
* Idle connections cost no task each; the server looks after them, and after heads that trickle in.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, Final

import structlog
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState

from revaer.api.outlet import OUTLET, Outlet, StuckReader
from revaer.api.problems import Problem
from revaer.api.protocol import HttpProtocol
from revaer.api.settings import HEAD_SECONDS

log = structlog.get_logger("revaer.api")

READ_BYTES: Final = 64 * 1024
DISCARD_SECONDS: Final = 2.0


class QuietConfig(Config):
    """Hypercorn's settings, with a `date` header that is made once a second."""

    _date: tuple[int, list[tuple[bytes, bytes]]] = (0, [])

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        """Return the headers of every answer."""
        now = int(time.time())
        if self._date[0] != now:
            self._date = (now, super().response_headers(protocol))
        return self._date[1]


class _IdleMark:
    """Notes since when a connection has nothing to do; the server sweeps them."""

    def __init__(self) -> None:
        # Who has not yet come through the handshake has nothing to do.
        self.since: float | None = trio.current_time()

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
        self._outlet = Outlet(stream)
        super().__init__(app, config, context, ConnectionState({OUTLET: self._outlet}), stream)
        self._idle = _IdleMark()
        self._head_since: float | None = None
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

    def head_for(self, now: float) -> float:
        """Return for how many seconds the head of a request has been coming; 0 when none is."""
        return 0.0 if self._head_since is None else now - self._head_since

    async def refuse_head(self) -> None:
        """Tell a client whose request never comes whole, and close the connection."""
        protocol = self.protocol.protocol
        if isinstance(protocol, HttpProtocol) and self._head_since is not None:
            await protocol.refuse(Problem("bad-request", f"the head of the request took over {HEAD_SECONDS:g} s"))
        await self.hang_up()

    async def hang_up(self) -> None:
        """Close it at once, also while a write waits."""
        await trio.aclose_forcefully(self.stream)

    async def protocol_send(self, event: Event) -> None:
        """Send what the protocol made; give a client up that takes nothing."""
        if isinstance(event, RawData):
            await self._write(event.data)
        elif isinstance(event, Updated):
            self._idle.since = trio.current_time() if event.idle else None
            self._head_since = None
            if event.idle and self.context.terminated.is_set():
                await self.hang_up()
        elif isinstance(event, Closed) and self._is_refused:
            await self._end_writing()
        else:
            await super().protocol_send(event)

    @property
    def _is_refused(self) -> bool:
        protocol = self.protocol.protocol
        return isinstance(protocol, HttpProtocol) and protocol.is_refused

    async def _end_writing(self) -> None:
        stream: Any = self.stream
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            if isinstance(stream, trio.SocketStream):
                await stream.send_eof()

    async def _write(self, data: bytes) -> None:
        try:
            await self._outlet.write(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await self.protocol.handle(Closed())
        except StuckReader as error:
            log.warning("client_stuck", reason=str(error))
            await self.hang_up()
            await self.protocol.handle(Closed())

    async def _read_data(self) -> None:
        made = self.protocol.protocol
        if isinstance(made, H11Protocol):
            self.protocol.protocol = HttpProtocol.instead_of(made)
        while True:
            try:
                data = await self.stream.receive_some(READ_BYTES)
            except (trio.ClosedResourceError, trio.BrokenResourceError):
                break
            if self.idle and self._head_since is None:
                self._head_since = trio.current_time()
            await self.protocol.handle(RawData(bytes(data)))
            if not data or self._is_refused:
                break
        if self._is_refused:
            await self._discard()
        await self.protocol.handle(Closed())

    async def _discard(self) -> None:
        """Read on for a moment: a connection that is closed while its client sends takes the refusal down with it."""
        with (
            trio.move_on_after(DISCARD_SECONDS),
            contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError),
        ):
            while await self.stream.receive_some(READ_BYTES):
                pass
