"""The orderly stop, and everything that may go wrong in it."""

from collections.abc import Awaitable, Callable
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
    RestartLimit,
    RestartPolicy,
    Supervisor,
    later,
)
from actors.testing import Note, Probe, Question


async def nothing() -> None:
    """Stop at once."""


async def hang() -> None:
    await trio.sleep_forever()


async def fail() -> None:
    raise ValueError("disk full")


class Stopper(Actor[Any]):
    """Stops by a script; waits in its handler or in a later reply as long as it is told to."""

    def __init__(self, on_stop: Callable[[], Awaitable[None]] = nothing) -> None:
        self.script = on_stop
        self.stopped_at: float | None = None
        self.handled: list[Any] = []

    async def handle(self, message: Any) -> Handled:
        if isinstance(message, Note):
            self.handled.append(message.value)
            await trio.sleep(message.value)
            return None
        if message.value == "crash":
            return later(message, self.crash_late)
        return later(message, lambda: self.reply_after(message.value))

    async def reply_after(self, seconds: float) -> str:
        await trio.sleep(seconds)
        return "whole"

    async def crash_late(self) -> None:
        await trio.sleep(1)
        raise ValueError("late")

    async def on_stop(self) -> None:
        self.stopped_at = trio.current_time()
        await self.script()


