"""A small tracker on loopback, inside the test's own loop: it remembers peers, counts announces, can fall silent."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import unquote_to_bytes

import trio

from tests.support.torrents import encode

INTERVAL = 5
"""Seconds the tracker asks its clients to wait between two announces."""


class Tracker:
    """The state of one tracker.

    Attributes:
        announces: how often each event was announced; a plain announce counts as "".
        silent: events that are never answered: the connection stays open until the tracker ends.
        waiting: how many announces are waiting for that answer.
    """

    def __init__(self, *, silent: frozenset[str] = frozenset()) -> None:
        self.announces: Counter[str] = Counter()
        self.silent = silent
        self.waiting = 0
        self.port = 0
        self._peers: dict[bytes, dict[int, bool]] = {}

    @property
    def url(self) -> str:
        """What goes into a torrent's tracker list."""
        return f"http://127.0.0.1:{self.port}/announce"

    def peers(self, info_hash: str) -> set[int]:
        """The ports of the peers that have announced a torrent and not stopped."""
        return set(self._peers.get(bytes.fromhex(info_hash), {}))

    def invite(self, info_hash: str, port: int) -> None:
        """Let every announcer of the torrent know a peer on this machine that does not announce itself."""
        self._peers.setdefault(bytes.fromhex(info_hash), {})[port] = True

    def forget_leechers(self) -> None:
        """Forget every peer that was not complete, as a tracker does after a while with those that were killed."""
        for swarm in self._peers.values():
            for port in [port for port, complete in swarm.items() if not complete]:
                del swarm[port]

    def answer(self, query: bytes) -> bytes | None:
        """The bencoded answer to an announce's query string; None for silence."""
        pairs = [pair.partition(b"=") for pair in query.split(b"&")]
        fields = {key.decode(): unquote_to_bytes(value) for key, _, value in pairs}
        event = fields.get("event", b"").decode()
        self.announces[event] += 1
        if event in self.silent:
            return None
        info_hash, port = fields["info_hash"], int(fields["port"])
        swarm = self._peers.setdefault(info_hash, {})
        if event == "stopped":
            swarm.pop(port, None)
        else:
            swarm[port] = fields.get("left") == b"0"
        others = b"".join(b"\x7f\0\0\1" + struct.pack(">H", other) for other in swarm if other != port)
        seeds = sum(swarm.values())
        return encode(
            {
                "interval": INTERVAL,
                "min interval": 1,
                "complete": seeds,
                "incomplete": len(swarm) - seeds,
                "peers": others,
            }
        )

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer one connection."""
        async with stream:
            try:
                head = await _head(stream)
                path, _, query = head.split(b" ")[1].partition(b"?")
                found = path == b"/announce"
                body = self.answer(query) if found else b""
                if body is None:
                    await self._stay_silent()
                    return
                status = b"200 OK" if found else b"404 Not Found"
                await stream.send_all(
                    b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)
                )
            except (trio.BrokenResourceError, trio.ClosedResourceError, IndexError):
                return

    async def _stay_silent(self) -> None:
        self.waiting += 1
        try:
            await trio.sleep_forever()
        finally:
            self.waiting -= 1


async def _head(stream: trio.SocketStream) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        part = await stream.receive_some(4096)
        if not part:
            break
        received += part
    return received


@asynccontextmanager
async def open_tracker(*, silent: frozenset[str] = frozenset(), port: int = 0) -> AsyncIterator[Tracker]:
    """A tracker that listens on 127.0.0.1 for the length of a block."""
    tracker = Tracker(silent=silent)
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, tracker.serve, port, host="127.0.0.1")
        listeners: list[trio.SocketListener] = await nursery.start(serve)
        tracker.port = listeners[0].socket.getsockname()[1]
        try:
            yield tracker
        finally:
            nursery.cancel_scope.cancel()
