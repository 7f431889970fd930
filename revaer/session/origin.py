"""The request that the work at hand is done for: its id goes into the events and log lines that this work causes.

It is carried by the task, as the call stack is. Tasks inherit it from the one that starts them, so background tasks
that serve many requests set it for each piece of work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import structlog

R = TypeVar("R")

_request_id: ContextVar[str | None] = ContextVar("revaer_session_request_id", default=None)


def current_request() -> str | None:
    """Return the id of the request that this task works for; None when it works for none."""
    return _request_id.get()


@contextmanager
def on_behalf_of(request_id: str | None) -> Iterator[None]:
    """Let the work inside the block be done for this request, or with None for no request at all."""
    token = _request_id.set(request_id)
    try:
        if request_id is None:
            structlog.contextvars.unbind_contextvars("request_id")
            yield
        else:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                yield
    finally:
        _request_id.reset(token)


def traced(request_id: str | None, work: Callable[[], Awaitable[R]]) -> Callable[[], Awaitable[R]]:
    """Return `work`, done for this request."""

    async def run() -> R:
        with on_behalf_of(request_id):
            return await work()

    return run
