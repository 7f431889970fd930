"""One WebSocket over ASGI: its handshake, its messages, and an end that its client can understand."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, WebsocketScope

from revaer.api.call import Call, Reply
from revaer.api.errors import ClientGone, SocketFault
from revaer.api.frames import SOCKET
from revaer.api.outlet import OUTLET, Outlet, StuckReader
from revaer.api.problems import CONTENT_TYPE, Problem, explain
from revaer.api.ws_stream import FAULT

if TYPE_CHECKING:
    from revaer.api.app import ApiApp

log = structlog.get_logger("revaer.api")

FAREWELL_SECONDS: Final = 1.0
"""How long a client may take to answer a close."""

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
NO_TEXT: Final = 1007
POLICY: Final = 1008
INTERNAL: Final = 1011
TRY_LATER: Final = 1013


class Socket:
    """A WebSocket, for the handler of one.

    Args:
        call: its handshake.
        outlet: the way out of its connection.
        receive: brings what hypercorn has for it.
        send: takes what is neither text nor ping.
        on_answer: called with the status of the handshake's answer.

    Attributes:
        is_open: whether it was accepted, and not closed since.
    """

    def __init__(
        self,
        call: Call,
        outlet: Outlet,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        on_answer: Callable[[int], None],
    ) -> None:
        self.is_open = False
        self._was_open = False
        self._call = call
        self._outlet = outlet
        self._receive = receive
        self._send = send
        self._on_answer = on_answer

    async def accept(self) -> None:
        """Complete the handshake."""
        fields = {"x-request-id": self._call.request_id, **self._call.answer_headers}
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
        self._on_answer(101)
        await self._send({"type": "websocket.accept", "subprotocol": None, "headers": headers})
        self._outlet.bound()
        self.is_open = self._was_open = True

    async def read(self) -> str:
        """Wait for the next message.

        Raises:
            ClientGone: the client left.
            SocketFault: what came is none.
        """
        message: Any = await self._receive()
        if message["type"] == FAULT:
            raise SocketFault(message["reason"], message["code"])
        if message["type"] != "websocket.receive":
            raise ClientGone
        text: str = message["text"]
        return text

    async def write(self, frames: bytes) -> None:
        """Send whole frames, as `revaer.api.frames` writes them.

        Raises:
            ClientGone: the client left.
            StuckReader: it takes nothing.
        """
        try:
            await self._outlet.write(frames)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ClientGone from error

    async def complain(self, problem: Problem) -> None:
        """Send a problem document, and when to try again if it says so. Raises: as `write`."""
        told: dict[str, Any] = {"problem": problem.document(self._call.request_id)}
        if "retry-after" in problem.headers:
            told["retry_after"] = int(problem.headers["retry-after"])
        await self.write(SOCKET.note("error", told))

    async def close(self, code: int, reason: str = "") -> None:
        """Close it. Reasons are cut to what fits."""
        self.is_open = False
        await self._send({"type": "websocket.close", "code": code, "reason": reason or None})

    async def farewell(self) -> None:
        """Wait until the client has closed it too; what it still says is dropped."""
        if not self._was_open:
            return
        with trio.move_on_after(FAREWELL_SECONDS):
            while (await self._receive())["type"] != "websocket.disconnect":
                pass

    async def refuse(self, problem: Problem) -> None:
        """Refuse the handshake with a problem document."""
        body = problem.encode(self._call.request_id)
        fields = {
            "content-type": CONTENT_TYPE,
            "content-length": str(len(body)),
            "x-request-id": self._call.request_id,
            "cache-control": "no-store",
            "connection": "close",
            **self._call.answer_headers,
            **problem.headers,
        }
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
        self._on_answer(problem.status)
        await self._send({"type": "websocket.http.response.start", "status": problem.status, "headers": headers})
        await self._send({"type": "websocket.http.response.body", "body": body, "more_body": False})


class SocketExchange:
    """Serves one WebSocket. Hypercorn calls it.

    Args:
        app: finds its handler.
        scope: the head of the handshake.
    """

    def __init__(self, app: ApiApp, scope: WebsocketScope) -> None:
        self._app = app
        self._scope: Any = scope

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Take the handshake, and serve the socket to its end."""
        began = time.perf_counter()
        await receive()
        head: Any = {**self._scope, "method": "GET"}
        call = Call(head, receive)

        def answered(status: int) -> None:
            self._app.answered(call, Reply(status), time.perf_counter() - began)

        socket = Socket(call, self._scope["state"][OUTLET], receive, send, answered)
        with contextlib.suppress(ClientGone, StuckReader):
            try:
                handler = await self._app.open_socket(call)
                await handler(socket)
            except ClientGone:
                raise
            except StuckReader as error:
                log.warning("client_stuck", reason=str(error), request_id=call.request_id)
                if not error.is_whole:
                    raise
                await socket.close(TRY_LATER, str(error))
            except Exception as error:  # noqa: BLE001  # whatever it is, the client gets a problem document
                await self._end(socket, error)
            await socket.farewell()

    async def _end(self, socket: Socket, error: Exception) -> None:
        """Tell the client what went wrong, before the handshake's end or after it."""
        problem = explain(error)
        if not socket.is_open:
            await socket.refuse(problem)
            return
        await socket.complain(problem)
        if isinstance(error, SocketFault):
            await socket.close(error.code, str(error))
        else:
            await socket.close(INTERNAL, problem.detail)
