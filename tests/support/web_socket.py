"""A WebSocket client that speaks to a socket frame by frame, so that a test can do wrong what no library does, and sees
how a socket really ends."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
CONTINUATION = 0x0
WITHIN = 10.0
MASK = b"\x37\xfa\x21\x3d"


@dataclass(frozen=True, slots=True)
class Closed:
    """How the server closed: 1006 when it did not say."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """What answered a handshake that was refused."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document."""
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclass
class WebSocket:
    """One connection, after its handshake was sent."""

    stream: trio.SocketStream
    pings: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    _raw: bytearray = field(default_factory=bytearray)

    async def handshake(self, path: str, headers: Mapping[str, str]) -> Refused | None:
        """Ask for the upgrade; return what refused it."""
        said = {
            "host": "localhost",
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
            "sec-websocket-version": "13",
            **headers,
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items() if value)]
        await self.stream.send_all(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        with trio.fail_after(WITHIN):
            while b"\r\n\r\n" not in self._raw:
                assert await self._more(), "cut off before the answer"
        head, _, rest = bytes(self._raw).partition(b"\r\n\r\n")
        self._raw = bytearray(rest)
        first, *others = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in others)
        self.headers = {name.lower(): value for name, _, value in pairs}
        status = int(first.split(" ")[1])
        if status == 101:
            assert "sec-websocket-extensions" not in self.headers
            assert self.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
            return None
        with trio.fail_after(WITHIN):
            while await self._more():
                pass
        return Refused(status, self.headers, bytes(self._raw))

    async def send(self, document: Any) -> None:
        """Send a message as JSON."""
        await self.send_frame(TEXT, json.dumps(document).encode())

    async def send_frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bool = True) -> None:
        """Send one frame."""
        await self.stream.send_all(frame_of(opcode, payload, fin=fin, mask=mask))

    async def receive(self) -> dict[str, Any] | Closed:
        """The next message, or how it ended. Pings are counted and answered."""
        while True:
            opcode, payload = await self._frame()
            if opcode == TEXT:
                document: dict[str, Any] = json.loads(payload)
                return document
            if opcode == PING:
                self.pings += 1
                await self.send_frame(PONG, payload)
            if opcode == CLOSE:
                code = struct.unpack("!H", payload[:2])[0] if payload else 1005
                return Closed(code, payload[2:].decode())

    async def message(self, op: str | None = None) -> dict[str, Any]:
        """The next message, which is of a kind."""
        found = await self.receive()
        assert isinstance(found, dict), found
        assert op is None or found["op"] == op, found
        return found

    async def messages(self, count: int) -> list[dict[str, Any]]:
        """The next messages."""
        return [await self.message() for _ in range(count)]

    async def end(self) -> tuple[list[dict[str, Any]], Closed]:
        """Everything up to the end, and the end itself; answers the close."""
        told: list[dict[str, Any]] = []
        while isinstance(found := await self.receive(), dict):
            told.append(found)
        if found.code != 1006:
            await self.send_frame(CLOSE, struct.pack("!H", found.code))
            with trio.fail_after(WITHIN):
                while await self._more():
                    pass
        return told, found

    async def _frame(self) -> tuple[int, bytes]:
        with trio.fail_after(WITHIN):
            while (found := self._parse()) is None:
                if not await self._more():
                    return CLOSE, struct.pack("!H", 1006)
        return found

    def _parse(self) -> tuple[int, bytes] | None:
        raw = self._raw
        if len(raw) < 2:
            return None
        assert raw[0] & 0xF0 == 0x80, "whole messages, without extensions"
        assert not raw[1] & 0x80, "a server masks nothing"
        at, size = 2, raw[1]
        if size == 126:
            at, size = 4, int.from_bytes(raw[2:4], "big")
        elif size == 127:
            at, size = 10, int.from_bytes(raw[2:10], "big")
        if len(raw) < max(at, at + size):
            return None
        opcode, payload = raw[0] & 0x0F, bytes(raw[at : at + size])
        del raw[: at + size]
        return opcode, payload

    async def _more(self) -> bool:
        try:
            part = await self.stream.receive_some(65536)
        except trio.BrokenResourceError:
            return False
        self._raw += part
        return bool(part)


def frame_of(
    opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bool = True, size: int | None = None
) -> bytes:
    """One frame as a client sends it. `size` is what its head says, if that is not true."""
    size = len(payload) if size is None else size
    head = bytes([opcode | (0x80 if fin else 0)])
    bit = 0x80 if mask else 0
    if size <= 125:
        head += bytes([bit | size])
    elif size <= 0xFFFF:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    if not mask:
        return head + payload
    key = MASK
    repeated = key * (len(payload) // 4 + 1)
    masked = bytes(a ^ b for a, b in zip(payload, repeated, strict=False))
    return head + key + masked


@asynccontextmanager
async def connected(
    port: int, path: str = "/v1/events/ws", *, key: object = None, headers: Mapping[str, str] | None = None
) -> AsyncIterator[WebSocket]:
    """An open WebSocket for the length of a block."""
    said = dict(headers or {})
    if key is not None:
        said["x-revaer-api-key"] = str(key)
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        socket = WebSocket(stream)
        refused = await socket.handshake(path, said)
        assert refused is None, refused
        yield socket


async def refusal(
    port: int, path: str = "/v1/events/ws", *, key: object = None, headers: Mapping[str, str] | None = None
) -> Refused:
    """What answers a handshake that must be refused."""
    said = dict(headers or {})
    if key is not None:
        said["x-revaer-api-key"] = str(key)
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        refused = await WebSocket(stream).handshake(path, said)
        assert refused is not None, "it was accepted"
        return refused
