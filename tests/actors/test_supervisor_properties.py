"""Properties of the supervisor: any mix of failing starts, crashes, hangs and questions.

A run is a drawn plan for some children and a drawn list of operations, played in one `trio.run` under a jumping clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import outcome
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from actors import (
    Actor,
    ActorDown,
    ActorError,
    ActorRef,
    ChildSpec,
    Handled,
    Health,
    HealthState,
    RequestExpired,
    RestartLimit,
    RestartPolicy,
    StartFailed,
    Supervisor,
    answer,
    later,
)
from actors.testing import Question

POLICY = RestartPolicy(max_restarts=2, window=20.0, backoff_initial=0.5, backoff_max=2.0, jitter=0.5)
START_WITHIN, STOP_WITHIN = 3.0, 2.0
BEHAVIOURS = ["fine", "fine", "fine", "slow", "hang", "raise"]
WORK = ["now", "later", "slow", "raise", "raise later"]


@dataclass(frozen=True)
class Plan:
    """How a child behaves: one entry per start, and one for its stop."""

    starts: list[str]
    stop: str


PLANS = st.builds(Plan, st.lists(st.sampled_from(BEHAVIOURS), max_size=4), st.sampled_from(BEHAVIOURS))
CHILDREN = st.lists(PLANS, min_size=1, max_size=4)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.tuples(st.integers(0, 3), st.sampled_from(WORK))),
        st.tuples(st.just("crash"), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 1.0, 7.0])),
    ),
    max_size=20,
)


class Game:
    """Plays one run and keeps a diary of what the actors saw."""

    def __init__(self, plans: list[Plan]) -> None:
        self.diary: list[tuple[str, str, int]] = []
        self.alive: set[str] = set()
        self.results: list[outcome.Outcome[Any]] = []
        self.asked = 0
        self.refs: list[ActorRef[Any]] = [ActorRef(str(index)) for index in range(len(plans))]
        self.health = Health()
        self.supervisor = Supervisor(
            [
                ChildSpec(ref, self.factory(plan), START_WITHIN, STOP_WITHIN, POLICY)
                for ref, plan in zip(self.refs, plans, strict=True)
            ],
            health=self.health,
        )
        self.ended = trio.Event()
        self.error: ActorError | None = None

    def factory(self, plan: Plan) -> Callable[[], Actor[Any]]:
        return lambda: Player(self, plan)

    async def run(self, operations: list[tuple[str, Any]], ending: str) -> None:
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()
            nursery.start_soon(self.supervise, scope)
            await trio.sleep(1)
            for name, argument in operations:
                await self.play(nursery, name, argument)
            begin = trio.current_time()
            if ending == "stop":
                self.supervisor.stop()
            else:
                scope.cancel()
            await self.ended.wait()
            assert trio.current_time() - begin <= STOP_WITHIN * len(self.refs) + 0.001

    async def supervise(self, scope: trio.CancelScope) -> None:
        with scope:
            try:
                await self.supervisor.run()
            except ActorError as error:
                self.error = error
        self.ended.set()

    async def play(self, nursery: trio.Nursery, name: str, argument: Any) -> None:
        if name == "wait":
            await trio.sleep(argument)
        elif name == "crash":
            self.supervisor.crash(str(argument % len(self.refs)), ValueError("crash"))
            await trio.lowlevel.checkpoint()
        else:
            index, work = argument
            self.asked += 1
            nursery.start_soon(self.ask, self.refs[index % len(self.refs)], work)

    async def ask(self, ref: ActorRef[Any], work: str) -> None:
        try:
            self.results.append(outcome.Value(await ref.ask(Question(work), within=30)))
        except ActorError as error:
            self.results.append(outcome.Error(error))

    def check_the_end(self) -> None:
        names = [ref.name for ref in self.refs]
        assert not self.alive, "no instance outlives the run"
        assert not any(ref.running or ref.statistics().in_flight for ref in self.refs)
        assert len(self.results) == self.asked, "every asker was told"
        for result in self.results:
            assert not isinstance(result, outcome.Error) or type(result.error) in (ActorDown, RequestExpired)
        first_starts = [name for what, name, generation in self.diary if (what, generation) == ("start", 1)]
        assert first_starts == names[: len(first_starts)], "started in order"
        stops = [name for what, name, _ in self.diary if what == "stop"]
        assert stops == sorted(set(stops), reverse=True), "stopped in reverse, each once"
        started = [name for name in names if self.health.snapshot()[name].state is not HealthState.STARTING]
        assert started == first_starts, "health knows who had been started"
        self.check_the_result()

    def check_the_result(self) -> None:
        if self.error is None:
            return
        assert isinstance(self.error, StartFailed | RestartLimit)
        culprit = self.supervisor.children[int(self.error.actor)]
        assert culprit.fault is not None
        assert isinstance(self.error, StartFailed) == (culprit.generation == 1)


class Player(Actor[Any]):
    """Behaves by plan and writes the diary."""

    def __init__(self, game: Game, plan: Plan) -> None:
        self.game = game
        self.plan = plan

    async def on_start(self) -> None:
        name, generation = self.context.name, self.context.generation
        assert name not in self.game.alive, "one instance at a time"
        self.game.alive.add(name)
        self.game.diary.append(("start", name, generation))
        self.context.spawn(self.live)
        starts = self.plan.starts
        await behave(starts[generation - 1] if generation <= len(starts) else "fine")

    async def live(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self.game.alive.discard(self.context.name)

    async def handle(self, message: Any) -> Handled:
        match message.value:
            case "now":
                return answer(message, None)
            case "raise" | "slow":
                await behave(message.value)
                return answer(message, None)
            case "later":
                return later(message, lambda: behave("slow"))
            case _:
                return later(message, lambda: behave("raise"))

    async def on_stop(self) -> None:
        self.game.diary.append(("stop", self.context.name, self.context.generation))
        await behave(self.plan.stop)


async def behave(how: str) -> None:
    match how:
        case "slow":
            await trio.sleep(0.8)
        case "hang":
            await trio.sleep_forever()
        case "raise":
            raise ValueError(how)


async def play(plans: list[Plan], operations: list[tuple[str, Any]], ending: str) -> None:
    game = Game(plans)
    await game.run(operations, ending)
    game.check_the_end()


@settings(deadline=None, max_examples=150)
@given(plans=CHILDREN, operations=OPERATIONS, ending=st.sampled_from(["stop", "cancel"]))
def test_children_are_ordered_bounded_and_never_doubled(
    plans: list[Plan], operations: list[tuple[str, Any]], ending: str
) -> None:
    trio.run(play, plans, operations, ending, clock=MockClock(autojump_threshold=0))
