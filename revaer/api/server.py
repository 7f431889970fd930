"""The HTTP server: listens, serves connections with hypercorn's protocols, and stops in order."""

from __future__ import annotations

import errno
import os

import structlog
import trio
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework
from hypercorn.utils import wrap_app

from revaer.api.connection import Connection, QuietConfig
from revaer.api.errors import CannotListen
from revaer.api.settings import KEEP_ALIVE_SECONDS

log = structlog.get_logger("revaer.api")

BACKLOG = 1024
HEAD_BYTES = 64 * 1024
SWEEP_SECONDS = 1.0


class HttpServer:
    """Serves one application on one address.

    Args:
        app: the application.
        bind: the address to listen on.
        port: the port; 0 takes any free one.

    Attributes:
        url: where it listens, once it does.
    """

    def __init__(self, app: ASGIFramework, *, bind: str, port: int) -> None:
        self.url = ""
        self._bind = bind
        self._port = port
        self._app = wrap_app(app, HEAD_BYTES, "asgi")
        self._config = QuietConfig()
        self._config.errorlog = None
        self._config.include_server_header = False
        self._config.keep_alive_max_requests = 1_000_000_000
        self._config.h11_max_incomplete_size = HEAD_BYTES
        self._context = WorkerContext(None)
        self._listeners: list[trio.SocketListener] = []
        self._connections: set[Connection] = set()
        self._accepting = trio.CancelScope()
        self._serving = trio.CancelScope()
        self._changed = trio.lowlevel.ParkingLot()

    async def open(self) -> None:
        """Listen.

        Raises:
            CannotListen: the address is taken or is none of this host's; the message says what to do.
        """
        try:
            listeners = await trio.open_tcp_listeners(self._port, host=self._bind, backlog=BACKLOG)
        except OSError as error:
            raise CannotListen(self._why_not(error)) from error
        for extra in listeners[1:]:
            await extra.aclose()
        self._listeners = listeners[:1]
        host, port = self._listeners[0].socket.getsockname()[:2]
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # read, not bound
        self.url = f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"

    async def run(self) -> None:
        """Serve until stopped."""
        try:
            with self._serving:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._sweep)
                    with self._accepting:
                        await trio.serve_listeners(self._serve, self._listeners, handler_nursery=nursery)
                    await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await self.refuse_more()

    async def refuse_more(self) -> None:
        """Stop listening, and end the connections that have nothing to do."""
        self._accepting.cancel()
        for listener in self._listeners:
            await trio.aclose_forcefully(listener)
        await self._context.terminated.set()
        for connection in tuple(self._connections):
            if connection.idle:
                await connection.hang_up()

    async def finish(self, *, within: float) -> None:
        """Let the requests under way end, at most `within` seconds, and cut what is left."""
        with trio.move_on_after(within):
            while self._connections:
                await self._changed.park()
        for connection in tuple(self._connections):
            log.warning("connection_cut")
            await connection.hang_up()
        self._serving.cancel()

    async def _serve(self, stream: trio.SocketStream) -> None:
        connection = Connection(self._app, self._config, self._context, stream, self._forget)
        self._connections.add(connection)
        await connection.serve()

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._changed.unpark_all()

    async def _sweep(self) -> None:
        while True:
            await trio.sleep(SWEEP_SECONDS)
            now = trio.current_time()
            for connection in tuple(self._connections):
                if connection.idle_for(now) > KEEP_ALIVE_SECONDS:
                    await connection.hang_up()

    def _why_not(self, error: OSError) -> str:
        where = f"{self._bind}:{self._port}"
        inner = error.__cause__ if error.errno is None else error
        if isinstance(inner, BaseExceptionGroup):
            inner = inner.exceptions[0]
        number = getattr(inner, "errno", None)
        if number == errno.EADDRINUSE:
            return f"cannot listen on {where}: the port is taken. Choose another with --port; 0 takes any free one."
        if number == errno.EADDRNOTAVAIL:
            return f"cannot listen on {where}: this host has no such address. Choose another with --bind."
        if number == errno.EACCES:
            return f"cannot listen on {where}: ports below 1024 need privileges. Choose another with --port."
        return f"cannot listen on {where}: {os.strerror(number) if number and number > 0 else error}"
