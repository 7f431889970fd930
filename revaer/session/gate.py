"""The way to the engine: every call has a deadline, and its errors are said in the session's words."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import trio

from actors import Reporter
from revaer.session.messages import ActionRefused, SessionUnavailable
from revaer.session.port import AnswerLost, EngineClosed, EngineError
from revaer.tracing import span

R = TypeVar("R")


class EngineGate:
    """Watches over calls to the engine.

    Args:
        health: where a silent engine is reported.
        within: seconds a call may take by default.
    """

    def __init__(self, health: Reporter, *, within: float) -> None:
        self._health = health
        self._within = within
        self._is_silent = False

    async def call(self, work: Awaitable[R], *, within: float | None = None) -> R:
        """Await an engine call.

        Args:
            work: the call.
            within: seconds it may take; `inf` for those that take as long as the disk needs.

        Raises:
            ActionRefused: the engine refused; the message is its own.
            SessionUnavailable: it did not answer in time, its answer was lost, or it is closing.
        """
        limit = self._within if within is None else within
        with trio.move_on_after(limit) as scope:
            try:
                with span(f"engine.{getattr(work, '__name__', 'call')}"):
                    result = await work
            except EngineClosed as error:
                raise SessionUnavailable("the session is stopping") from error
            except AnswerLost as error:
                raise SessionUnavailable(str(error)) from error
            except EngineError as error:
                self.answered()
                raise ActionRefused(str(error)) from error
            self.answered()
            return result
        assert scope.cancelled_caught
        self.silent(limit)
        raise SessionUnavailable(f"the engine did not answer within {limit:g} s")

    def silent(self, seconds: float) -> None:
        """Note that the engine has not answered for `seconds`."""
        self._is_silent = True
        self._health.degraded(f"the engine did not answer within {seconds:g} s")

    def answered(self) -> None:
        """Note that the engine answers."""
        if self._is_silent:
            self._is_silent = False
            self._health.up()
