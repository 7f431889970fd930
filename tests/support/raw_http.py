"""HTTP by hand: bytes in, bytes out, so that a test can say what no client would."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One answer; without a status when the connection ended before there was one."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document."""
        assert self.headers.get("content-type") == "application/problem+json", self
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["instance"]
        return document


@dataclass
class RawConnection:
    """One connection."""

    stream: trio.SocketStream
    raw: bytes = b""

    async def send(self, data: bytes) -> None:
        """Send something."""
        await self.stream.send_all(data)

    async def answer(self) -> RawAnswer:
        """Read one answer."""
        with trio.fail_after(WITHIN):
            while b"\r\n\r\n" not in self.raw:
                if not await self._more():
                    return RawAnswer(None, body=self.raw)
            head, _, self.raw = self.raw.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            pairs = (line.partition(": ") for line in lines)
            headers = {name.lower(): value for name, _, value in pairs}
            status = int(first.split(" ")[1])
            if status == 100:
                return await self.answer()
            return RawAnswer(status, headers, await self._body(headers))

    async def rest(self) -> bytes:
        """Everything up to the end."""
        with trio.fail_after(WITHIN):
            while await self._more():
                pass
        return self.raw

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked" or "content-length" not in headers:
            return await self.rest()
        size = int(headers["content-length"])
        while len(self.raw) < size:
            assert await self._more(), "cut off in the body"
        body, self.raw = self.raw[:size], self.raw[size:]
        return body

    async def _more(self) -> bool:
        try:
            part = await self.stream.receive_some(65536)
        except trio.BrokenResourceError:
            return False
        self.raw += part
        return bool(part)


@asynccontextmanager
async def raw_connection(port: int) -> AsyncIterator[RawConnection]:
    """A connection for the length of a block."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        yield RawConnection(stream)


async def say(port: int, data: bytes, *, eof: bool = False) -> RawAnswer:
    """Say something and read the first answer."""
    async with raw_connection(port) as connection:
        await connection.send(data)
        if eof:
            await connection.stream.send_eof()
        return await connection.answer()


def request(target: str, body: bytes = b"", *, method: str = "GET", key: object = None, **headers: str) -> bytes:
    """A request as it should be, but for what is asked for; underscores in names of headers become dashes."""
    said = {"host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if key is not None:
        said["x-revaer-api-key"] = str(key)
    if body or method in ("POST", "PATCH", "PUT"):
        said.setdefault("content-length", str(len(body)))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
