"""The supervisor: ordered start under deadlines, and escalation."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import (
    Actor,
    ActorDown,
    ActorError,
    ActorRef,
    ChildSpec,
    Health,
    HealthState,
    RestartLimit,
    RestartPolicy,
    StartFailed,
    Supervisor,
)
from actors.testing import CrashInjector, Fault, Probe, Question

STEADY = RestartPolicy(max_restarts=3, window=60.0, backoff_initial=0.2, backoff_max=10.0, jitter=0.0)


class Journal:
    """A diary of starts and stops, shared by several actors."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def child(self, name: str, **options: Any) -> ChildSpec:
        return ChildSpec(ActorRef(name), lambda: Diarist(self, name), restart=STEADY, **options)


class Diarist(Actor[Any]):
    """Writes its start and stop into a journal."""

    def __init__(self, journal: Journal, name: str) -> None:
        self.journal = journal
        self.name = name

    async def on_start(self) -> None:
        await trio.lowlevel.checkpoint()
        self.journal.entries.append(f"start {self.name}")

    async def handle(self, message: Any) -> None:
        return None

    async def on_stop(self) -> None:
        await trio.lowlevel.checkpoint()
        self.journal.entries.append(f"stop {self.name}")


class Hanging(Probe):
    """Never gets started."""

    async def on_start(self) -> None:
        await trio.sleep_forever()


def child(factory: Callable[[], Actor[Any]] = Probe, name: str = "worker", **options: Any) -> ChildSpec:
    return ChildSpec(ActorRef(name), factory, restart=options.pop("restart", STEADY), **options)


def failing(*faults: Fault) -> CrashInjector:
    return CrashInjector(Probe, *faults)


# Start.


async def test_children_start_in_order_and_stop_in_reverse(health: Health) -> None:
    journal = Journal()
    supervisor = Supervisor([journal.child(name) for name in "abc"], health=health)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        was_up = supervisor.up
        assert [status.name for status in supervisor.children] == ["a", "b", "c"]
        supervisor.stop()
    assert (was_up, supervisor.up) == (True, False)
    assert journal.entries == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]


async def test_next_child_starts_only_when_the_one_before_is_up(health: Health) -> None:
    gate = trio.Event()

    class Slow(Probe):
        async def on_start(self) -> None:
            await gate.wait()

    first, second = child(Slow, "first"), child(name="second")
    supervisor = Supervisor([first, second], health=health)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await wait_all_tasks_blocked()
        assert (first.ref.generation, second.ref.generation) == (1, 0)
        assert health.snapshot()["first"].state is HealthState.STARTING
        assert health.overall() is HealthState.STARTING
        gate.set()
        await wait_all_tasks_blocked()
        assert second.ref.running
        supervisor.stop()


async def test_child_that_does_not_start_in_time_fails_the_start(health: Health, autojump_clock: MockClock) -> None:
    journal = Journal()
    supervisor = Supervisor([journal.child("a"), child(Hanging, "b", start_within=3)], health=health)
    start = trio.current_time()
    with pytest.raises(StartFailed, match=r"b did not start: .* on_start took more than 3 s") as caught:
        await supervisor.run()
    assert caught.value.actor == "b"
    assert trio.current_time() - start == pytest.approx(3)
    assert journal.entries == ["start a", "stop a"]


async def test_factory_that_fails_fails_the_start(health: Health) -> None:
    def factory() -> Probe:
        raise LookupError("no engine")

    spec = child(factory)
    with pytest.raises(StartFailed, match="worker did not start: LookupError: no engine"):
        await Supervisor([spec], health=health).run()
    assert spec.ref.generation == 1


async def test_failed_first_start_is_no_restart(health: Health) -> None:
    spec = child(failing(Fault(ValueError("boom"), at="start")), restart=RestartPolicy(max_restarts=0))
    with pytest.raises(StartFailed, match="worker did not start: ValueError: boom"):
        await Supervisor([spec], health=health).run()


async def test_start_failure_leaves_a_nursery_start_as_itself(health: Health) -> None:
    supervisor = Supervisor([child(failing(Fault(ValueError("boom"), at="start")))], health=health)
    with pytest.RaisesGroup(StartFailed):
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.run)


async def test_crash_of_a_started_child_does_not_disturb_the_start_of_the_next(
    health: Health, autojump_clock: MockClock
) -> None:
    class Slow(Probe):
        async def on_start(self) -> None:
            supervisor.crash("first", ValueError("boom"))
            await trio.sleep(5)

    supervisor = Supervisor([child(name="first"), child(Slow, "second")], health=health)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        assert [status.generation for status in supervisor.children] == [2, 1]
        supervisor.stop()


