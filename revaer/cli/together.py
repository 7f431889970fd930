"""Several things at once, until the first of them ends. Errors come out as they are, not in groups."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

Work: TypeAlias = Callable[[], Awaitable[object]]


async def until_first(*works: Work) -> None:
    """Run some work side by side; when the first ends, the others are cancelled.

    Raises:
        Exception: what the first that failed raised.
        KeyboardInterrupt: Ctrl-C.
    """
    failed: list[Exception] = []

    async def run(work: Work, nursery: trio.Nursery) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 (it is raised below, outside of the nursery)
            failed.append(error)
        nursery.cancel_scope.cancel()

    try:
        async with trio.open_nursery() as nursery:
            for work in works:
                nursery.start_soon(run, work, nursery)
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is not None:
            raise KeyboardInterrupt from None
        raise
    if failed:
        raise failed[0]
