"""One request as handlers see it, and the answers they may give."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl

import orjson
import trio
from hypercorn.typing import ASGIReceiveCallable, HTTPScope

from revaer.api.errors import BodyTooLarge, ClientGone, CodingRefused, InvalidParam, MalformedRequest
from revaer.api.settings import BODY_SLOWEST_BPS, BODY_STALL_SECONDS
from revaer.security.messages import Client

if TYPE_CHECKING:
    from revaer.api.forms import Form
    from revaer.api.once import Attempt
    from revaer.api.tickets import Redeemed
    from revaer.security.messages import Principal

MAX_QUERY_FIELDS = 64


class Call:
    """A request: its head, and its body when it is asked for.

    Attributes:
        method: in capitals.
        path: without the query, percent-decoded.
        headers: by lower-case name; of a repeated field the first.
        request_id: the id that logs, events and the answer carry.
        route: the template of its path; `unmatched` when there is none.
        principal: whose key it came with; None before that is known, and for calls that need none.
        caller: who is on the other end; the connection's peer until the proxies are known.
        answer_headers: header fields that its answer has whatever it is, names in lower case.
        args: the variable parts of the path.
        has_unread_body: whether the client may still be sending.
        has_stopped: whether the body stopped coming before its end.
        form: its form, once that was read.
        attempt: what is known of its `Idempotency-Key`; None for a call without.
        ticket: the ticket in its URL; None for a call without, and where none is taken.
        redeemed: what that stands for, once it was used up.
    """

    __slots__ = (
        "_kept_body",
        "_receive",
        "_scope",
        "answer_headers",
        "args",
        "attempt",
        "caller",
        "form",
        "has_stopped",
        "has_unread_body",
        "headers",
        "method",
        "path",
        "principal",
        "redeemed",
        "request_id",
        "route",
        "ticket",
    )

    def __init__(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> None:
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
        self._scope = scope
        self._receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: Mapping[str, str] = headers
        self.request_id = ""
        self.route = "unmatched"
        self.principal: Principal | None = None
        self.args: Mapping[str, str] = {}
        self.caller = Client(self.peer)
        self.answer_headers: dict[str, str] = {}
        self.has_unread_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
        self.has_stopped = False
        self.form: Form | None = None
        self.attempt: Attempt | None = None
        self.ticket: str | None = None
        self.redeemed: Redeemed | None = None
        self._kept_body: bytes | None = None

    @property
    def client(self) -> str:
        """The address the call comes from, be it through proxies."""
        return self.caller.address

    @property
    def caller_id(self) -> str:
        """Whom to count the call for: its key, or for calls that need none its address."""
        return self.client if self.principal is None else self.principal.key_id

    @property
    def peer(self) -> str:
        """The address of the connection's other end."""
        client = self._scope.get("client")
        return client[0] if client else ""

    @property
    def local_address(self) -> str:
        """The address of this host that the call came to."""
        server = self._scope.get("server")
        return server[0] if server else ""

    @property
    def header_fields(self) -> Iterable[tuple[bytes, bytes]]:
        """Every header field as it came, names in lower case; a repeated one as often as it is there."""
        return self._scope["headers"]

    def all_values(self, name: str) -> list[str]:
        """Return the values of a header field, in order, however often it is there. `name` is in lower case."""
        wanted = name.encode("latin-1")
        return [value.decode("latin-1") for field_name, value in self._scope["headers"] if field_name == wanted]

    def query(self, known: frozenset[str] = frozenset()) -> dict[str, str]:
        """Return the query's parameters.

        Args:
            known: the parameters that this call takes; none unless given.

        Raises:
            MalformedRequest: one is unknown, given twice or empty, or the query is broken.
        """
        raw = self._scope["query_string"]
        if not raw:
            return {}
        try:
            pairs = parse_qsl(
                raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS
            )
        except ValueError as error:
            raise MalformedRequest("the query of the URL is broken, or too long") from error
        wrong: list[InvalidParam] = []
        found: dict[str, str] = {}
        for name, value in pairs:
            pointer = f"/query/{escape(name)}"
            if name not in known:
                wrong.append(
                    InvalidParam(pointer, f"unknown parameter; there are {', '.join(sorted(known)) or 'none'}")
                )
            elif name in found:
                wrong.append(InvalidParam(pointer, "given twice; values of a list are separated by commas"))
            elif not value:
                wrong.append(InvalidParam(pointer, "has no value"))
            found[name] = value
        if wrong:
            raise MalformedRequest("a parameter of the URL is wrong", wrong)
        return found

    def first_value(self, name: str) -> str | None:
        """Return the first value of a parameter of the query; None when there is none, or the query is broken."""
        raw = self._scope["query_string"]
        if name.encode() not in raw:
            return None
        with contextlib.suppress(ValueError):
            pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
            return next((value for key, value in pairs if key == name), None)
        return None

    @property
    def has_body(self) -> bool:
        """Whether there is a body to be read."""
        return self.has_unread_body or self._kept_body is not None

    async def keep_body(self, limit: int) -> bytes:
        """Read the whole body, and keep it for the one `read_body` that follows. Raises: as `read_body`."""
        self._kept_body = await self.read_body(limit)
        return self._kept_body

    async def read_body(self, limit: int, what: str = "the body") -> bytes:
        """Read the whole body.

        Args:
            limit: bytes it may have.
            what: how to call it in an error.

        Raises:
            BodyTooLarge: it is larger.
            CodingRefused: it is compressed.
            MalformedRequest: it stopped coming.
            ClientGone: the client left.
        """
        if self._kept_body is not None:
            kept, self._kept_body = self._kept_body, None
            return kept
        pieces: list[bytes] = []
        await self.feed_body(pieces.append, limit, what)
        return b"".join(pieces)

    async def feed_body(self, take: Callable[[bytes], object], limit: int, what: str = "the body") -> None:
        """Read the whole body, and hand it on as it arrives.

        Args:
            take: called with each piece; what it raises ends the reading.
            limit: bytes it may have.
            what: how to call it in an error.

        Raises:
            BodyTooLarge, CodingRefused, MalformedRequest, ClientGone: as `read_body`.
        """
        coding = self.headers.get("content-encoding", "identity")
        if self.has_unread_body and coding.strip().lower() not in ("", "identity"):
            raise CodingRefused(coding[:100])
        announced = self.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            raise BodyTooLarge(what, limit)
        size = 0
        began = trio.current_time()
        while self.has_unread_body:
            piece = await self._next_chunk()
            size += len(piece)
            if size > limit:
                raise BodyTooLarge(what, limit)
            if trio.current_time() > began + BODY_STALL_SECONDS + size / BODY_SLOWEST_BPS:
                raise MalformedRequest(f"the body came more slowly than {BODY_SLOWEST_BPS} B/s")
            take(piece)

    async def discard_body(self, limit: int) -> None:
        """Read on, about `limit` bytes at most, and keep nothing: a client that still sends must hear the answer."""
        size = 0
        while self.has_unread_body and size < limit:
            size += len(await self._next_chunk())

    async def wait_gone(self) -> None:
        """Return when the client leaves, or has the whole answer."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return

    async def leave_with(self, scope: trio.CancelScope) -> None:
        """Cancel a scope when the client leaves."""
        await self.wait_gone()
        scope.cancel()

    async def _next_chunk(self) -> bytes:
        with trio.move_on_after(BODY_STALL_SECONDS) as patience:
            message = await self._receive()
        if patience.cancelled_caught:
            self.has_unread_body, self.has_stopped = False, True
            raise MalformedRequest(f"the body stopped coming for {BODY_STALL_SECONDS:g} s")
        if message["type"] != "http.request":
            self.has_unread_body = False
            raise ClientGone
        self.has_unread_body = message.get("more_body", False)
        return message.get("body", b"")


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer.

    Attributes:
        status: the HTTP status.
        body: what it says.
        content_type: the media type of the body.
        headers: further header fields, names in lower case.
        is_secret: whether it shows a secret: then it is neither kept nor compressed.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    is_secret: bool = False


Send: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Sends a piece of a streamed answer; waits while the client does not take it."""


@dataclass(frozen=True, slots=True)
class StreamReply:
    """An answer of status 200 that goes on until `produce` returns or the client leaves."""

    produce: Callable[[Send], Awaitable[None]]
    content_type: str


Answer: TypeAlias = Reply | StreamReply


def json_reply(
    document: Any, status: int = 200, headers: Mapping[str, str] | None = None, *, is_secret: bool = False
) -> Reply:
    """Answer with a JSON document. `is_secret` as in `Reply`."""
    return Reply(status, orjson.dumps(document), headers=headers or {}, is_secret=is_secret)


def escape(token: str) -> str:
    """Write a name as one token of a JSON Pointer (RFC 6901)."""
    return token.replace("~", "~0").replace("/", "~1")


def unescape(token: str) -> str:
    """Read one token of a JSON Pointer."""
    return token.replace("~1", "/").replace("~0", "~")
