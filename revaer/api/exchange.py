"""One HTTP exchange over ASGI: the answer of a call, written out.

Quart's own connection builds contexts, sessions and two tasks per request, which costs more than answering. This one
keeps to what the API needs; a body is read only when a handler asks for it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog
import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope

from revaer.api.call import Call, Reply, StreamReply
from revaer.api.errors import ClientGone
from revaer.api.outlet import OUTLET, Outlet, StuckReader

if TYPE_CHECKING:
    from revaer.api.app import ApiApp

log = structlog.get_logger("revaer.api")

DISCARD_BYTES = 64 * 1024 * 1024
DISCARD_SECONDS = 5.0

SLICE_BYTES = 256 * 1024
"""How much of a body is handed on at once: copying and encrypting it holds the event loop up."""

_NO_STORE = (b"cache-control", b"no-store")
_NO_SNIFF = (b"x-content-type-options", b"nosniff")


class Exchange:
    """Answers one request. Hypercorn calls it.

    Args:
        app: answers calls.
        scope: the head of the request.
    """

    def __init__(self, app: ApiApp, scope: HTTPScope) -> None:
        self._app = app
        self._scope = scope

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Read the request, answer it."""
        began = time.perf_counter()
        call = Call(self._scope, receive)
        try:
            answer = await self._app.answer(call)
            self._app.answered(call, answer, time.perf_counter() - began)
            if isinstance(answer, StreamReply):
                await self._stream(call, answer, send)
            else:
                await self._reply(call, answer, send)
        except ClientGone:
            return

    async def _reply(self, call: Call, reply: Reply, send: ASGISendCallable) -> None:
        headers = _head(call, reply.content_type if reply.body else "", stored="cache-control" in reply.headers)
        if reply.status not in (204, 304):
            headers.append((b"content-length", b"%d" % len(reply.body)))
        headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()]
        if call.has_unread_body or call.has_stopped:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        last = max(0, len(reply.body) - 1) // SLICE_BYTES * SLICE_BYTES
        for start in range(0, last, SLICE_BYTES):
            piece = reply.body[start : start + SLICE_BYTES]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        body = reply.body[last:] if last else reply.body
        await send({"type": "http.response.body", "body": body, "more_body": call.has_unread_body})
        if call.has_unread_body:
            await self._end_unread(call, send)

    async def _end_unread(self, call: Call, send: ASGISendCallable) -> None:
        """End an answer while the client may still be sending: a connection closed at once would lose the answer."""
        with trio.move_on_after(DISCARD_SECONDS):
            await call.discard_body(DISCARD_BYTES)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.wait_gone)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            nursery.cancel_scope.cancel()

    async def _stream(self, call: Call, reply: StreamReply, send: ASGISendCallable) -> None:
        headers = _head(call, reply.content_type)
        headers += [(b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        is_whole = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.leave_with, nursery.cancel_scope)
            try:
                await reply.produce(_Pieces(self._scope, send).send)
                is_whole = True
            except ClientGone:
                log.info("stream_cut", request_id=call.request_id)
            except Exception:
                # The head is out: nothing is left but to log and cut.
                log.exception("stream_failed", request_id=call.request_id)
            nursery.cancel_scope.cancel()
        if is_whole:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Pieces:
    """The pieces of a stream. The first goes the way of every answer, with the head; the others go straight out.

    Args:
        scope: the head of the request.
        send: the way of every answer.
    """

    def __init__(self, scope: HTTPScope, send: ASGISendCallable) -> None:
        self._send = send
        self._outlet: Outlet | None = None
        self._next: Outlet | None = scope.get("state", {}).get(OUTLET)
        self._is_chunked = scope["http_version"] != "1.0"

    async def send(self, content: bytes) -> None:
        """Send a piece, which is not empty. Raises: ClientGone."""
        if self._outlet is None:
            await self._send({"type": "http.response.body", "body": content, "more_body": True})
            self._outlet = self._next
            if self._outlet is not None:
                self._outlet.bound()
            return
        try:
            await self._outlet.write(b"%x\r\n%b\r\n" % (len(content), content) if self._is_chunked else content)
        except StuckReader as error:
            log.warning("client_stuck", reason=str(error))
            raise ClientGone from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ClientGone from error


def _head(call: Call, content_type: str, *, stored: bool = False) -> list[tuple[bytes, bytes]]:
    headers: list[tuple[bytes, Any]] = [(b"x-request-id", call.request_id.encode()), _NO_SNIFF]
    if not stored:
        headers.append(_NO_STORE)
    if content_type:
        headers.append((b"content-type", content_type.encode()))
    headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in call.answer_headers.items()]
    return headers
