"""Calls in traces: each is a span that begins a trace, or goes on with the caller's (W3C trace context)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from revaer.api.call import Answer, Call, StreamReply
from revaer.api.errors import ClientGone
from revaer.tracing import Span, entrance, is_tracing, parse_traceparent

T = TypeVar("T")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def method_of(call: Call) -> str:
    """Return the method of a call as metrics and traces name it: what clients make up is `other`."""
    return call.method if call.method in METHODS else "other"


async def visit(call: Call, answer: Callable[[Call], Awaitable[Answer]]) -> Answer:
    """Answer a call, measured until its answer's head. Neither its query nor its headers go into the trace.

    Raises:
        ClientGone: nobody waits for the answer.
    """
    if not is_tracing():
        return await answer(call)
    with _entrance(call) as span:
        try:
            made = await answer(call)
        except ClientGone as error:
            gone = error
            _tell(span, call, {"revaer.client_gone": True})
        else:
            status = 200 if isinstance(made, StreamReply) else made.status
            _tell(span, call, {"http.response.status_code": status})
            if span is not None and status >= 500:
                span.fail(str(status), f"answered with {status}")
            return made
    raise gone


async def visit_socket(call: Call, admit: Callable[[Call], Awaitable[T]]) -> T:
    """Let a WebSocket in, measured until that. A refusal is raised, and no failure of the trace.

    Raises:
        Exception: why it may not come in.
    """
    if not is_tracing():
        return await admit(call)
    with _entrance(call) as span:
        try:
            made = await admit(call)
        except Exception as error:  # noqa: BLE001  # raised below, when the span has ended
            refusal = error
            _tell(span, call, {"revaer.refused": type(error).__name__})
        else:
            _tell(span, call, {"http.response.status_code": 101})
            return made
    raise refusal


def _entrance(call: Call) -> AbstractContextManager[Span | None]:
    parent = parse_traceparent(call.headers.get("traceparent", ""), call.headers.get("tracestate", ""))
    method = method_of(call)
    return entrance(method, parent=parent, kind="server", attributes={"http.request.method": method})


def _tell(span: Span | None, call: Call, outcome: dict[str, str | int | bool]) -> None:
    if span is not None:
        span.rename(f"{method_of(call)} {call.route}")
        key_id = None if call.principal is None else call.principal.key_id
        span.set({"http.route": call.route, "revaer.key_id": key_id, **outcome})