async def test_stop_during_the_start_cancels_it_and_stops_the_started(
    health: Health, autojump_clock: MockClock
) -> None:
    journal = Journal()
    supervisor = Supervisor([journal.child("a"), child(Hanging, "b"), journal.child("c")], health=health)

    async def stop() -> None:
        await trio.sleep(1)
        supervisor.stop()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop)
        await nursery.start(supervisor.run)
        assert not supervisor.up
    assert journal.entries == ["start a", "stop a"]
    assert trio.current_time() == pytest.approx(1)


async def test_stop_before_the_run_starts_nothing(health: Health) -> None:
    journal = Journal()
    supervisor = Supervisor([journal.child("a")], health=health)
    supervisor.stop()
    await supervisor.run()
    assert journal.entries == []


async def test_supervisor_runs_once(health: Health) -> None:
    supervisor = Supervisor([], health=health)
    supervisor.stop()
    await supervisor.run()
    with pytest.raises(ActorError, match="root has run already"):
        await supervisor.run()


def test_two_children_of_one_name_are_refused(health: Health) -> None:
    with pytest.raises(ValueError, match="root has two children called worker"):
        Supervisor([child(), child()], health=health)


# Escalation.


async def test_too_many_crashes_stop_the_whole(health: Health, autojump_clock: MockClock) -> None:
    journal = Journal()
    spec = child(failing(Fault(ValueError("boom"), at="start", nth=2, times=9)), "worker")
    supervisor = Supervisor([journal.child("a"), spec, journal.child("c")], health=health)

    async def crash() -> None:
        await trio.sleep(1)
        supervisor.crash("worker", ValueError("first"))

    with pytest.RaisesGroup(RestartLimit) as caught:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crash)
            await supervisor.run()
    limit = caught.value.exceptions[0]
    assert isinstance(limit, RestartLimit)
    assert (limit.actor, limit.reason) == ("worker", "ValueError: boom")
    assert isinstance(limit.__cause__, ValueError)
    assert supervisor.children[1].restarts == 3
    assert journal.entries == ["start a", "start c", "stop c", "stop a"]


async def test_limit_reached_while_another_child_starts_ends_the_start(
    health: Health, autojump_clock: MockClock
) -> None:
    class Slow(Probe):
        async def on_start(self) -> None:
            supervisor.crash("first", ValueError("boom"))
            await trio.sleep(10)

    first = child(name="first", restart=RestartPolicy(max_restarts=0))
    supervisor = Supervisor([first, child(Slow, "second")], health=health)
    with pytest.raises(RestartLimit):
        await supervisor.run()
    assert trio.current_time() < 1


async def test_first_of_two_given_up_children_is_reported(health: Health, autojump_clock: MockClock) -> None:
    class SlowToStop(Probe):
        async def on_stop(self) -> None:
            supervisor.crash("a", ValueError("boom"))
            await trio.sleep(1)

    policy = RestartPolicy(max_restarts=0)
    a, b = child(name="a", restart=policy), child(name="b", restart=policy)
    supervisor = Supervisor([a, child(SlowToStop), b], health=health)
    with pytest.RaisesGroup(pytest.RaisesExc(RestartLimit, match="b reached its restart limit")):
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.run)
            supervisor.crash("b", ValueError("boom"))
    assert supervisor.children[0].fault == "ValueError: boom"


async def test_exit_request_in_a_child_is_not_restarted_but_ends_the_whole(health: Health) -> None:
    journal = Journal()
    spec = child(failing(Fault(SystemExit(3))))
    supervisor = Supervisor([journal.child("a"), spec], health=health)
    with pytest.RaisesGroup(SystemExit):
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.run)
            with pytest.raises(ActorDown):
                await spec.ref.ask(Question(), within=1)
    assert journal.entries == ["start a", "stop a"]


async def test_observer_that_raises_ends_the_whole_orderly(health: Health) -> None:
    def observe(*_: object) -> None:
        raise LookupError("observer")

    journal = Journal()
    supervisor = Supervisor([journal.child("a"), child()], health=health, on_crash=observe)
    with pytest.RaisesGroup(LookupError):
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.run)
            supervisor.crash("worker", ValueError("boom"))
    assert journal.entries == ["start a", "stop a"]
