"""Holds every answer that the API gives in a test against its OpenAPI document.

`watched` puts a judge between the API and its clients: whatever leaves an `Exchange` in this process, on whichever
connection, is looked at as it leaves. `hook` does the same for an httpx client of a daemon in another process. An
answer that is not documented (its status, media type, header fields, body, or kind of problem) fails its test.
"""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import jsonschema_rs
import pytest
from backports import zstd

from revaer.api.app import ROUTES, ApiApp
from revaer.api.call import Answer, Call, Send, StreamReply
from revaer.api.errors import MethodRefused, NoSuchRoute
from revaer.api.exchange import Exchange
from revaer.api.openapi.document import assemble, path_of
from revaer.api.openapi.tables import OPERATIONS
from revaer.api.routing import Router
from revaer.api.sockets import Socket

EVENT_STREAM = "text/event-stream"
PLAIN_HEADERS = frozenset(
    {
        *("cache-control", "connection", "content-encoding", "content-length", "content-type", "date", "keep-alive"),
        *("server", "transfer-encoding", "vary", "x-accel-buffering", "x-content-type-options"),
        *("content-security-policy", "cross-origin-opener-policy", "referrer-policy"),
    }
)
"""What HTTP itself, browsers and proxies need; it is not described call by call."""


@functools.cache
def document() -> dict[str, Any]:
    """The document of this code; that no route is left out of it is tested elsewhere."""
    told = {operation.route for operation in OPERATIONS}
    routes = [route for route in ROUTES if f"{route.method} {route.path}" in told]
    there = {f"{route.method} {route.path}" for route in routes}
    return assemble(routes, [operation for operation in OPERATIONS if operation.route in there])


