"""Coming back after a cut: when to try again, what to give up at, and whom to tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import httpx
import trio

from revaer.client.backoff import Backoff
from revaer.client.errors import Problem, Unreachable

STEADY_SECONDS: Final = 5.0
"""A connection that lasted this long starts the waits over."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The connection is lost; the next attempt comes in `retry_in` seconds."""

    reason: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The connection is back."""


Notice: TypeAlias = Interrupted | Resumed


class Comeback:
    """Connects again and again, until it works or waiting cannot help.

    Args:
        connect: makes one attempt.
        backoff: how long to wait between attempts.
        on_notice: is told of cuts and of the return.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[None]],
        backoff: Backoff | None = None,
        on_notice: Callable[[Notice], None] | None = None,
    ) -> None:
        self._connect = connect
        self._backoff = backoff or Backoff()
        self._on_notice = on_notice or (lambda _notice: None)
        self._connected_at = 0.0

    async def first(self) -> None:
        """Connect for the first time. Raises: what the attempt raises."""
        await self._connect()
        self._connected_at = trio.current_time()

    def works(self) -> None:
        """Note that something came: the next wait is the shortest."""
        self._backoff.reset()

    def hint(self, seconds: float) -> None:
        """Take the daemon's word for the first wait."""
        self._backoff.hint(seconds)

    async def again(self, reason: str, *, at_least: float = 0.0) -> None:
        """Connect again after a cut.

        Args:
            reason: what cut it, in words for people.
            at_least: seconds that the daemon asked to wait.

        Raises:
            Problem: the daemon refuses, and waiting would not help.
        """
        if trio.current_time() - self._connected_at > STEADY_SECONDS:
            self._backoff.reset()
        while True:
            wait = self._backoff.next(at_least=at_least)
            self._on_notice(Interrupted(reason, wait))
            await trio.sleep(wait)
            try:
                await self.first()
            except Unreachable as error:
                reason, at_least = error.reason, 0.0
            except Problem as problem:
                if not passes(problem):
                    raise
                reason, at_least = str(problem), problem.retry_after or 0.0
            else:
                self._on_notice(Resumed())
                return


def passes(problem: Problem) -> bool:
    """Tell whether a refusal may be over after a while."""
    return problem.status >= 500 or problem.status == httpx.codes.TOO_MANY_REQUESTS
