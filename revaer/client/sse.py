"""One connection that carries server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping

import httpx
import trio
from httpx_sse import EventSource, ServerSentEvent

from revaer.client import documents
from revaer.client.documents import Document
from revaer.client.errors import InvalidAnswer
from revaer.client.link import STREAM_IDLE_SECONDS, Link, describe


class FrameSource:
    """Reads frames from one connection at a time.

    Args:
        link: the daemon.
        path: where the stream is.
        params: the query.

    Attributes:
        ending: why the last connection ended, in words for people.
    """

    def __init__(self, link: Link, path: str, params: Mapping[str, str]) -> None:
        self.ending = ""
        self._link = link
        self._path = path
        self._params = params
        self._response: httpx.Response | None = None
        self._frames: AsyncGenerator[ServerSentEvent, None] | None = None

    async def open(self, headers: Mapping[str, str]) -> None:
        """Connect; the connection before must be closed.

        Raises:
            Problem, Unreachable: the daemon refuses, or does not answer.
            InvalidAnswer: what answers is no event stream.
        """
        accepted = {"accept": "text/event-stream", "cache-control": "no-store", **headers}
        response = await self._link.open(self._path, params=self._params, headers=accepted)
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            await response.aclose()
            raise InvalidAnswer(f"{self._link.address} answered with something else than an event stream")
        self._response = response
        self._frames = EventSource(response).aiter_sse()
        self.ending = "the daemon ended the stream"

    async def next(self) -> ServerSentEvent | None:
        """Wait for the next frame; `None` when the connection ended, and `ending` says why."""
        assert self._frames is not None, "the stream is used inside its `async with`"
        try:
            return await anext(self._frames, None)
        except httpx.TransportError as error:
            self.ending = describe(error, STREAM_IDLE_SECONDS)
            return None
        except trio.Cancelled:
            self.ending = "the read was cancelled"  # and the connection with it
            raise

    async def close(self) -> None:
        """Close the connection. The iterators below end cleanly only from inside, so the read itself is cancelled."""
        frames, response = self._frames, self._response
        self._frames = self._response = None
        if frames is not None:
            with trio.CancelScope(shield=True) as scope:
                scope.cancel()
                try:
                    async for _frame in frames:
                        continue
                except httpx.HTTPError:
                    self.ending = "the connection broke while it was closed"
        if response is not None:
            with trio.CancelScope(shield=True):
                await response.aclose()


def data_of(frame: ServerSentEvent) -> Document:
    """Read the data of a frame. Raises InvalidAnswer."""
    try:
        return documents.as_document(json.loads(frame.data or "{}"), f"the data of a `{frame.event}` frame")
    except json.JSONDecodeError as error:
        raise InvalidAnswer(f"the data of a `{frame.event}` frame is no JSON: {error}") from error
