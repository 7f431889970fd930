"""The HTTP server: listens, serves connections with hypercorn's protocols, moves to other addresses, stops in order."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import ssl

import structlog
import trio
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework
from hypercorn.utils import wrap_app

from revaer.api.connection import Connection, QuietConfig
from revaer.api.errors import CannotListen
from revaer.api.interfaces import address_to_bind
from revaer.api.settings import CONNECTIONS, HANDSHAKE_SECONDS, HEAD_SECONDS, KEEP_ALIVE_SECONDS
from revaer.quiet import Quiet

log = structlog.get_logger("revaer.api")

BACKLOG = 1024
HEAD_BYTES = 64 * 1024
SWEEP_SECONDS = 1.0


class _Door:
    """A listening socket, and what holds for connections that come in by it.

    Attributes:
        context: shared by its connections; ends when they should.
        tls: what encrypts them; None for plain HTTP.
        accepting: cancelled when nobody more is let in.
    """

    def __init__(self, listener: trio.SocketListener, tls: ssl.SSLContext | None) -> None:
        self.listener = listener
        self.accepting = trio.CancelScope()
        self.context = WorkerContext(None)
        self.tls = tls
        self.host, self.port = listener.socket.getsockname()[:2]

    @property
    def url(self) -> str:
        """Where this host finds it."""
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  # read, not bound
        host = f"[{name}]" if ":" in name else name
        return f"{'http' if self.tls is None else 'https'}://{host}:{self.port}"

    async def shut(self) -> None:
        """Let nobody more in."""
        self.accepting.cancel()
        await trio.aclose_forcefully(self.listener)


class HttpServer:
    """Serves one application on one address at a time.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIFramework) -> None:
        self._app = wrap_app(app, HEAD_BYTES, "asgi")
        self._config = QuietConfig()
        self._config.errorlog = None
        self._config.include_server_header = False
        self._config.keep_alive_max_requests = 1_000_000_000
        self._config.h11_max_incomplete_size = HEAD_BYTES
        self._config.ssl_handshake_timeout = HANDSHAKE_SECONDS
        self._door: _Door | None = None
        self._nursery: trio.Nursery | None = None
        self._connections: set[Connection] = set()
        self._most = min(CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        self._serving = trio.CancelScope()
        self._stopping = False
        self._quiet = Quiet()
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def url(self) -> str:
        """Where it listens; empty when it does not."""
        return "" if self._door is None else self._door.url

    async def open(self, bind: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen, and serve as soon as `run` runs.

        Args:
            bind: the address, or the name of an interface.
            port: the port; 0 takes any free one.
            tls: what encrypts connections; None for plain HTTP.

        Raises:
            CannotListen: the address is taken or is none of this host's; the message says what to do.
        """
        await self._enter(_Door(await _listen(bind, port), tls))

    async def move(self, bind: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen elsewhere, or with another certificate. Requests and streams under way go on to their end.

        Args:
            bind: as in `open`.
            port: as in `open`; 0 stays with the present port where that is free.
            tls: as in `open`.

        Raises:
            CannotListen: as in `open`; it listens where it did then.
        """
        old = self._door
        if self._stopping:
            return
        if old is None:
            await self.open(bind, port, tls)
        elif (address_to_bind(bind), port or old.port) == (old.host, old.port):
            context, old.context, old.tls = old.context, WorkerContext(None), tls
            await self._retire(context)
        else:
            await self._replace(old, bind, port, tls)

    async def run(self) -> None:
        """Serve until stopped."""
        try:
            with self._serving:
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    nursery.start_soon(self._sweep, nursery)
                    if self._door is not None:
                        nursery.start_soon(self._accept, self._door)
                    await trio.sleep_forever()
        finally:
            self._nursery = None
            with trio.CancelScope(shield=True):
                await self.refuse_more()

    async def refuse_more(self) -> None:
        """Stop listening, and end the connections that have nothing to do."""
        self._stopping = True
        if self._door is not None:
            await self._door.shut()
        for context in {connection.context for connection in self._connections}:
            await self._retire(context)

    async def finish(self, *, within: float) -> None:
        """Let the requests under way end, at most `within` seconds, and cut what is left."""
        with trio.move_on_after(within):
            while self._connections:
                await self._changed.park()
        for connection in tuple(self._connections):
            log.warning("connection_cut")
            await connection.hang_up()
        self._serving.cancel()

    async def _replace(self, old: _Door, bind: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Open another door and close the old one: in this order, unless the old one is in its way."""
        try:
            listener = await _listen(bind, port or old.port)
        except CannotListen as error:
            if not error.is_taken or port not in (0, old.port):
                raise
            listener = await self._listen_instead(old, bind, port)
        await self._enter(_Door(listener, tls))
        await old.shut()
        await self._retire(old.context)

    async def _listen_instead(self, old: _Door, bind: str, port: int) -> trio.SocketListener:
        """Close the old door, listen at its port, and open it again when that fails."""
        await old.shut()
        self._door = None
        try:
            return await _listen(bind, old.port)
        except CannotListen as error:
            if port == 0:
                with contextlib.suppress(CannotListen):
                    return await _listen(bind, 0)
            again = _Door(await _listen(old.host, old.port), old.tls)
            again.context = old.context
            await self._enter(again)
            raise error from None

    async def _enter(self, door: _Door) -> None:
        if self._stopping:
            await door.shut()
            return
        self._door = door
        if self._nursery is not None:
            self._nursery.start_soon(self._accept, door)

    async def _accept(self, door: _Door) -> None:
        async def serve(stream: trio.SocketStream) -> None:
            await self._serve(door, stream)

        with door.accepting:
            await trio.serve_listeners(serve, [door.listener], handler_nursery=self._nursery)

    async def _serve(self, door: _Door, plain: trio.SocketStream) -> None:
        if len(self._connections) >= self._most and not await self._makes_room():
            await trio.aclose_forcefully(plain)
            return
        stream: trio.SocketStream | trio.SSLStream[trio.SocketStream] = plain
        if door.tls is not None:
            stream = trio.SSLStream(plain, door.tls, server_side=True, https_compatible=True)
        connection = Connection(self._app, self._config, door.context, stream, self._forget)
        self._connections.add(connection)
        await connection.serve()

    async def _retire(self, context: WorkerContext) -> None:
        """End connections: idle ones at once, others after the request they are at."""
        await context.terminated.set()
        for connection in tuple(self._connections):
            if connection.context is context and connection.idle:
                await connection.hang_up()

    async def _makes_room(self) -> bool:
        """End the connection that has done nothing for longest. Who has something to do is never ended for another:
        False then."""
        now = trio.current_time()
        longest = max(self._connections, key=lambda connection: connection.idle_for(now))
        if longest.idle:
            await longest.hang_up()
            return True
        untold = self._quiet.untold()
        if untold is not None:
            log.warning("too_many_connections", connections=len(self._connections), untold=untold)
        return False

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._changed.unpark_all()

    async def _sweep(self, nursery: trio.Nursery) -> None:
        """End connections that do nothing, and requests whose head never comes."""
        while True:
            await trio.sleep(SWEEP_SECONDS)
            now = trio.current_time()
            for connection in tuple(self._connections):
                if connection.head_for(now) > HEAD_SECONDS:
                    nursery.start_soon(connection.refuse_head)
                elif connection.idle_for(now) > KEEP_ALIVE_SECONDS:
                    await connection.hang_up()


async def _listen(bind: str, port: int) -> trio.SocketListener:
    """Open one listener. Raises: CannotListen."""
    try:
        first, *others = await trio.open_tcp_listeners(port, host=address_to_bind(bind), backlog=BACKLOG)
    except OSError as error:
        raise _why_not(bind, port, error) from error
    for extra in others:
        await extra.aclose()
    return first


def _why_not(bind: str, port: int, error: OSError) -> CannotListen:
    where = f"{bind}:{port}"
    inner = error.__cause__ if error.errno is None else error
    if isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    number = getattr(inner, "errno", None)
    if number == errno.EADDRINUSE:
        return CannotListen(_taken(bind, port), is_taken=True)
    if number == errno.EADDRNOTAVAIL:
        return CannotListen(f"cannot listen on {where}: this host has no such address. Choose another with --bind.")
    if number == errno.EACCES:
        return CannotListen(f"cannot listen on {where}: ports below 1024 need privileges. Choose another with --port.")
    return CannotListen(f"cannot listen on {where}: {os.strerror(number) if number and number > 0 else error}")


def _taken(bind: str, port: int) -> str:
    return f"cannot listen on {bind}:{port}: the port is taken. Choose another with --port; 0 takes any free one."
