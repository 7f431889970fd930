"""Restarts: backoff, fresh instances, and what health tells of them."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import (
    Actor,
    ActorDown,
    ActorRef,
    ChildSpec,
    Health,
    HealthState,
    RestartPolicy,
    StartFailed,
    Supervisor,
    Transition,
)
from actors.testing import Probe, Question

STEADY = RestartPolicy(max_restarts=3, window=60.0, backoff_initial=0.2, backoff_max=10.0, jitter=0.0)


def child(factory: Callable[[], Actor[Any]] = Probe, name: str = "worker", **options: Any) -> ChildSpec:
    return ChildSpec(ActorRef(name), factory, restart=options.pop("restart", STEADY), **options)


async def test_restarts_wait_longer_each_time(health: Health, autojump_clock: MockClock) -> None:
    starts: list[float] = []

    class Timed(Probe):
        async def on_start(self) -> None:
            starts.append(trio.current_time())

    supervisor = Supervisor([child(Timed)], health=health)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        for _ in range(3):
            supervisor.crash("worker", ValueError("boom"))
            await trio.sleep(5)
        supervisor.stop()
    assert [now - begin for begin, now in zip((0.0, 5.0, 10.0), starts[1:], strict=True)] == pytest.approx(
        [0.2, 0.4, 0.8]
    )


async def test_actor_is_down_between_crash_and_restart(health: Health, autojump_clock: MockClock) -> None:
    spec = child()
    supervisor = Supervisor([spec], health=health)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.crash("worker", ValueError("boom"))
        assert not spec.ref.running
        with pytest.raises(ActorDown, match="worker is down: ValueError: boom"):
            await spec.ref.ask(Question(), within=1)
        await trio.sleep(1)
        assert await spec.ref.ask(Question(), within=1) is None
        supervisor.stop()


async def test_restart_is_a_fresh_instance(health: Health, autojump_clock: MockClock) -> None:
    made: list[Probe] = []

    def factory() -> Probe:
        made.append(Probe())
        return made[-1]

    supervisor = Supervisor([child(factory)], health=health)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.crash("worker", ValueError("boom"))
        await trio.sleep(1)
        supervisor.stop()
    assert [probe.moments for probe in made] == [["start"], ["start", "stop"]]
    assert [probe.context.generation for probe in made] == [1, 2]


async def test_start_over_its_deadline_counts_as_a_crash_when_restarting(
    health: Health, autojump_clock: MockClock
) -> None:
    class SlowOnce(Probe):
        async def on_start(self) -> None:
            if self.context.generation == 2:
                await trio.sleep_forever()

    crashes: list[BaseException] = []
    spec = child(SlowOnce, start_within=3)
    supervisor = Supervisor([spec], health=health, on_crash=lambda *crash: crashes.append(crash[2]))
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.crash("worker", ValueError("boom"))
        await trio.sleep(10)
        assert spec.ref.generation == 3
        supervisor.stop()
    assert [type(error) for error in crashes] == [ValueError, StartFailed]


async def test_crash_of_a_child_that_does_not_run_is_without_effect(health: Health, autojump_clock: MockClock) -> None:
    supervisor = Supervisor([child()], health=health)
    supervisor.crash("worker", ValueError("early"))
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.crash("worker", ValueError("one"))
        await wait_all_tasks_blocked()
        supervisor.crash("worker", ValueError("two"))
        await trio.sleep(1)
        assert supervisor.children[0].restarts == 1
        supervisor.stop()


async def test_first_of_two_crashes_is_the_cause(health: Health, autojump_clock: MockClock) -> None:
    supervisor = Supervisor([child()], health=health)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.crash("worker", ValueError("one"))
        supervisor.crash("worker", ValueError("two"))
        await wait_all_tasks_blocked()
        assert supervisor.children[0].fault == "ValueError: one"
        supervisor.stop()


def test_crash_of_an_unknown_child_is_an_error(health: Health) -> None:
    with pytest.raises(KeyError):
        Supervisor([], health=health).crash("nobody", ValueError())


# What is reported.


async def test_health_tells_the_story_of_a_crash(autojump_clock: MockClock) -> None:
    story: list[Transition] = []
    health = Health(on_change=story.append)
    supervisor = Supervisor([child()], health=health)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(health.run)
        await nursery.start(supervisor.run)
        supervisor.crash("worker", ValueError("boom"))
        await trio.sleep(5)
        supervisor.stop()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert [(change.current.value, change.reason, change.generation) for change in story] == [
        ("up", None, 1),
        ("down", "ValueError: boom", 1),
        ("degraded", "restarted after ValueError: boom", 2),
        ("up", None, 2),
        ("down", "stopped", 2),
    ]


async def test_actor_reports_its_own_condition_beside_the_supervisor(autojump_clock: MockClock) -> None:
    class Needy(Probe):
        async def on_start(self) -> None:
            if self.context.generation == 1:
                self.context.health.degraded("no database")

    health = Health()
    supervisor = Supervisor([child(Needy)], health=health)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        assert health.snapshot()["worker"].reason == "no database"
        supervisor.crash("worker", ValueError("boom"))
        await trio.sleep(5)
        assert health.snapshot()["worker"].state is HealthState.UP
        supervisor.stop()


async def test_essential_child_that_is_down_makes_the_whole_down(autojump_clock: MockClock) -> None:
    health = Health()
    supervisor = Supervisor([child(name="a"), child(name="b", essential=True)], health=health)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.crash("a", ValueError("boom"))
        await wait_all_tasks_blocked()
        assert health.overall() is HealthState.DEGRADED
        supervisor.crash("b", ValueError("boom"))
        await wait_all_tasks_blocked()
        assert health.overall() is HealthState.DOWN
        supervisor.stop()


async def test_restart_is_observed_when_the_child_is_up_again(health: Health, autojump_clock: MockClock) -> None:
    restarts: list[tuple[str, int, BaseException]] = []
    error = ValueError("boom")
    supervisor = Supervisor([child()], health=health, on_restart=lambda *args: restarts.append(args))
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.crash("worker", error)
        await wait_all_tasks_blocked()
        assert restarts == []
        await trio.sleep(1)
        supervisor.stop()
    assert restarts == [("worker", 2, error)]
