"""The WebSocket of the fake daemon: it writes down what a client says, and says what its script has."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import h11
import trio
from wsproto import ConnectionType
from wsproto.connection import Connection, ConnectionState
from wsproto.events import CloseConnection, Message, TextMessage

if TYPE_CHECKING:
    from tests.support.fake_api import FakeApi

PATH = "/v1/events/ws"
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection in order."""

    code: int = 1000
    reason: str = ""


Step: TypeAlias = Mapping[str, Any] | Callable[[], object] | Close
Steps: TypeAlias = Sequence[Step]
"""What happens on one socket after its subscription: messages, functions that are called in their turn, a close.
A socket whose script ends stays open."""


def snapshot(event_id: str, *torrents: Mapping[str, Any], loading: bool = False) -> dict[str, Any]:
    """The catalogue in one chunk."""
    return {"op": "snapshot", "index": 0, "last": True, "id": event_id, "torrents": [*torrents], "loading": loading}


def event(event_id: str, kind: str, **fields: Any) -> dict[str, Any]:
    """One event."""
    return {"op": "event", "id": event_id, "timestamp": "2024-05-01T10:00:00Z", "event": {"type": kind, **fields}}


async def serve(connection: h11.Connection, stream: trio.SocketStream, key: str, api: FakeApi) -> None:
    """Accept an upgrade, and follow the script."""
    accept = base64.b64encode(hashlib.sha1(key.encode() + _MAGIC, usedforsecurity=False).digest()).decode()
    headers = [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-accept", accept)]
    data = connection.send(h11.InformationalResponse(status_code=101, headers=headers))
    assert data is not None
    await stream.send_all(data)
    early, _closed = connection.trailing_data
    socket = Connection(ConnectionType.SERVER, trailing_data=early)
    script = list(api.sockets.popleft()) if api.sockets else []
    lock = trio.Lock()
    async with trio.open_nursery() as nursery:
        subscribed = trio.Event()
        nursery.start_soon(_listen, socket, stream, api, subscribed, lock, nursery.cancel_scope)
        await subscribed.wait()
        for step in script:
            if callable(step):
                step()
                continue
            said = CloseConnection(step.code, step.reason) if isinstance(step, Close) else Message(json.dumps(step))
            async with lock:
                if socket.state is ConnectionState.OPEN:
                    await stream.send_all(socket.send(said))


async def _listen(
    socket: Connection,
    stream: trio.SocketStream,
    api: FakeApi,
    subscribed: trio.Event,
    lock: trio.Lock,
    scope: trio.CancelScope,
) -> None:
    while True:
        for heard in socket.events():
            if isinstance(heard, TextMessage):
                api.said.append(json.loads(heard.data))
                if api.said[-1]["op"] == "subscribe":
                    subscribed.set()
            elif isinstance(heard, CloseConnection):
                async with lock:
                    if socket.state is not ConnectionState.CLOSED:
                        await stream.send_all(socket.send(heard.response()))
                scope.cancel()
                return
        data = await stream.receive_some(65536)
        if not data:
            scope.cancel()
            return
        socket.receive_data(data)
