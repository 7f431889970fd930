"""The tools for testing actors, tested."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import ActorDown, ActorRef, ChildSpec, Health, HealthState, StartFailed, later
from actors.testing import CrashInjector, Fault, Note, Probe, Question, run_seeds, running


async def test_probe_records_messages_and_moments() -> None:
    probe, ref = Probe(), ActorRef[Any]("probe")
    async with running(ChildSpec(ref, lambda: probe)):
        await ref.tell(Note(1))
        assert await ref.ask(Question(2), within=1) is None
    assert probe.received == [Note(1), Question(2)]
    assert probe.moments == ["start", "handle", "handle", "stop"]


async def test_probe_waits_for_messages() -> None:
    probe, ref = Probe(), ActorRef[Any]("probe")
    async with running(ChildSpec(ref, lambda: probe)), trio.open_nursery() as nursery:

        async def wait() -> None:
            assert await probe.wait_for(2) == [Note(1), Note(2)]

        nursery.start_soon(wait)
        for value in (1, 2):
            await wait_all_tasks_blocked()
            await ref.tell(Note(value))


async def test_probe_follows_its_script() -> None:
    async def slow() -> str:
        await trio.lowlevel.checkpoint()
        return "slow"

    async def late() -> str:
        return "late"

    script: dict[str, Callable[[Any], Any]] = {
        "slow": lambda _: slow(),
        "late": lambda message: later(message, late),
        "now": lambda _: "now",
    }
    probe, ref = Probe(lambda message: script[message.value](message)), ActorRef[Any]("probe")
    async with running(ChildSpec(ref, lambda: probe)):
        assert [await ref.ask(Question(name), within=1) for name in ("now", "slow", "late")] == [
            "now",
            "slow",
            "late",
        ]


@pytest.mark.parametrize("nth", [1, 3])
async def test_injector_crashes_the_nth_message(nth: int, autojump_clock: MockClock) -> None:
    ref: ActorRef[Any] = ActorRef("probe")
    injector = CrashInjector(Probe, Fault(ValueError("boom"), nth=nth))
    async with running(ChildSpec(ref, injector)):
        for _ in range(nth - 1):
            await ref.ask(Question(), within=1)
        with pytest.raises(ActorDown, match="ValueError: boom"):
            await ref.ask(Question(), within=1)
        await trio.sleep(1)
        assert await ref.ask(Question(), within=1) is None
    assert injector.calls == {"start": 2, "handle": nth + 1, "stop": 1}


async def test_injector_crashes_the_start() -> None:
    injector = CrashInjector(Probe, Fault(ValueError("boom"), at="start"))
    with pytest.raises(StartFailed, match="boom"):
        async with running(ChildSpec(ActorRef("probe"), injector)):
            raise AssertionError("not reached")


async def test_injector_crashes_the_stop() -> None:
    injector = CrashInjector(Probe, Fault(ValueError("boom"), at="stop"))
    async with running(ChildSpec(ActorRef("probe"), injector)) as supervisor:
        pass
    assert supervisor.children[0].fault == "ValueError: boom"


async def test_runner_reports_to_the_given_health() -> None:
    health = Health()
    async with running(ChildSpec(ActorRef("probe"), Probe), health=health):
        assert health.snapshot()["probe"].state is HealthState.UP
    assert health.snapshot()["probe"].reason == "stopped"


async def test_error_in_the_block_leaves_the_runner_as_itself() -> None:
    probe = Probe()
    with pytest.raises(LookupError):
        async with running(ChildSpec(ActorRef("probe"), lambda: probe)):
            raise LookupError
    assert probe.moments == ["start", "stop"]


async def test_cancellation_passes_the_runner() -> None:
    probe = Probe()
    with trio.CancelScope() as scope:
        async with running(ChildSpec(ActorRef("probe"), lambda: probe)):
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert probe.moments == ["start", "stop"]


async def race() -> str:
    order: list[str] = []

    async def note(name: str) -> None:
        order.append(name)

    async with trio.open_nursery() as nursery:
        for name in "abcdefgh":
            nursery.start_soon(note, name)
    return "".join(order)


def test_one_seed_is_one_order_and_many_seeds_are_many() -> None:
    orders: list[str] = []

    async def test() -> None:
        orders.append(await race())

    run_seeds(test, [*range(20), *range(20)])
    assert orders[:20] == orders[20:]
    assert len(set(orders)) > 10


def test_failure_carries_its_seed() -> None:
    async def test() -> None:
        if await race() != "abcdefgh":
            raise LookupError

    with pytest.raises(LookupError) as caught:
        run_seeds(test, range(100))
    assert caught.value.__notes__[0].startswith("scheduling seed ")


def test_each_seed_has_its_clock() -> None:
    times: list[float] = []

    async def test() -> None:
        await trio.sleep(5)
        times.append(trio.current_time())

    run_seeds(test, range(2), clock=lambda: MockClock(autojump_threshold=0))
    assert times == [5.0, 5.0]
