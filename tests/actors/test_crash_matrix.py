"""The crash matrix: an actor that is idle, in a request, starting or stopping, and three ways to fail.

In every cell: whoever waits for a reply is told at once, the others live on, and the actor comes back fresh or, when
it was stopping anyway, the stop goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import outcome
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import (
    Actor,
    ActorDown,
    ActorRef,
    ChildSpec,
    Handled,
    Health,
    HealthState,
    StartFailed,
    Supervisor,
    TaskCancelled,
    answer,
    later,
)
from actors.testing import Note, Probe, Question


class Boom(Exception):
    """A defect."""


async def raise_error() -> None:
    raise Boom("a")


async def raise_group() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(raise_error)
        raise Boom("b")


async def cancel_own_task() -> None:
    """Cancel the innermost scope the actor's runtime has around this task."""
    task = trio.lowlevel.current_task()
    nursery = task.child_nurseries[-1] if task.child_nurseries else task.parent_nursery
    assert nursery is not None
    nursery.cancel_scope.cancel()
    await trio.lowlevel.checkpoint()


@dataclass(frozen=True)
class Failure:
    """A way to fail and what is reported of it."""

    strike: Callable[[], Any]
    cause: type[BaseException]
    reason: str


FAILURES = {
    "handler raises": Failure(raise_error, Boom, "Boom: a"),
    "task cancelled": Failure(cancel_own_task, TaskCancelled, "TaskCancelled: worker was cancelled from within"),
    "exception group": Failure(raise_group, ExceptionGroup, "Boom: b; Boom: a"),
}


@pytest.fixture(params=list(FAILURES))
def failure(request: pytest.FixtureRequest) -> Failure:
    return FAILURES[request.param]


@dataclass
class Plan:
    """When the saboteur strikes, shared by its generations."""

    failure: Failure
    starts_to_strike: set[int] = field(default_factory=set)
    strike_idle: bool = False
    strike_at_stop: bool = False
    trigger: trio.Event = field(default_factory=trio.Event)
    stopped: list[int] = field(default_factory=list)


class Saboteur(Actor[Any]):
    """Fails by plan in a background task, a handler, a later reply, its start or its stop."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    async def on_start(self) -> None:
        if self.context.generation in self.plan.starts_to_strike:
            await self.plan.failure.strike()
        if self.plan.strike_idle and self.context.generation == 1:
            self.context.spawn(self.wait_and_strike)

    async def wait_and_strike(self) -> None:
        await self.plan.trigger.wait()
        await self.plan.failure.strike()

    async def handle(self, message: Any) -> Handled:
        match message.value:
            case "strike":
                await self.wait_and_strike()
            case "strike later":
                return later(message, self.wait_and_strike)
            case "open":
                return later(message, trio.sleep_forever)
        return answer(message, message.value)

    async def on_stop(self) -> None:
        self.plan.stopped.append(self.context.generation)
        if self.plan.strike_at_stop:
            await self.plan.failure.strike()


class Stage:
    """A saboteur between two healthy neighbours, under one supervisor."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.ref: ActorRef[Any] = ActorRef("worker")
        self.before, self.after = Probe(), Probe()
        self.crashes: list[tuple[str, int, BaseException]] = []
        self.restarts: list[tuple[str, int, BaseException]] = []
        self.health = Health()
        self.results: dict[str, outcome.Outcome[Any]] = {}
        self.supervisor = Supervisor(
            [
                ChildSpec(ActorRef("before"), lambda: self.before),
                ChildSpec(self.ref, lambda: Saboteur(plan)),
                ChildSpec(ActorRef("after"), lambda: self.after),
            ],
            health=self.health,
            on_crash=lambda *crash: self.crashes.append(crash),
            on_restart=lambda *restart: self.restarts.append(restart),
            random=lambda: 0.5,
        )

    async def ask(self, value: str) -> None:
        """Ask in a task of its own and keep the outcome."""
        self.results[value] = await outcome.acapture(self.ref.ask, Question(value), within=100)

    def expect_down(self, *values: str) -> None:
        for value in values:
            result = self.results[value]
            assert isinstance(result, outcome.Error)
            assert isinstance(result.error, ActorDown)
            assert result.error.reason == self.plan.failure.reason

    def expect_crash(self, generation: int) -> None:
        (name, crashed, cause) = self.crashes[-1]
        assert (name, crashed) == ("worker", generation)
        assert type(cause) is self.plan.failure.cause

    async def expect_back(self, generation: int) -> None:
        """The actor is back after its backoff, fresh; its neighbours have not noticed."""
        await trio.sleep(5)
        assert await self.ref.ask(Question("alive"), within=1) == "alive"
        assert self.ref.generation == generation
        assert self.ref.statistics().in_flight == 0
        assert self.restarts[-1][:2] == ("worker", generation)
        assert self.health.overall() is HealthState.UP
        assert self.before.moments == self.after.moments == ["start"]

    def expect_orderly_end(self) -> None:
        assert self.before.moments == self.after.moments == ["start", "stop"]


