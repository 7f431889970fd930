"""One message on its way through a mailbox, and the asker who waits for its reply."""

import math
from contextvars import copy_context
from typing import Any

import outcome
import trio


class Envelope:
    """A message, its deadline (trio time), its sender's context and, when it was asked, the place its reply goes to.

    A reply is settled once: the first of answer, refusal, actor down and abandonment wins.
    """

    __slots__ = ("_outcome", "_task", "deadline", "message", "sender")

    def __init__(self, message: object, deadline: float = math.inf) -> None:
        self.message = message
        self.deadline = deadline
        self.sender = copy_context()
        self._outcome: outcome.Outcome[Any] | None = None
        self._task: trio.lowlevel.Task | None = None

    @property
    def overdue(self) -> bool:
        """Whether its deadline has passed."""
        return self.deadline <= trio.current_time()

    @property
    def stale(self) -> bool:
        """Whether work on it should not start: nobody waits for the reply, or not for long enough."""
        return self._outcome is not None or self.overdue

    def settle(self, result: outcome.Outcome[Any]) -> None:
        """Hand `result` to the asker; without effect when the reply is settled."""
        if self._outcome is not None:
            return
        self._outcome = result
        if self._task is not None:
            trio.lowlevel.reschedule(self._task, result)
            self._task = None

    def abandon(self) -> None:
        """Note that nobody waits for the reply any more."""
        self.settle(_ABANDONED)

    async def wait(self) -> Any:
        """Wait for the reply and return it, or raise what it holds."""
        if self._outcome is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return self._outcome.unwrap()
        self._task = trio.lowlevel.current_task()
        return await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)

    def _stop_waiting(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


_ABANDONED: outcome.Outcome[Any] = outcome.Value(None)
