"""Reading an endless HTTP answer line by line over a bare socket; httpx cannot leave one half-read without a
warning."""

from __future__ import annotations

import json
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import trio


class Lines:
    """The lines of a streamed answer, as an asynchronous iterator inside `async with`; ends when the daemon ends it."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._raw = b""
        self._text = b""
        self._ended = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await trio.aclose_forcefully(self._stream)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while b"\n" not in self._text:
            chunk = b"" if self._ended else await self._chunk()
            if not chunk:
                self._ended = True
                raise StopAsyncIteration
            self._text += chunk
        line, _, self._text = self._text.partition(b"\n")
        return line.decode().rstrip("\r")

    async def head(self) -> str:
        """Read the status line and the headers."""
        lines = []
        while line := (await self._until(b"\r\n")).decode():
            lines.append(line)
        return "\n".join(lines)

    async def _chunk(self) -> bytes:
        """One chunk of the chunked body; empty at its end or when the connection is cut."""
        try:
            size = int(await self._until(b"\r\n"), 16)
            while len(self._raw) < size + 2:
                await self._more()
        except (EOFError, trio.BrokenResourceError):
            return b""
        content, self._raw = self._raw[:size], self._raw[size + 2 :]
        return content

    async def _until(self, mark: bytes) -> bytes:
        while mark not in self._raw:
            await self._more()
        found, _, self._raw = self._raw.partition(mark)
        return found

    async def _more(self) -> None:
        part = await self._stream.receive_some(65536)
        if not part:
            raise EOFError
        self._raw += part


class Envelopes:
    """The events of an event stream; frames without data are passed over."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._lines.__aexit__(*details)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        async for line in self._lines:
            if line.startswith("data:"):
                document: dict[str, Any] = json.loads(line[5:])
                return document
        raise StopAsyncIteration


async def open_lines(url: str, key: str, path: str, parameters: dict[str, str]) -> Lines:
    """Ask for a stream; returns when it has begun. Raises AssertionError when it is refused."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    stream = await trio.open_tcp_stream(parts.hostname, parts.port or 80)
    query = f"?{urlencode(parameters)}" if parameters else ""
    request = f"GET {path}{query} HTTP/1.1\r\nHost: {parts.netloc}\r\nx-revaer-api-key: {key}\r\n\r\n"
    await stream.send_all(request.encode())
    lines = Lines(stream)
    head = await lines.head()
    assert head.split(" ")[1] == "200", head
    assert "transfer-encoding: chunked" in head.lower(), head
    return lines