class Stage:
    """One stopper between two neighbours."""

    def __init__(self, stopper: Stopper, stop_within: float = 4.0) -> None:
        self.before, self.stopper, self.after = Probe(), stopper, Probe()
        self.ref: ActorRef[Any] = ActorRef("worker")
        self.health = Health()
        self.result: outcome.Outcome[Any] | None = None
        self.supervisor = Supervisor(
            [
                ChildSpec(ActorRef("before"), lambda: self.before),
                ChildSpec(self.ref, lambda: stopper, stop_within=stop_within),
                ChildSpec(ActorRef("after"), lambda: self.after),
            ],
            health=self.health,
        )

    async def ask(self, value: Any) -> None:
        self.result = await outcome.acapture(self.ref.ask, Question(value), within=100)

    async def run_and_stop(self, *questions: Any, note: float | None = None) -> float:
        """Run, put the work in, stop; return the seconds the stop took."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.supervisor.run)
            if note is not None:
                await self.ref.tell(Note(note))
            for question in questions:
                nursery.start_soon(self.ask, question)
            await wait_all_tasks_blocked()
            start = trio.current_time()
            self.supervisor.stop()
        assert self.before.moments == self.after.moments == ["start", "stop"]
        return trio.current_time() - start

    @property
    def fault(self) -> str | None:
        return self.supervisor.children[1].fault

    def expect_down(self, reason: str) -> None:
        assert isinstance(self.result, outcome.Error)
        assert isinstance(self.result.error, ActorDown)
        assert self.result.error.reason == reason


async def test_stop_of_an_idle_actor_is_immediate(autojump_clock: MockClock) -> None:
    stage = Stage(Stopper())
    assert await stage.run_and_stop() == 0
    assert stage.fault is None
    assert stage.health.snapshot()["worker"].reason == "stopped"


async def test_begun_work_ends_before_on_stop(autojump_clock: MockClock) -> None:
    stage = Stage(Stopper())
    assert await stage.run_and_stop(1.5) == pytest.approx(1.5)
    assert stage.result == outcome.Value("whole")
    assert stage.stopper.stopped_at == pytest.approx(1.5)
    assert stage.fault is None


async def test_message_in_hand_ends_and_queued_ones_are_not_begun(autojump_clock: MockClock) -> None:
    stage = Stage(Stopper())
    assert await stage.run_and_stop("queued", note=1.0) == pytest.approx(1.0)
    assert stage.stopper.handled == [1.0]
    stage.expect_down("stopping")


async def test_work_over_its_share_of_the_budget_is_cancelled_and_on_stop_still_runs(
    autojump_clock: MockClock,
) -> None:
    stage = Stage(Stopper(), stop_within=4)
    assert await stage.run_and_stop(100) == pytest.approx(2)
    stage.expect_down("stopped")
    assert stage.stopper.stopped_at == pytest.approx(2)
    assert stage.fault is None


async def test_asker_of_cut_work_is_told_before_on_stop(autojump_clock: MockClock) -> None:
    told: list[bool] = []

    async def look() -> None:
        await wait_all_tasks_blocked()
        told.append(stage.result is not None)

    stage = Stage(Stopper(look))
    await stage.run_and_stop(100)
    assert told == [True]


async def test_handler_over_its_share_of_the_budget_is_cancelled_and_on_stop_still_runs(
    autojump_clock: MockClock,
) -> None:
    stage = Stage(Stopper(), stop_within=4)
    assert await stage.run_and_stop(note=100) == pytest.approx(2)
    assert stage.stopper.stopped_at == pytest.approx(2)


async def test_on_stop_over_its_budget_is_cancelled_and_the_others_still_stop(
    autojump_clock: MockClock,
) -> None:
    stage = Stage(Stopper(hang), stop_within=4)
    assert await stage.run_and_stop() == pytest.approx(4)
    assert stage.fault == "StopExpired: worker did not stop within 4 s"
    assert stage.health.snapshot()["worker"].reason == stage.fault


async def test_on_stop_that_raises_is_reported_and_the_others_still_stop(autojump_clock: MockClock) -> None:
    stage = Stage(Stopper(fail))
    assert await stage.run_and_stop() == 0
    assert stage.fault == "ValueError: disk full"


async def test_failure_in_the_stop_is_no_reason_to_give_up_the_whole(autojump_clock: MockClock) -> None:
    policy = RestartPolicy(max_restarts=0)
    spec = ChildSpec(ActorRef("worker"), lambda: Stopper(fail), restart=policy)
    supervisor = Supervisor([spec], health=Health())
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.stop()
    assert supervisor.children[0].fault == "ValueError: disk full"


async def test_crash_while_draining_skips_on_stop(autojump_clock: MockClock) -> None:
    """After a crash the state is not to be trusted, so it is not put away either."""
    stage = Stage(Stopper())
    assert await stage.run_and_stop("crash") == pytest.approx(1)
    stage.expect_down("ValueError: late")
    assert stage.stopper.stopped_at is None
    assert stage.fault == "ValueError: late"


async def test_cancellation_during_the_stop_does_not_cut_it_short(autojump_clock: MockClock) -> None:
    async def slow() -> None:
        await trio.sleep(3)

    stage = Stage(Stopper(slow))
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await nursery.start(stage.supervisor.run)
            stage.supervisor.stop()
            await trio.sleep(1)
            scope.cancel()
    assert trio.current_time() == pytest.approx(3)
    assert stage.before.moments == ["start", "stop"]
    assert stage.fault is None


async def test_cancellation_of_the_run_is_raised_again_after_the_stop(autojump_clock: MockClock) -> None:
    stage = Stage(Stopper())
    with trio.move_on_after(1) as scope:
        await stage.supervisor.run()
    assert scope.cancelled_caught
    assert stage.before.moments == stage.after.moments == ["start", "stop"]


async def test_giving_up_is_reported_even_when_cancelled_during_the_stop(autojump_clock: MockClock) -> None:
    async def slow() -> None:
        await trio.sleep(3)

    supervisor = Supervisor(
        [
            ChildSpec(ActorRef("slow"), lambda: Stopper(slow)),
            ChildSpec(ActorRef("worker"), Probe, restart=RestartPolicy(max_restarts=0)),
        ],
        health=Health(),
    )
    with pytest.RaisesGroup(RestartLimit):
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.run)
            supervisor.crash("worker", ValueError("boom"))
            await trio.sleep(1)
            nursery.cancel_scope.cancel()
    assert trio.current_time() == pytest.approx(3)


async def test_stop_asked_twice_is_one_stop(autojump_clock: MockClock) -> None:
    async def slow() -> None:
        await trio.sleep(3)

    stage = Stage(Stopper(slow))
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.supervisor.run)
        stage.supervisor.stop()
        await trio.sleep(2)
        stage.supervisor.stop()
    assert trio.current_time() == pytest.approx(3)


async def test_child_waiting_for_its_restart_is_not_started_again(autojump_clock: MockClock) -> None:
    made: list[Probe] = []

    def factory() -> Probe:
        made.append(Probe())
        return made[-1]

    policy = RestartPolicy(backoff_initial=10, backoff_max=10, jitter=0)
    supervisor = Supervisor([ChildSpec(ActorRef("worker"), factory, restart=policy)], health=Health())
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.crash("worker", ValueError("boom"))
        await trio.sleep(1)
        supervisor.stop()
    assert trio.current_time() == pytest.approx(1)
    assert len(made) == 1
    assert supervisor.children[0].fault == "ValueError: boom"


async def test_earlier_child_still_serves_and_restarts_while_a_later_one_stops(
    autojump_clock: MockClock,
) -> None:
    """The later child needs the earlier one for its own stop."""
    store: ActorRef[Any] = ActorRef("store")
    replies: list[Any] = []

    class Client(Probe):
        async def on_stop(self) -> None:
            supervisor.crash("store", ValueError("boom"))
            await trio.sleep(1)
            replies.append(await store.ask(Question("flush"), within=1))

    supervisor = Supervisor(
        [
            ChildSpec(store, lambda: Probe(lambda message: message.value)),
            ChildSpec(ActorRef("client"), Client),
        ],
        health=Health(),
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.stop()
    assert replies == ["flush"]
    assert store.generation == 2


async def test_budget_counts_per_child(autojump_clock: MockClock) -> None:
    supervisor = Supervisor(
        [
            ChildSpec(ActorRef(name), lambda: Stopper(hang), stop_within=within)
            for name, within in (("a", 1.0), ("b", 2.0), ("c", 3.0))
        ],
        health=Health(),
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.stop()
    assert trio.current_time() == pytest.approx(6)


async def test_stop_during_the_crash_of_a_child_waits_for_its_end(autojump_clock: MockClock) -> None:
    class SlowToDie(Probe):
        async def on_start(self) -> None:
            self.context.spawn(self.linger)

        async def linger(self) -> None:
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(2)

    supervisor = Supervisor([ChildSpec(ActorRef("worker"), SlowToDie)], health=Health())
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.crash("worker", ValueError("boom"))
        await trio.sleep(1)
        supervisor.stop()
    assert trio.current_time() == pytest.approx(2)
    assert supervisor.children[0].fault == "ValueError: boom"


async def test_stopped_actor_answers_nobody(autojump_clock: MockClock) -> None:
    stage = Stage(Stopper())
    await stage.run_and_stop()
    with pytest.raises(ActorDown, match="worker is down: stopped"):
        await stage.ref.ask(Question(), within=1)


async def test_actor_may_ask_for_the_stop_from_its_own_handler(autojump_clock: MockClock) -> None:
    def script(message: Any) -> str:
        supervisor.stop()
        return "stopping"

    ref: ActorRef[Any] = ActorRef("worker")
    supervisor = Supervisor([ChildSpec(ref, lambda: Probe(script))], health=Health())
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        assert await ref.ask(Question(), within=1) == "stopping"
