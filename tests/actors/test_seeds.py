"""The same scenes under many scheduling orders: what is promised must not hang on who runs first."""

from typing import Any, ClassVar

import outcome
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import (
    Actor,
    ActorDown,
    ActorError,
    ActorRef,
    Bus,
    ChildSpec,
    Handled,
    Health,
    Lagged,
    RestartPolicy,
    Supervisor,
    answer,
    later,
)
from actors.testing import Note, Question, run_seeds

SEEDS = range(60)
PATIENT = RestartPolicy(max_restarts=1_000, backoff_initial=0.01, backoff_max=0.01, jitter=0.0)


def autojump() -> MockClock:
    return MockClock(autojump_threshold=0)


class Busy(Actor[Any]):
    """Answers at once, after a checkpoint, later, or not before it crashes; lists what it began and ended."""

    max_in_flight: ClassVar[int] = 3
    instances: ClassVar[list["Busy"]] = []

    def __init__(self) -> None:
        self.stops = 0
        self.stopped_wrongly = False
        self.crashed = False
        Busy.instances.append(self)

    async def on_start(self) -> None:
        self.context.spawn(self.poll)

    async def poll(self) -> None:
        while True:
            self.context.ref.nudge(Note())
            await trio.sleep(0.001)

    async def handle(self, message: Any) -> Handled:
        match message:
            case Question(number) if number % 4 == 0:
                return later(message, lambda: self.work(number))
            case Question(number) if number % 4 == 1:
                await trio.lowlevel.checkpoint()
                return answer(message, number)
            case Question(number):
                return answer(message, number)
        return None

    async def work(self, number: int) -> int:
        await trio.sleep(0.002)
        if number % 16 == 12:
            self.crashed = True
            raise ValueError(number)
        return number

    async def on_stop(self) -> None:
        self.stops += 1
        self.stopped_wrongly = self.crashed or self.context.ref.statistics().in_flight > 0


async def ask(ref: ActorRef[Any], number: int, results: dict[int, outcome.Outcome[int]]) -> None:
    try:
        results[number] = outcome.Value(await ref.ask(Question(number), within=5, patience=1))
    except ActorError as error:
        results[number] = outcome.Error(error)


async def crash_and_stop_under_load() -> None:
    """Forty askers, a poller, crashes in between and a stop in the middle: everyone is told the truth."""
    Busy.instances.clear()
    ref: ActorRef[Any] = ActorRef("busy", capacity=8)
    supervisor = Supervisor([ChildSpec(ref, Busy, restart=PATIENT)], health=Health())
    results: dict[int, outcome.Outcome[int]] = {}
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        for number in range(40):
            nursery.start_soon(ask, ref, number, results)
            if number % 10 == 9:
                await trio.sleep(0.005)
        supervisor.stop()
    assert sorted(results) == list(range(40))
    for number, result in results.items():
        if isinstance(result, outcome.Error):
            assert isinstance(result.error, ActorDown)
            assert result.error.reason.startswith(("ValueError: ", "stop"))
        else:
            assert result == outcome.Value(number)
    assert (ref.statistics().depth, ref.statistics().in_flight) == (0, 0)
    assert len(Busy.instances) == ref.generation > 1
    assert sum(busy.stops for busy in Busy.instances) <= 1
    assert not any(busy.stopped_wrongly for busy in Busy.instances)


def test_everyone_is_told_when_an_actor_crashes_and_stops_under_load() -> None:
    run_seeds(crash_and_stop_under_load, SEEDS, clock=autojump)


async def crash_and_stop_together() -> None:
    """A later reply crashes in the very moment of the stop."""
    Busy.instances.clear()
    ref: ActorRef[Any] = ActorRef("busy")
    supervisor = Supervisor([ChildSpec(ref, Busy, restart=PATIENT)], health=Health())
    results: dict[int, outcome.Outcome[int]] = {}
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        nursery.start_soon(ask, ref, 12, results)
        await trio.sleep(0.002)
        supervisor.stop()
    assert isinstance(results[12], outcome.Error)
    assert not ref.running
    assert ref.generation in (1, 2)
    assert not any(busy.stopped_wrongly for busy in Busy.instances)


def test_crash_in_the_moment_of_the_stop_ends_orderly_for_the_others() -> None:
    run_seeds(crash_and_stop_together, SEEDS, clock=autojump)


async def cancel_in_any_moment() -> None:
    """Askers are cancelled while others wait for their room."""
    ref: ActorRef[Any] = ActorRef("busy", capacity=2)
    results: dict[int, outcome.Outcome[int]] = {}
    supervisor = Supervisor([ChildSpec(ref, Busy)], health=Health())
    numbers = [number for number in range(48) if number % 16 != 12]
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        async with trio.open_nursery() as askers, trio.open_nursery() as leavers:
            for number in numbers:
                (askers if number % 3 else leavers).start_soon(ask, ref, number, results)
            await trio.sleep(0.003)
            leavers.cancel_scope.cancel()
        await wait_all_tasks_blocked()
        supervisor.stop()
    assert {number for number in numbers if number % 3} <= set(results)
    assert all(results[number] == outcome.Value(number) for number in results)


def test_cancelled_askers_take_nothing_from_the_others() -> None:
    run_seeds(cancel_in_any_moment, SEEDS, clock=autojump)


async def publish_and_read() -> None:
    """Two publishers and three readers, one of them slow: counts always add up."""
    bus: Bus[int] = Bus()
    counts: list[tuple[int, int]] = []

    async def publish() -> None:
        for number in range(50):
            bus.publish(number)
            await trio.lowlevel.checkpoint()

    async def read(capacity: int, pause: float, task_status: trio.TaskStatus[None]) -> None:
        delivered = missed = 0
        with bus.subscribe("reader", capacity=capacity) as subscription:
            task_status.started()
            async for item in subscription:
                if isinstance(item, Lagged):
                    missed += item.missed
                else:
                    delivered += 1
                await trio.sleep(pause)
        counts.append((delivered, missed))

    async with trio.open_nursery() as readers:
        for capacity, pause in ((100, 0.0), (4, 0.0), (2, 0.1)):
            await readers.start(lambda task_status, c=capacity, p=pause: read(c, p, task_status))
        async with trio.open_nursery() as publishers:
            publishers.start_soon(publish)
            publishers.start_soon(publish)
        bus.close()
    assert [delivered + missed for delivered, missed in counts] == [100, 100, 100]


def test_readers_get_or_miss_every_event_and_know_which() -> None:
    run_seeds(publish_and_read, SEEDS, clock=autojump)