def closed(part: Any) -> Any:
    """Close every object whose keys are known: a key that nobody described is a fault here, if not for clients."""
    if isinstance(part, list):
        return [closed(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    kept = {name: inner if name in ("allOf", "example", "examples") else closed(inner) for name, inner in part.items()}
    is_keyed = part.get("type") == "object" and isinstance(part.get("properties"), dict)
    return {"additionalProperties": False, **kept} if is_keyed else kept


@dataclass
class Seen:
    """One answer.

    Attributes:
        method: the method of its request.
        path: the path of its request, decoded.
        query: the parameters of its request.
        status: its status.
        headers: its header fields, names in lower case.
        body: its body; None for a stream.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status}"


class Judge:
    """Knows the document, and what was wrong so far.

    Attributes:
        faults: what was wrong, one sentence each.
        given: which problems each operation gave, and which statuses.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.given: set[tuple[str, str]] = set()
        self._router = Router(ROUTES)
        self._document = document()
        self._components = closed({"schemas": self._document["components"]["schemas"]})
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def take_faults(self) -> list[str]:
        """Return what was wrong, and forget it."""
        faults, self.faults = self.faults, []
        return faults

    def judge(self, seen: Seen) -> None:
        """Look at an answer."""
        if seen.method == "OPTIONS":
            return
        operation = self._operation(seen)
        if not operation:
            if operation is None:
                self._judge_unmatched(seen)
            return
        reference = operation["responses"].get(str(seen.status))
        if reference is None:
            self._fault(seen, f"the status is not documented: {(seen.body or b'')[:200]!r}")
            return
        answer = self._follow(reference)
        self.given.add((operation["operationId"], str(seen.status)))
        self._judge_headers(seen, answer)
        self._judge_content(seen, answer)

    def judge_frame(self, seen: Seen, name: str, data: str) -> None:
        """Look at one frame of a stream."""
        operation = self._operation(seen)
        if not operation:
            return
        frames = operation.get("x-event-stream", {})
        described = frames.get(name, frames.get("*"))
        if described is None:
            self._fault(seen, f"a frame {name!r} is not documented")
        else:
            self._validate(seen, described["schema"], json.loads(data), f"the frame {name!r}")

    def judge_message(self, seen: Seen, message: Mapping[str, Any]) -> None:
        """Look at what the node says over a WebSocket."""
        operation = self._operation(seen)
        if not operation:
            return
        described = operation.get("x-websocket", {}).get("server", {}).get(message.get("op"))
        if described is None:
            self._fault(seen, f"the message {message.get('op')!r} is not documented")
        else:
            self._validate(seen, described["schema"], message, f"the message {message['op']!r}")

    def _operation(self, seen: Seen) -> Mapping[str, Any] | None:
        """Return what is said of a call: None when there is no such route, nothing when it is not documented."""
        try:
            route, _ = self._router.match(seen.path, seen.method)
        except (NoSuchRoute, MethodRefused):
            return None
        operation: Mapping[str, Any] = self._document["paths"].get(path_of(route), {}).get(route.method.lower(), {})
        return operation

    def _judge_unmatched(self, seen: Seen) -> None:
        schema = {"$ref": "#/components/schemas/Problem"}
        self._validate(seen, schema, json.loads(_decoded(seen) or b"{}") if seen.method != "HEAD" else None, "the body")

    def _judge_headers(self, seen: Seen, answer: Mapping[str, Any]) -> None:
        for name in seen.headers.keys() - PLAIN_HEADERS - answer.get("headers", {}).keys():
            if not name.startswith("access-control-"):
                self._fault(seen, f"the header {name} is not documented")
        for name, reference in answer.get("headers", {}).items():
            header = self._follow(reference)
            value = seen.headers.get(name)
            if value is None:
                if header.get("required"):
                    self._fault(seen, f"the header {name} is missing")
                continue
            schema = header["schema"]
            self._validate(seen, schema, int(value) if schema["type"] == "integer" else value, f"the header {name}")

    def _judge_content(self, seen: Seen, answer: Mapping[str, Any]) -> None:
        content = answer.get("content", {})
        media_type = seen.headers.get("content-type", "").partition(";")[0]
        if seen.method == "HEAD" or (seen.body == b"" and not content):
            return
        if media_type not in content:
            self._fault(seen, f"the media type {media_type!r} is not documented")
        elif seen.body is not None and media_type.endswith("json"):
            schema = self._narrowed(seen, content[media_type]["schema"])
            self._validate(seen, schema, json.loads(_decoded(seen)), "the body")

    def _narrowed(self, seen: Seen, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Where the request decides between two shapes, only one of them will do."""
        if seen.status == 200 and seen.path == "/v1/torrents" and "fields" not in seen.query:
            whole = {"torrents": {"items": {"$ref": "#/components/schemas/Torrent"}}}
            return {"allOf": [schema, {"properties": whole}]}
        return schema

    def _validate(self, seen: Seen, schema: Mapping[str, Any], value: Any, what: str) -> None:
        if value is None:
            return
        key = json.dumps(schema, sort_keys=True)
        validator = self._validators.get(key)
        if validator is None:
            whole = {**closed(dict(schema)), "components": self._components}
            validator = self._validators[key] = jsonschema_rs.Draft202012Validator(whole)
        for error in validator.iter_errors(value):
            place = "/".join(map(str, error.instance_path))
            self._fault(seen, f"{what} at /{place}: {error.message[:300]}")

    def _follow(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = part.get("$ref")
        if reference is None:
            return part
        found: Any = self._document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        followed: Mapping[str, Any] = found
        return followed

    def _fault(self, seen: Seen, what: str) -> None:
        self.faults.append(f"{seen}: {what}")


@functools.cache
def judge() -> Judge:
    """The judge of this process."""
    return Judge()


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look at every answer that the API gives inside the block.

    Raises:
        AssertionError: at the end, with everything that was wrong.
    """
    monkeypatch.setattr(Exchange, "__call__", _watched_exchange(Exchange.__call__))
    monkeypatch.setattr(ApiApp, "answer", _watched_answer(ApiApp.answer))
    monkeypatch.setattr(Socket, "write", _watched_write(Socket.write))
    yield
    faults = judge().take_faults() if judge.cache_info().currsize else []
    assert not faults, "the API gave what its document does not say:\n" + "\n".join(dict.fromkeys(faults))


async def hook(response: httpx.Response) -> None:
    """Look at an answer that an httpx client gets; one of a stream only as far as its head.

    Raises:
        AssertionError: it is not documented.
    """
    url = urlsplit(str(response.request.url))
    seen = Seen(response.request.method, unquote(url.path), parse_qs(url.query), response.status_code)
    seen.headers = {name: value for name, value in response.headers.items() if name != "content-encoding"}
    is_stream = seen.headers.get("content-type", "").startswith(EVENT_STREAM)
    seen.body = None if is_stream else await response.aread()
    judge().judge(seen)
    faults = judge().take_faults()
    assert not faults, "\n".join(faults)


Served = Callable[..., Awaitable[None]]


def _watched_exchange(original: Served) -> Served:
    async def call(exchange: Any, receive: Any, send: Any) -> None:
        scope = exchange._scope
        seen = Seen(scope["method"], scope["path"], parse_qs(scope["query_string"].decode("latin-1")))
        is_whole = False

        async def sending(message: Any) -> None:
            nonlocal is_whole
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                seen.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
            elif message["type"] == "http.response.body" and seen.body is not None:
                seen.body += message.get("body", b"")
                is_whole = is_whole or not message.get("more_body", False)
            await send(message)

        try:
            await original(exchange, receive, sending)
        finally:
            if seen.headers.get("content-type", "").startswith(EVENT_STREAM):
                seen.body = None
            if seen.status and (is_whole or seen.body is None):
                judge().judge(seen)

    return call


def _watched_answer(original: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
    async def answer(app: ApiApp, call: Call) -> Answer:
        given = await original(app, call)
        if not isinstance(given, StreamReply) or not given.content_type.startswith(EVENT_STREAM):
            return given
        frames = _Frames(Seen(call.method, call.path, {}))

        async def produce(send: Send) -> None:
            async def sending(piece: bytes) -> None:
                frames.take(piece)
                await send(piece)

            await given.produce(sending)

        return StreamReply(produce, given.content_type)

    return answer


def _watched_write(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def write(socket: Socket, frames: bytes) -> None:
        seen = Seen("GET", socket._call.path, {}, 101)
        for text in _texts(frames):
            judge().judge_message(seen, json.loads(text))
        await original(socket, frames)

    return write


def _texts(frames: bytes) -> Iterator[bytes]:
    """Return the texts of whole frames that a server wrote."""
    while frames:
        size, start = frames[1], 2
        if size > 125:
            start += 2 if size == 126 else 8
            size = int.from_bytes(frames[2:start], "big")
        if frames[0] == 0x81:
            yield frames[start : start + size]
        frames = frames[start + size :]


class _Frames:
    """Cuts a stream of server-sent events into frames."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._rest = b""

    def take(self, piece: bytes) -> None:
        *frames, self._rest = (self._rest + piece).split(b"\n\n")
        for frame in frames:
            fields = dict(line.partition(": ")[::2] for line in frame.decode().splitlines() if ": " in line)
            if "data" in fields:
                judge().judge_frame(self._seen, fields.get("event", "message"), fields["data"])


def _decoded(seen: Seen) -> bytes:
    body = seen.body or b""
    match seen.headers.get("content-encoding"):
        case "gzip":
            return zlib.decompress(body, 31)
        case "zstd":
            return zstd.decompress(body)
    return body
