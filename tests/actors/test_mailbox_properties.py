"""Properties of the mailbox: any interleaving of senders, askers, an actor, time and crashes.

A run is a drawn list of operations, played in one `trio.run` under a clock that only the operations move.
"""

from typing import Any

import outcome
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import ActorDown, ActorError, ActorRef, MailboxFull, Refused, RequestExpired
from actors.envelope import Envelope
from actors.testing import Note, Question

Operation = tuple[str, Any]

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("burst"), st.integers(2, 6)),
        st.tuples(st.just("drain"), st.integers(2, 6)),
        st.tuples(st.just("try_tell"), st.none()),
        st.tuples(st.just("tell"), st.sampled_from([0.0, 0.5, 5.0])),
        st.tuples(st.just("ask"), st.tuples(st.sampled_from([0.0, 0.5, 3.0, 50.0]), st.sampled_from([0.0, 1.0]))),
        st.tuples(st.just("cancel"), st.integers(0, 20)),
        st.tuples(st.just("nudge"), st.sampled_from(["first", "second"])),
        st.tuples(st.just("take"), st.none()),
        st.tuples(st.just("finish"), st.tuples(st.integers(0, 5), st.sampled_from(["answer", "refuse"]))),
        st.tuples(st.just("wait"), st.sampled_from([0.3, 1.0, 4.0])),
        st.tuples(st.just("close"), st.none()),
        st.tuples(st.just("crash"), st.none()),
    ),
    min_size=5,
    max_size=60,
)


class Tick:
    """A tick of one kind."""

    def __init__(self, number: int) -> None:
        self.number = number


class OtherTick(Tick):
    """A tick of another kind."""


class Game:
    """Plays operations on one mailbox and keeps the books beside it."""

    def __init__(self, capacity: int, clock: MockClock, nursery: trio.Nursery) -> None:
        self.ref: ActorRef[Any] = ActorRef("worker", capacity=capacity)
        self.box = self.ref.mailbox
        self.box.open()
        self.clock = clock
        self.nursery = nursery
        self.number = 0
        self.scopes: dict[int, trio.CancelScope] = {}
        self.results: dict[int, outcome.Outcome[Any]] = {}
        self.taken: list[int] = []
        self.begun: list[Envelope] = []
        self.answered: dict[int, str] = {}
        self.pending: dict[type, int] = {}

    async def play(self, operation: Operation) -> None:
        name, argument = operation
        await getattr(self, f"do_{name}")(argument)
        await wait_all_tasks_blocked()
        figures = self.ref.statistics()
        assert figures.depth <= figures.capacity
        assert figures.peak <= figures.capacity
        assert figures.in_flight == len(self.begun)
        assert not self.box._senders or figures.depth == figures.capacity
        assert self.ref.running or figures.depth == 0
        assert not any(envelope.stale for envelope in self.box._queue), "who gave up holds no room"

    def next_number(self) -> int:
        self.number += 1
        return self.number

    async def do_try_tell(self, _: None) -> None:
        figures = self.ref.statistics()
        fits = self.ref.running and figures.depth < figures.capacity
        assert self.ref.try_tell(Note(self.next_number())) == fits

    async def do_tell(self, patience: float) -> None:
        self.start(lambda number: self.ref.tell(Note(number), patience=patience))

    async def do_burst(self, count: int) -> None:
        for _ in range(count):
            await self.do_tell(5.0)
            await wait_all_tasks_blocked()

    async def do_drain(self, count: int) -> None:
        for _ in range(count):
            await self.do_take(None)

    async def do_ask(self, limits: tuple[float, float]) -> None:
        within, patience = limits
        self.start(lambda number: self.ref.ask(Question(number), within=within, patience=patience))

    def start(self, call: Any) -> None:
        number = self.next_number()
        self.scopes[number] = trio.CancelScope()

        async def run() -> None:
            with self.scopes[number]:
                try:
                    self.results[number] = outcome.Value(await call(number))
                except ActorError as error:
                    self.results[number] = outcome.Error(error)

        self.nursery.start_soon(run)

    async def do_cancel(self, index: int) -> None:
        waiting = [number for number in self.scopes if number not in self.results]
        if waiting:
            self.scopes[waiting[index % len(waiting)]].cancel()

    async def do_nudge(self, kind: str) -> None:
        tick = (Tick if kind == "first" else OtherTick)(self.next_number())
        self.ref.nudge(tick)
        if self.ref.running:
            self.pending[type(tick)] = tick.number

    async def do_take(self, _: None) -> None:
        self.box.max_in_flight = len(self.begun) + 1
        with trio.CancelScope() as scope:
            self.nursery.start_soon(self.give_up, scope)
            envelope = await self.box.take()
            if envelope is not None:
                self.note_taken(envelope)

    async def give_up(self, scope: trio.CancelScope) -> None:
        await wait_all_tasks_blocked()
        scope.cancel()

    def note_taken(self, envelope: Envelope) -> None:
        self.begun.append(envelope)
        message = envelope.message
        if isinstance(message, Tick):
            assert self.pending.pop(type(message)) == message.number
            return
        assert isinstance(message, Note | Question)
        self.taken.append(message.value)
        assert message.value not in self.results or isinstance(message, Note)

    async def do_finish(self, what: tuple[int, str]) -> None:
        index, how = what
        if index >= len(self.begun):
            return
        envelope = self.begun.pop(index)
        if isinstance(envelope.message, Question):
            self.answered[envelope.message.value] = how
        reply = outcome.Value("reply") if how == "answer" else outcome.Error(Refused("no"))
        self.box.finish(envelope, reply)

    async def do_wait(self, seconds: float) -> None:
        self.clock.jump(seconds)

    async def do_close(self, _: None) -> None:
        self.box.close("closed")
        self.pending.clear()

    async def do_crash(self, _: None) -> None:
        self.box.fail("crashed")
        self.begun.clear()
        self.pending.clear()
        await wait_all_tasks_blocked()
        self.box.open()

    def check_the_end(self) -> None:
        assert self.taken == sorted(set(self.taken)), "in order, and nothing twice"
        for number, scope in self.scopes.items():
            assert number in self.results or scope.cancelled_caught, "nobody waits any more"
        for number, result in self.results.items():
            if isinstance(result, outcome.Error):
                assert type(result.error) in (ActorDown, MailboxFull, RequestExpired, Refused)
                if type(result.error) is Refused:
                    assert self.answered[number] == "refuse"
            else:
                assert result == outcome.Value("reply" if number in self.answered else None)
                assert self.answered.get(number) != "refuse"
        figures = self.ref.statistics()
        assert (figures.depth, figures.in_flight) == (0, 0)
        assert len(self.taken) <= figures.accepted


async def play(capacity: int, operations: list[Operation], clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        game = Game(capacity, clock, nursery)
        for operation in operations:
            await game.play(operation)
        game.box.fail("over")
        await wait_all_tasks_blocked()
        game.check_the_end()


@settings(deadline=None, max_examples=300)
@given(capacity=st.integers(1, 3), operations=OPERATIONS)
def test_every_sender_is_told_and_order_holds(capacity: int, operations: list[Operation]) -> None:
    clock = MockClock()
    trio.run(play, capacity, operations, clock, clock=clock)
