"""One WebSocket connection to the daemon: JSON messages in and out, and why it ended."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias, cast

import httpx
import trio
import trio_websocket
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection

from revaer.client import documents
from revaer.client.documents import Document
from revaer.client.errors import InvalidAnswer, Problem, Unreachable
from revaer.client.link import Link, describe_connect, problem_of, tls_context

MESSAGE_BYTES: Final = 64 * 1024 * 1024
"""The largest message that is taken. The daemon's have about 64 KB, unless one torrent alone has more."""
RECEIVE_BYTES: Final = 64 * 1024
WAITING_MESSAGES: Final = 16
CLOSE_SECONDS: Final = 1.0

Stream: TypeAlias = trio.SocketStream | trio.SSLStream[trio.SocketStream]


class Wire:
    """Carries messages over one connection at a time.

    Args:
        link: the daemon.
        path: where the socket is.
        nursery: what reads runs in it.

    Attributes:
        ending: why the last connection ended, in words for people.
    """

    def __init__(self, link: Link, path: str, nursery: trio.Nursery) -> None:
        self.ending = ""
        self._link = link
        self._resource = f"{link.address.path.rstrip('/')}{path}"
        self._nursery = nursery
        self._stream: Stream | None = None
        self._connection: WebSocketConnection | None = None
        self._reader = _Reader(nursery)

    async def open(self) -> None:
        """Connect; the connection before must be closed.

        Raises:
            Problem: the daemon refuses.
            Unreachable: it does not answer.
        """
        address = str(self._link.address)
        try:
            with trio.fail_after(self._link.timeout):
                self._stream = await _connect(self._link)
                self._connection = await self._shake_hands(self._stream)
        except BaseException as error:
            await self.close()
            if isinstance(error, trio.TooSlowError):
                reason = f"no answer within {self._link.timeout:g} s"
                raise Unreachable(address, reason, ran_out_of_time=True) from error
            if isinstance(error, OSError):
                raise Unreachable(address, describe_connect(error), refused=True) from error
            if isinstance(error, trio.BrokenResourceError):
                raise Unreachable(address, f"no encrypted connection: {error.__cause__ or error}") from error
            raise
        self.ending = "the connection broke"

    async def send(self, message: Document) -> bool:
        """Send a message; tell whether the connection took it."""
        assert self._connection is not None, "the socket is used inside its `async with`"
        try:
            await self._connection.send_message(json.dumps(message))
        except ConnectionClosed as error:
            self._note(error)
            return False
        return True

    async def receive(self) -> Document | None:
        """Wait for the next message; `None` when the connection ended, and `ending` says why.

        Raises:
            InvalidAnswer: what came is no message of this API.
        """
        assert self._connection is not None, "the socket is used inside its `async with`"
        try:
            text = await self._connection.get_message()
        except ConnectionClosed as error:
            self._note(error)
            return None
        try:
            return documents.as_document(json.loads(text), "the message")
        except ValueError as error:
            raise InvalidAnswer(f"a message is no JSON: {error}") from error

    async def close(self) -> None:
        """Close the connection, politely when the daemon answers."""
        stream, self._stream = self._stream, None
        connection, self._connection = self._connection, None
        if connection is not None:
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                await connection.aclose()
        self._reader.stop()
        if stream is not None:
            # The library leaves it open when the daemon closed first.
            await trio.aclose_forcefully(stream)

    async def _shake_hands(self, stream: Stream) -> WebSocketConnection:
        self._reader = _Reader(self._nursery)
        with self._reader.opening:
            return await trio_websocket.wrap_client_stream(
                cast(trio.Nursery, self._reader),
                stream,
                self._link.address.netloc.decode("ascii"),
                self._resource,
                extra_headers=[(name.encode(), value.encode()) for name, value in self._link.headers.items()],
                message_queue_size=WAITING_MESSAGES,
                max_message_size=MESSAGE_BYTES,
                receive_buffer_size=RECEIVE_BYTES,
            )
        if isinstance(self._reader.failure, ConnectionRejected):
            raise _refusal(self._reader.failure)
        reason = "the connection broke before it was open"
        raise Unreachable(str(self._link.address), reason) from self._reader.failure

    def _note(self, error: ConnectionClosed) -> None:
        reason = error.reason
        if reason is not None:
            self.ending = reason.reason or f"the connection was closed ({reason.name.lower().replace('_', ' ')})"


class _Reader:
    """Runs the library's reading task, for which it stands in as a nursery. It ends with its connection, not with the
    task that holds that: else nobody would read the answer to a close.

    Attributes:
        opening: what waits for the handshake; cancelled when the task ends before that is there.
        failure: how the task failed.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self.opening = trio.CancelScope()
        self.failure: Exception | None = None
        self._nursery = nursery
        self._life = trio.CancelScope(shield=True)

    def start_soon(self, job: Callable[[], Awaitable[None]]) -> None:
        """Start the task; the library calls it."""
        self._nursery.start_soon(self._run, job)

    def stop(self) -> None:
        """End the task."""
        self._life.cancel()

    async def _run(self, job: Callable[[], Awaitable[None]]) -> None:
        try:
            with self._life:
                await job()
        except Exception as error:  # noqa: BLE001  # the connection is over then, which its user finds out
            self.failure = error
        finally:
            self.opening.cancel()


async def _connect(link: Link) -> Stream:
    url: Any = link.address
    if url.scheme == "http":
        return await trio.open_tcp_stream(url.host, url.port or 80)
    stream = await trio.open_ssl_over_tcp_stream(
        url.host, url.port or 443, ssl_context=tls_context(url), https_compatible=True
    )
    try:
        await stream.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


def _refusal(error: ConnectionRejected) -> Problem:
    return problem_of(httpx.Response(error.status_code, headers=error.headers or (), content=error.body or b""))
