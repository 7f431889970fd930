"""What the work at hand is done for: the request of the outside, whose id goes into events, log lines and traces, and
the span that it is a step of.

It is carried by the task, as the call stack is. Tasks inherit it from the one that starts them, and messages between
actors take it along; what serves many requests, such as a queue of jobs, keeps the `Cause` of each and works on its
behalf.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass

import structlog

from revaer.tracing import SpanContext, current_span, inside

_FIELD = "request_id"

_request_id: ContextVar[str | None] = ContextVar("revaer_request_id", default=None)


@dataclass(frozen=True, slots=True)
class Cause:
    """What work is done for.

    Attributes:
        request_id: the id of the request; None when it is done for none.
        span: the span that it is a step of; None when that is not traced.
    """

    request_id: str | None = None
    span: SpanContext | None = None


NO_CAUSE = Cause()


def current_request() -> str | None:
    """Return the id of the request that this task works for; None when it works for none."""
    return _request_id.get()


def request_of(context: Context) -> str | None:
    """Return the id of the request that the task of `context` worked for."""
    return context.get(_request_id)


def current_cause() -> Cause:
    """Return what this task works for, to be given to `caused_by` by who goes on with it."""
    return Cause(_request_id.get(), current_span())


def work_for(request_id: str) -> None:
    """Let this task work for a request from now on."""
    _request_id.set(request_id)
    structlog.contextvars.bind_contextvars(**{_FIELD: request_id})


@contextmanager
def on_behalf_of(request_id: str | None, **fields: str) -> Iterator[None]:
    """Let the work inside the block be done for this request, or with None for no request at all.

    `fields` are added to its log lines too.
    """
    token = _request_id.set(request_id)
    bound = structlog.contextvars.bind_contextvars(**({} if request_id is None else {_FIELD: request_id}), **fields)
    hidden = None if request_id is not None else structlog.contextvars.get_contextvars().get(_FIELD)
    if hidden is not None:
        structlog.contextvars.unbind_contextvars(_FIELD)
    try:
        yield
    finally:
        _request_id.reset(token)
        structlog.contextvars.reset_contextvars(**bound)
        if hidden is not None:
            structlog.contextvars.bind_contextvars(**{_FIELD: hidden})


@contextmanager
def caused_by(cause: Cause) -> Iterator[None]:
    """Let the work inside the block be done for what another task worked for."""
    with on_behalf_of(cause.request_id), inside(cause.span):
        yield
