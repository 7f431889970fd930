"""Coming back after a cut: when to try again, what to give up at, and whom to tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Generic, Self, TypeAlias, TypeVar

import httpx
import trio

from revaer.client.backoff import Backoff
from revaer.client.errors import Problem, Unreachable

T = TypeVar("T")
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


@dataclass(frozen=True, slots=True)
class Cut:
    """A connection ended: why, in words for people, and the seconds that the daemon asked to wait."""

    reason: str
    at_least: float = 0.0


class Comeback(ABC, Generic[T]):
    """An asynchronous iterator over a connection that is made again after each cut, until waiting cannot help.

    Entering connects, and raises when that fails. An `anext` that is cancelled, while it waits to connect too, can be
    called again.

    Args:
        backoff: how long to wait between attempts.
        on_notice: is told of cuts and of the return.
    """

    def __init__(self, backoff: Backoff | None = None, on_notice: Callable[[Notice], None] | None = None) -> None:
        self._backoff = backoff or Backoff()
        self._on_notice = on_notice or (lambda _notice: None)
        self._connected_at = 0.0
        self._due: float | None = None
        """When to connect again; `None` while nothing is cut."""

    async def __aenter__(self) -> Self:
        await self._attempt()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """Wait for the next item; connects again when the connection was cut.

        Raises:
            Problem: the daemon refuses, and waiting would not help.
            InvalidAnswer: what came is nothing of this API.
        """
        while True:
            if self._due is not None:
                await self._come_back(self._due)
                if (missed := self._missed()) is not None:
                    return missed
            item = await self._next()
            if not isinstance(item, Cut):
                self._backoff.reset()
                return item
            if trio.current_time() - self._connected_at > STEADY_SECONDS:
                self._backoff.reset()
            self._due = self._plan(item)

    @abstractmethod
    async def _connect(self) -> None:
        """Make one attempt; what it leaves open when it fails is closed by `_close`."""

    @abstractmethod
    async def _close(self) -> None:
        """Close the connection, also one that is half open; without one, do nothing."""

    @abstractmethod
    async def _next(self) -> T | Cut:
        """Wait for the next item of this connection."""

    def _missed(self) -> T | None:
        """Say, right after a return, what the reader must know of the time between."""
        return None

    async def _attempt(self) -> None:
        try:
            await self._connect()
        except BaseException:
            await self._close()
            raise
        self._connected_at = trio.current_time()

    def _plan(self, cut: Cut) -> float:
        """Tell of the wait, and answer when it is over."""
        wait = self._backoff.next(at_least=cut.at_least)
        due = trio.current_time() + wait
        self._on_notice(Interrupted(cut.reason, wait))
        return due

    async def _come_back(self, due: float) -> None:
        await self._close()
        while True:
            await trio.sleep_until(due)
            try:
                await self._attempt()
            except Unreachable as error:
                cut = Cut(error.reason)
            except Problem as problem:
                if not passes(problem):
                    raise
                cut = Cut(str(problem), problem.retry_after or 0.0)
            else:
                self._on_notice(Resumed())
                self._due = None
                return
            self._due = due = self._plan(cut)


def passes(problem: Problem) -> bool:
    """Tell whether a refusal may be over after a while."""
    return problem.status >= 500 or problem.status == httpx.codes.TOO_MANY_REQUESTS
