"""A relay in front of a daemon that cuts chosen answers on their way back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import trio


class CuttingRelay:
    """Passes bytes on; a connection whose requests begin with `cut` is closed when the answer comes.

    Attributes:
        url: where it listens.
        cuts: how many answers were cut.
    """

    def __init__(self, host: str, port: int, cut: bytes) -> None:
        self.url = ""
        self.cuts = 0
        self._daemon = host, port
        self._cut = cut

    async def serve(self, caller: trio.SocketStream) -> None:
        """Relay one connection."""
        daemon = await trio.open_tcp_stream(*self._daemon)
        doomed = trio.Event()
        async with caller, daemon, trio.open_nursery() as nursery:
            nursery.start_soon(self._ask, caller, daemon, doomed)
            with suppress(trio.BrokenResourceError):
                while part := await daemon.receive_some():
                    if doomed.is_set():
                        self.cuts += 1
                        break
                    await caller.send_all(part)
            nursery.cancel_scope.cancel()

    async def _ask(self, caller: trio.SocketStream, daemon: trio.SocketStream, doomed: trio.Event) -> None:
        while part := await caller.receive_some():
            if self._cut in part:
                doomed.set()
            await daemon.send_all(part)


@asynccontextmanager
async def open_relay(url: str, *, cut: str) -> AsyncIterator[CuttingRelay]:
    """A relay for the length of a block.

    Args:
        url: the daemon.
        cut: method and path of the requests whose answers are cut.
    """
    parts = urlsplit(url)
    relay = CuttingRelay(parts.hostname or "", parts.port or 0, cut.encode())
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        relay.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.start_soon(trio.serve_listeners, relay.serve, [listener])
        yield relay
        nursery.cancel_scope.cancel()
