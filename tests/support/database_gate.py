"""A door between the daemon and a database that somebody else runs: open, or shut as when that machine is gone."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from urllib.parse import parse_qs, urlsplit

import trio


class Gate:
    """Forwards TCP connections on 127.0.0.1 to a server's unix socket while it is open.

    Args:
        url: the server's own URL.
        nursery: where it runs.
        held: a socket that is bound to the gate's port and never listens. While the gate is shut it keeps the system
            from giving that port to somebody else, even to a caller of the gate.
    """

    def __init__(self, url: str, nursery: trio.Nursery, held: socket.socket) -> None:
        parts = urlsplit(url)
        self._socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self._nursery = nursery
        self._name = f"postgresql://{parts.username or 'postgres'}@127.0.0.1:%d{parts.path}"
        self._port = int(held.getsockname()[1])
        self._passing: trio.CancelScope | None = None

    @property
    def url(self) -> str:
        """What the daemon is given; the same whether the gate is open or shut."""
        return self._name % self._port

    async def open(self) -> None:
        """Let connections pass. The port stays the same over the gate's life."""
        scope = trio.CancelScope()

        async def pass_through(*, task_status: trio.TaskStatus[list[trio.SocketListener]]) -> None:
            with scope:
                await trio.serve_tcp(self._forward, self._port, host="127.0.0.1", task_status=task_status)

        await self._nursery.start(pass_through)
        self._passing = scope

    def shut(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._passing is not None:
            self._passing.cancel()
            self._passing = None

    async def _forward(self, client: trio.SocketStream) -> None:
        async with client:
            try:
                async with await trio.open_unix_socket(self._socket) as server, trio.open_nursery() as nursery:
                    nursery.start_soon(partial(_pump, client, server, nursery.cancel_scope))
                    nursery.start_soon(partial(_pump, server, client, nursery.cancel_scope))
            except OSError:
                return


@contextmanager
def hold_port() -> Iterator[socket.socket]:
    """A socket that holds some port of 127.0.0.1 which only listeners that know it may share."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held


async def _pump(source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        async for chunk in source:
            await sink.send_all(chunk)
    scope.cancel()


@asynccontextmanager
async def open_gate(url: str) -> AsyncIterator[Gate]:
    """An open gate before the server of a `host=<socket directory>` URL, for the length of a block."""
    with hold_port() as held:
        async with trio.open_nursery() as nursery:
            gate = Gate(url, nursery, held)
            await gate.open()
            try:
                yield gate
            finally:
                nursery.cancel_scope.cancel()
