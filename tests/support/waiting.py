"""Waiting for a condition of another process, with a deadline and a sentence for when it does not come."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

import trio


class NeverCameTrue(AssertionError):
    """A condition did not hold before its deadline."""


async def eventually(
    condition: Callable[[], object | Awaitable[object]],
    what: str | Callable[[], str],
    *,
    within: float = 10.0,
    every: float = 0.02,
) -> None:
    """Ask again and again until `condition` gives something true.

    Args:
        condition: a plain or an async function. What it raises goes through.
        what: what is waited for, told when it does not come; a function is called then.
        within: seconds until that.
        every: seconds between two questions.

    Raises:
        NeverCameTrue: the deadline passed.
    """
    deadline = trio.current_time() + within
    while True:
        answer = condition()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        if trio.current_time() > deadline:
            raise NeverCameTrue(f"not within {within:g} s: {what if isinstance(what, str) else what()}")
        await trio.sleep(every)