async def test_idle(failure: Failure, autojump_clock: MockClock) -> None:
    stage = Stage(Plan(failure, strike_idle=True))
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.supervisor.run)
        stage.plan.trigger.set()
        await wait_all_tasks_blocked()
        stage.expect_crash(1)
        assert stage.health.snapshot()["worker"].state is HealthState.DOWN
        assert stage.health.snapshot()["worker"].reason == failure.reason
        await stage.expect_back(2)
        stage.supervisor.stop()
    assert stage.plan.stopped == [2]
    stage.expect_orderly_end()


@pytest.mark.parametrize("how", ["strike", "strike later"])
async def test_mid_request(failure: Failure, how: str, autojump_clock: MockClock) -> None:
    """In hand, in flight and queued: every unanswered request fails in the moment of the crash."""
    stage = Stage(Plan(failure))
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.supervisor.run)
        for value in ("open", how, "queued"):
            nursery.start_soon(stage.ask, value)
            await wait_all_tasks_blocked()
        at = trio.current_time()
        stage.plan.trigger.set()
        await wait_all_tasks_blocked()
        assert trio.current_time() == at
        stage.expect_down("open", how, *(["queued"] if how == "strike" else []))
        stage.expect_crash(1)
        await stage.expect_back(2)
        stage.supervisor.stop()
    stage.expect_orderly_end()


async def test_starting_for_the_first_time(failure: Failure, autojump_clock: MockClock) -> None:
    """The whole does not come up: what had started is stopped, what had not never starts."""
    stage = Stage(Plan(failure, starts_to_strike={1}))
    with pytest.raises(StartFailed) as caught:
        await stage.supervisor.run()
    assert caught.value.actor == "worker"
    assert caught.value.reason == failure.reason
    assert type(caught.value.__cause__) is failure.cause
    assert stage.before.moments == ["start", "stop"]
    assert stage.after.moments == []
    assert stage.plan.stopped == []


async def test_starting_again(failure: Failure, autojump_clock: MockClock) -> None:
    """A failing start counts as one more crash; who asked meanwhile is told at once."""
    stage = Stage(Plan(failure, starts_to_strike={2}))
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.supervisor.run)
        stage.supervisor.crash("worker", Boom("first"))
        await wait_all_tasks_blocked()
        await trio.sleep(0.3)
        stage.expect_crash(2)
        await stage.expect_back(3)
        stage.supervisor.stop()
    assert stage.supervisor.children[1].restarts == 2
    stage.expect_orderly_end()


async def test_stopping(failure: Failure, autojump_clock: MockClock) -> None:
    """The stop goes on; the failure is kept and reported."""
    stage = Stage(Plan(failure, strike_at_stop=True))
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.supervisor.run)
        stage.supervisor.stop()
    stage.expect_crash(1)
    assert stage.supervisor.children[1].fault == failure.reason
    assert stage.health.snapshot()["worker"].reason == failure.reason
    assert stage.restarts == []
    stage.expect_orderly_end()


@pytest.mark.parametrize("moment", ["idle", "mid-request", "starting", "stopping"])
async def test_cancelled_from_outside(moment: str, autojump_clock: MockClock) -> None:
    """Outer cancellation reaches the supervisor only and becomes the orderly stop."""
    plan = Plan(FAILURES["handler raises"])
    stage = Stage(plan)
    if moment == "starting":
        gate: list[trio.Event] = []

        async def hang() -> None:
            gate.append(trio.Event())
            await gate[0].wait()

        plan.failure = Failure(hang, Boom, "")
        plan.starts_to_strike = {1}
    async with trio.open_nursery() as outer:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stage.supervisor.run)
                await wait_all_tasks_blocked()
                if moment == "mid-request":
                    outer.start_soon(stage.ask, "open")
                    await wait_all_tasks_blocked()
                if moment == "stopping":
                    stage.supervisor.stop()
                scope.cancel()
        assert scope.cancelled_caught
    if moment == "mid-request":
        assert isinstance(stage.results["open"], outcome.Error)
        assert isinstance(stage.results["open"].error, ActorDown)
    assert plan.stopped == ([] if moment == "starting" else [1])
    assert stage.before.moments == ["start", "stop"]
    assert stage.crashes == []


async def test_note_in_hand_at_the_crash_is_not_handled_again(autojump_clock: MockClock) -> None:
    """A message that kills its actor must not kill the next generation too."""
    stage = Stage(Plan(FAILURES["handler raises"]))
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.supervisor.run)
        await stage.ref.tell(Note("strike"))
        stage.plan.trigger.set()
        await wait_all_tasks_blocked()
        assert len(stage.crashes) == 1
        await trio.sleep(5)
        assert len(stage.crashes) == 1
        assert stage.ref.generation == 2
        stage.supervisor.stop()
