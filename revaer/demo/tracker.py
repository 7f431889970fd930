"""A small HTTP tracker on loopback: it brings the peers of a demonstration together."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote_to_bytes

import trio

from revaer import bencode

PATH = b"/announce"
INTERVAL = 30
"""Seconds that clients shall wait between announces."""

_LARGEST_HEAD = 16 * 1024
_PATIENCE = 10.0
_MAX_PEERS = 50


class BadAnnounce(ValueError):
    """An announce that a client of the protocol does not make; the message goes back to it."""


@dataclass(frozen=True, slots=True)
class Announce:
    """One announce. `left` is the bytes that the client still wants."""

    info_hash: bytes
    peer_id: bytes
    port: int
    left: int
    event: str = ""

    @classmethod
    def parse(cls, query: bytes) -> Announce:
        """Read a query string; its values are percent-encoded bytes.

        Raises:
            BadAnnounce: a field is missing or has no usable value.
        """
        pairs = (pair.partition(b"=") for pair in query.split(b"&"))
        fields = {name.decode("ascii", "replace"): unquote_to_bytes(value) for name, _, value in pairs}
        info_hash, peer_id = fields.get("info_hash", b""), fields.get("peer_id", b"")
        if len(info_hash) != 20 or len(peer_id) != 20:
            raise BadAnnounce("info_hash and peer_id have 20 bytes each")
        port = _number(fields, "port")
        if not 0 < port < 65536:
            raise BadAnnounce("port is none")
        return cls(
            info_hash, peer_id, port, _number(fields, "left"), fields.get("event", b"").decode("ascii", "replace")
        )


def _number(fields: Mapping[str, bytes], name: str) -> int:
    digits = fields.get(name, b"")
    if not (digits.isdigit() and len(digits) < 20):
        raise BadAnnounce(f"{name} is no number")
    return int(digits)


class Tracker:
    """Who is in which swarm. Peers are known by the address they announce from and the port they name."""

    def __init__(self) -> None:
        self._swarms: dict[bytes, dict[tuple[str, int], Announce]] = {}
        self.port = 0

    @property
    def url(self) -> str:
        """What goes into a torrent as its announce address, once it serves."""
        return f"http://127.0.0.1:{self.port}{PATH.decode()}"

    def answer(self, announce: Announce, host: str) -> bytes:
        """Take an announce from `host` in, and name the other peers of the swarm."""
        swarm = self._swarms.setdefault(announce.info_hash, {})
        me = (host, announce.port)
        if announce.event == "stopped":
            swarm.pop(me, None)
        else:
            swarm.pop(me, None)
            swarm[me] = announce
        others = [peer for peer in reversed(swarm) if peer != me][:_MAX_PEERS]
        complete = sum(known.left == 0 for known in swarm.values())
        return bencode.encode(
            {
                "complete": complete,
                "incomplete": len(swarm) - complete,
                "interval": INTERVAL,
                "min interval": 1,
                "peers": b"".join(_compact(*peer) for peer in others),
            }
        )

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen on any free port of loopback until cancelled."""
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, self._connection, 0, host="127.0.0.1"))
            self.port = listeners[0].socket.getsockname()[1]
            task_status.started()

    async def _connection(self, stream: trio.SocketStream) -> None:
        """Answer one request; whatever the client does, the others are served."""
        host = stream.socket.getpeername()[0]
        with trio.move_on_after(_PATIENCE):
            async with stream:
                try:
                    await stream.send_all(self.respond(await _read_head(stream), host))
                except trio.BrokenResourceError:
                    return

    def respond(self, head: bytes, host: str) -> bytes:
        """Answer a whole HTTP request that came from `host`."""
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or words[0] != b"GET":
            return _http(b"405 Method Not Allowed", b"")
        path, _, query = words[1].partition(b"?")
        if path != PATH:
            return _http(b"404 Not Found", b"")
        try:
            return _http(b"200 OK", self.answer(Announce.parse(query), host))
        except BadAnnounce as error:
            return _http(b"200 OK", bencode.encode({"failure reason": str(error)}))


def _compact(host: str, port: int) -> bytes:
    return ipaddress.IPv4Address(host).packed + struct.pack(">H", port)


def _http(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return head % (status, len(body)) + body


async def _read_head(stream: trio.SocketStream) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) <= _LARGEST_HEAD:
        part = await stream.receive_some(4096)
        if not part:
            return b""
        head += part
    return head
