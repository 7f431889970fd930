"""A reader of server-sent events that speaks to a socket, so that a test sees how a stream really ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import h11
import trio
import trio.abc


class Reader:
    """Reads frames of one stream off its socket."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT)
        self._text = b""
        self._is_over = False

    async def open(self, path: str, headers: Mapping[str, str]) -> None:
        """Ask for the stream and read the head of the answer."""
        request = h11.Request(method="GET", target=path, headers=list(headers.items()))
        head = self._http.send(request)
        end = self._http.send(h11.EndOfMessage())
        await self._stream.send_all((head or b"") + (end or b""))
        answer = await self._next()
        assert isinstance(answer, h11.Response)
        assert answer.status_code == 200
        assert dict(answer.headers)[b"content-type"].startswith(b"text/event-stream")

    async def frame(self) -> dict[str, Any]:
        """The next frame: its fields, `data` decoded; {} at the end."""
        with trio.fail_after(5):
            while b"\n\n" not in self._text and not self._is_over:
                event = await self._next()
                if isinstance(event, h11.Data):
                    self._text += bytes(event.data)
                else:
                    self._is_over = True
        text, _, self._text = self._text.partition(b"\n\n")
        pairs = [line.partition(": ") for line in text.decode().splitlines()]
        return {name or "comment": json.loads(value) if name == "data" else value for name, _, value in pairs}

    async def event(self) -> dict[str, Any]:
        """The next frame that has an event."""
        while "event" not in (frame := await self.frame()):
            assert frame, "the stream ended"
        return frame

    async def _next(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(bytes(await self._stream.receive_some(65536)))
        return event
