"""The request that the work at hand is done for, as `revaer.trail` carries it; and work that is done later for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from revaer.trail import current_request, on_behalf_of

__all__ = ["current_request", "on_behalf_of", "traced"]

R = TypeVar("R")


def traced(request_id: str | None, work: Callable[[], Awaitable[R]]) -> Callable[[], Awaitable[R]]:
    """Return `work`, done for this request; with None for whatever the one who runs it works for."""

    async def run() -> R:
        with on_behalf_of(request_id or current_request()):
            return await work()

    return run
