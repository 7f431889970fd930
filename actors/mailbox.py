"""A bounded mailbox that never forgets an asker.

Senders put envelopes in, one actor takes them out. Three things make it more than a queue:

* the ledger: every accepted request is either queued or begun until it is answered, so that a crash or a
  stop can fail all of them at once instead of leaving the askers to their deadlines;
* flags: coalescing ticks, one pending per message type, outside the capacity;
* senders that wait for room wait in line, and a withdrawn request gives its room back at once.

Invariants: senders wait only while the queue is full; a mailbox that is down holds nothing that is queued.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import outcome
import trio

from actors.envelope import Envelope
from actors.errors import ActorDown, MailboxFull


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """The figures of one mailbox.

    Attributes:
        depth: messages queued now (flags not counted).
        peak: the highest depth ever.
        capacity: how many messages fit.
        accepted: messages taken in since the daemon started.
        rejected: messages refused because the mailbox was full.
        expired: requests whose deadline passed before the answer.
        abandoned: requests whose asker was cancelled before the answer.
        in_flight: messages being worked on now: the one in hand and the open `later` replies.
        generation: generation of the actor, 0 before its first start.
        restarts: how often the actor was started again.
    """

    depth: int
    peak: int
    capacity: int
    accepted: int
    rejected: int
    expired: int
    abandoned: int
    in_flight: int
    generation: int
    restarts: int


class Mailbox:
    """The mailbox of one actor; it outlives restarts, emptied between generations.

    Args:
        name: name of the actor, used in errors.
        capacity: how many messages may be queued, at least 1.

    Attributes:
        max_in_flight: how many messages may be begun and unfinished before `take` waits.
    """

    def __init__(self, name: str, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"the mailbox of {name} needs a capacity of at least 1, not {capacity}")
        self.name = name
        self.capacity = capacity
        self.generation = 0
        self.max_in_flight = 1
        self._down: str | None = "not started"
        self._queue: OrderedDict[Envelope, None] = OrderedDict()
        self._flags: dict[type, object] = {}
        self._flag_had_its_turn = False
        self._senders: OrderedDict[Envelope, trio.lowlevel.Task] = OrderedDict()
        self._begun: set[Envelope] = set()
        self._receiver: trio.lowlevel.Task | None = None
        self._peak = 0
        self._accepted = 0
        self._rejected = 0
        self._expired = 0
        self._abandoned = 0

    @property
    def is_open(self) -> bool:
        """Whether messages are accepted."""
        return self._down is None

    def statistics(self) -> MailboxStatistics:
        """Return the figures of this moment."""
        return MailboxStatistics(
            depth=len(self._queue),
            peak=self._peak,
            capacity=self.capacity,
            accepted=self._accepted,
            rejected=self._rejected,
            expired=self._expired,
            abandoned=self._abandoned,
            in_flight=len(self._begun),
            generation=self.generation,
            restarts=max(0, self.generation - 1),
        )

    # The senders' side.

    def offer(self, envelope: Envelope) -> bool:
        """Take `envelope` in when there is room; return whether there was.

        Raises:
            ActorDown: the mailbox is closed.
        """
        if self._down is not None:
            raise ActorDown(self.name, self._down)
        if len(self._queue) >= self.capacity:
            return False
        self._admit(envelope)
        return True

    def reject(self) -> None:
        """Count a message that its sender gave up for want of room."""
        self._rejected += 1

    async def put(self, envelope: Envelope, patience: float) -> None:
        """Take `envelope` in, waiting at most `patience` seconds for room.

        Raises:
            MailboxFull: there was no room in time.
            ActorDown: the mailbox is closed, or closed while waiting.
        """
        if self.offer(envelope):
            return
        with trio.move_on_after(max(0.0, patience)) as scope:
            await self._wait_for_room(envelope)
        if scope.cancelled_caught:
            self._rejected += 1
            raise MailboxFull(self.name, self.capacity)

    def flag(self, message: object) -> None:
        """Keep `message` as the one pending message of its type; without effect when closed."""
        if self._down is None:
            self._flags[type(message)] = message
            self._wake()

    def withdraw(self, envelope: Envelope) -> None:
        """Note that the asker of `envelope` gave up; a queued request leaves the queue."""
        if envelope.overdue:
            self._expired += 1
        else:
            self._abandoned += 1
        envelope.abandon()
        if envelope in self._queue:
            del self._queue[envelope]
            self._admit_waiting()

    # The actor's side.

    async def take(self) -> Envelope | None:
        """Wait for the next message and enter it as begun; None when the mailbox closed.

        Flags come first, but a queued message follows each flag, so that neither starves the other.
        Requests that expired or were abandoned are dropped.
        """
        if self._flags or self._queue:
            await trio.lowlevel.checkpoint()
        while self._down is None:
            envelope = self._next() if len(self._begun) < self.max_in_flight else None
            if envelope is not None:
                self._begun.add(envelope)
                return envelope
            await self._wait_for_message()
        return None

    def finish(self, envelope: Envelope, result: outcome.Outcome[Any]) -> None:
        """Strike `envelope` off the ledger and hand `result` to its asker, if it has one."""
        self._begun.discard(envelope)
        envelope.settle(result)
        if self._queue or self._flags:
            self._wake()

    # Its life.

    def open(self) -> int:
        """Begin a generation and return its number."""
        self.generation += 1
        self._flag_had_its_turn = False
        self._down = None
        return self.generation

    def close(self, reason: str) -> None:
        """Accept nothing more and fail what is queued with `ActorDown(reason)`; begun work goes on."""
        self._down = reason
        queued, self._queue = self._queue, OrderedDict()
        senders, self._senders = self._senders, OrderedDict()
        self._flags.clear()
        for envelope in queued:
            envelope.settle(self._failure(reason))
        for task in senders.values():
            trio.lowlevel.reschedule(task, self._failure(reason))
        self._wake()

    def fail(self, reason: str) -> None:
        """Close and fail every unanswered request with `ActorDown(reason)`, begun ones included."""
        self.close(reason)
        begun, self._begun = self._begun, set()
        for envelope in begun:
            envelope.settle(self._failure(reason))

    def _failure(self, reason: str) -> outcome.Error:
        return outcome.Error(ActorDown(self.name, reason))

    def _admit(self, envelope: Envelope) -> None:
        self._queue[envelope] = None
        self._accepted += 1
        self._peak = max(self._peak, len(self._queue))
        self._wake()

    def _admit_waiting(self) -> None:
        while self._senders and len(self._queue) < self.capacity:
            envelope, task = self._senders.popitem(last=False)
            self._admit(envelope)
            trio.lowlevel.reschedule(task)

    async def _wait_for_room(self, envelope: Envelope) -> None:
        def abort(_: object) -> trio.lowlevel.Abort:
            del self._senders[envelope]
            return trio.lowlevel.Abort.SUCCEEDED

        self._senders[envelope] = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(abort)

    async def _wait_for_message(self) -> None:
        def abort(_: object) -> trio.lowlevel.Abort:
            self._receiver = None
            return trio.lowlevel.Abort.SUCCEEDED

        self._receiver = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(abort)

    def _wake(self) -> None:
        if self._receiver is not None:
            trio.lowlevel.reschedule(self._receiver)
            self._receiver = None

    def _next(self) -> Envelope | None:
        if self._flags and not self._flag_had_its_turn:
            return self._next_flag()
        return self._next_queued() or self._next_flag()

    def _next_flag(self) -> Envelope | None:
        if not self._flags:
            return None
        self._flag_had_its_turn = True
        return Envelope(self._flags.pop(next(iter(self._flags))))

    def _next_queued(self) -> Envelope | None:
        self._flag_had_its_turn = False
        while self._queue:
            envelope, _ = self._queue.popitem(last=False)
            self._admit_waiting()
            if not envelope.stale:
                return envelope
        return None
