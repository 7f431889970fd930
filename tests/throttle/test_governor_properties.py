"""Whatever happens in whatever order: once it is quiet, everything is as the configuration says."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.testing import run_seeds
from revaer.throttle.labels import LabelPolicy, Labels
from revaer.throttle.messages import ReadLimits
from revaer.throttle.policies import limits_of
from revaer.throttle.resolution import Caps, Rates, global_limits
from tests.throttle.node import SESSION_DOWN, Away, Node, make_view, torrent_id

RATES = st.none() | st.integers(0, 3)
CAPS = st.builds(Caps, RATES, RATES)
NAMES = st.sampled_from(["a", "b"])
POLICIES = st.dictionaries(NAMES, st.builds(LabelPolicy, CAPS))
FEW = Labels({"a": LabelPolicy(Caps(1, 2))}, {"b": LabelPolicy(Caps(3))})
NUMBERS = st.integers(1, 4)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("adopt"), st.tuples(CAPS, st.builds(Labels, POLICIES, POLICIES))),
        st.tuples(st.just("adopt_unheard"), CAPS),
        st.tuples(st.just("add"), st.tuples(NUMBERS, st.none() | NAMES, CAPS)),
        st.tuples(st.just("drop"), NUMBERS),
        st.tuples(st.just("describe"), st.tuples(NUMBERS, st.none() | NAMES, st.lists(NAMES).map(tuple), CAPS)),
        st.tuples(st.just("restart"), st.booleans()),
        st.tuples(st.just("session"), st.booleans()),
        st.tuples(st.just("config"), st.booleans()),
        st.tuples(st.just("drift"), RATES),
        st.tuples(st.just("deaf"), st.booleans()),
        st.tuples(st.just("delay"), st.sampled_from([0.0, 0.05, 3.0])),
        st.tuples(st.just("slow_caps"), st.sampled_from([0.0, 0.1])),
        st.tuples(st.just("crash"), st.none()),
        st.tuples(st.just("pause"), st.sampled_from([0.0, 0.01, 0.2, 7.0])),
    ),
    max_size=25,
)


class Game:
    """Plays steps on a running node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.crashes = 0

    async def play(self, step: str, argument: Any) -> None:
        await getattr(self, f"do_{step}")(argument)

    async def do_adopt(self, argument: tuple[Caps, Labels]) -> None:
        self.node.adopt(caps=argument[0], labels=argument[1])

    async def do_adopt_unheard(self, caps: Caps) -> None:
        """The event is lost on its way."""
        settings = self.node.settings
        self.node.settings = replace(settings, revision=settings.revision + 1, caps=caps)

    async def do_add(self, argument: tuple[int, str | None, Caps]) -> None:
        number, category, caps = argument
        view = make_view(number, category=category, max_download_bps=caps.download_bps, max_upload_bps=caps.upload_bps)
        if view.id not in self.node.session.views:
            self.node.session.add(view)

    async def do_drop(self, number: int) -> None:
        if torrent_id(number) in self.node.session.views:
            self.node.session.drop(torrent_id(number))

    async def do_describe(self, argument: tuple[int, str | None, tuple[str, ...], Caps]) -> None:
        number, category, tags, caps = argument
        if torrent_id(number) in self.node.session.views:
            own = {"max_download_bps": caps.download_bps, "max_upload_bps": caps.upload_bps}
            self.node.session.describe(torrent_id(number), category=category, tags=tags, **own)

    async def do_restart(self, told: bool) -> None:
        if told:
            self.node.session.restart(Rates(9, 9))
        else:
            self.node.session.generation += 1
            self.node.session.engine = Rates(9, 9)
            self.node.session.fallback.clear()

    async def do_session(self, away: bool) -> None:
        self.node.session.fault = SESSION_DOWN if away else None

    async def do_config(self, away: bool) -> None:
        self.node.config_fault = Away("no configuration") if away else None

    async def do_drift(self, rate: int | None) -> None:
        self.node.session.engine = Rates(rate or None, rate or None)

    async def do_deaf(self, deaf: bool) -> None:
        self.node.session.deaf = deaf

    async def do_delay(self, seconds: float) -> None:
        self.node.session.delay = seconds

    async def do_slow_caps(self, seconds: float) -> None:
        self.node.session.slow_answers = seconds

    async def do_crash(self, _: None) -> None:
        if self.crashes < 2 and self.node.ref.running:
            self.crashes += 1
            assert self.node.supervisor is not None
            self.node.supervisor.crash("throttle", RuntimeError("a defect"))
            await trio.lowlevel.checkpoint()

    async def do_pause(self, seconds: float) -> None:
        await trio.sleep(seconds)

    async def quiet(self) -> None:
        """Take every fault away and wait as long as a repair may take at most."""
        session = self.node.session
        session.fault = self.node.config_fault = None
        session.deaf, session.delay = False, 0.0
        await self.node.settled(15.0)

    async def check(self) -> None:
        node = self.node
        assert node.session.engine == global_limits(node.settings.caps, None).rates
        state = await node.ask(ReadLimits())
        assert (state.revision, state.in_effect, state.problem) == (node.settings.revision, True, None)
        for key, view in node.session.views.items():
            assert node.session.caps(key) == limits_of(view.descriptor, node.settings).rates
        assert node.reason is None
        held: dict[str, bool] = {}
        for guardrail, tripped in node.guardrails():
            assert tripped or held.get(guardrail), "only what tripped clears"
            held[guardrail] = tripped
        assert {name for name, tripped in held.items() if tripped} == {one.guardrail for one in node.alarms.present}


@given(steps=STEPS)
@settings(max_examples=150, deadline=None)
def test_everything_ends_as_the_configuration_says(steps: list[tuple[str, Any]]) -> None:
    async def main() -> None:
        async with Node().run() as node:
            game = Game(node)
            node.adopt(labels=FEW)
            for number, category in ((1, "a"), (2, "b"), (3, None)):
                await game.do_add((number, category, Caps()))
            for step, argument in steps:
                await game.play(step, argument)
            await game.quiet()
            await game.check()

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_order_of_tasks_does_not_count() -> None:
    """Changes, a restart and questions at the same moment, under many orders in which trio may run them."""

    async def main() -> None:
        async with Node().run() as node:
            game = Game(node)
            for number in range(1, 4):
                await game.do_add((number, "a", Caps()))
            for revision, labels in itertools.product(range(1, 4), (Labels(), Labels({"a": LabelPolicy(Caps(2, 2))}))):
                node.adopt(caps=Caps(revision, revision), labels=labels)
                if revision == 2:
                    node.session.restart(Rates(9, 9))
                await trio.lowlevel.checkpoint()
            await game.quiet()
            await game.check()

    run_seeds(main, range(25), clock=lambda: MockClock(autojump_threshold=0))
