"""Whatever is asked of the session, and however it crashes: a snapshot with the events after it is the next snapshot.

Operations are drawn, some at the same time, and played on a session with a simulated engine and a clock that jumps. Two
readers follow the bus: one that reads late and folds by hand, and the read model of the API.
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import ActorError, RestartPolicy
from revaer.api.readmodel import ReadModel
from revaer.session.messages import (
    Act,
    Action,
    AddTorrent,
    Inspect,
    Move,
    Pause,
    Queue,
    Reannounce,
    Recheck,
    RemoveTorrent,
    Resume,
    Select,
    SetRate,
    SetSequential,
)
from revaer.telemetry.metrics import Metrics
from revaer.types import SelectionRules, TorrentId, TorrentOptions, TorrentState
from tests.session.conftest import House, StoredTorrents, open_house
from tests.support.late_reader import LateReader, assert_agree
from tests.support.torrents import magnet_for, make_torrent, payload

COUNT = 3
BLOCK = 16 * 1024
"""Files end with a piece: the simulated engine keeps nothing of a file that shares a piece and is not wanted yet."""

SETTLE = 200.0
"""Mock seconds after which everything that retries has been tried again."""

FILMS = [
    make_torrent(
        {"film.mkv": payload(9 * BLOCK, seed=number), "sample/s.mkv": payload(2 * BLOCK), "note.txt": b"about it"},
        name=f"Film {number}",
        version="hybrid" if number == 1 else "v1",
    )
    for number in range(COUNT)
]
RULES = [
    SelectionRules(),
    SelectionRules(skip_fluff=True),
    SelectionRules(include=("*.mkv",)),
    SelectionRules(exclude=("**",)),
]
WHICH = st.integers(0, COUNT - 1)
RULE = st.sampled_from(RULES)


def add_of(which: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[str, Any]]:
    """Adds: which one, as a magnet or not, paused or not, and with which rules."""
    return st.tuples(st.just("add"), st.tuples(which, st.booleans(), st.booleans(), RULE))


def act_of(actions: st.SearchStrategy[Action]) -> st.SearchStrategy[tuple[str, Any]]:
    """Actions on any torrent."""
    return st.tuples(st.just("act"), st.tuples(WHICH, actions))


WISHES = st.one_of(
    act_of(st.sampled_from([Pause(), Resume(), Recheck(), Reannounce(), Queue("top"), Queue(1)])),
    act_of(st.builds(SetRate, st.sampled_from([None, 20_000]), st.none())),
    act_of(st.builds(SetSequential, enable=st.booleans())),
    st.tuples(st.just("move"), st.tuples(WHICH, st.integers(0, 1))),
    st.tuples(st.just("select"), st.tuples(WHICH, RULE)),
    st.tuples(st.just("inspect"), WHICH),
    st.tuples(st.just("remove"), st.tuples(WHICH, st.booleans())),
    add_of(WHICH),
)
WORLD = st.one_of(
    st.tuples(st.just("seed"), st.tuples(WHICH, st.sampled_from([15_000, 400_000]))),
    st.tuples(st.just("stall"), WHICH),
    st.tuples(st.just("break"), st.sampled_from([errno.ENOSPC, errno.EIO])),
    st.tuples(st.just("heal"), st.none()),
    st.tuples(st.just("drop"), st.integers(1, 5)),
    st.tuples(st.just("cut_database"), st.none()),
    st.tuples(st.just("crash"), st.none()),
)
STEP = st.tuples(
    st.lists(st.one_of(WISHES, WISHES, WORLD), min_size=1, max_size=4), st.sampled_from([0.0, 0.1, 0.6, 4.0])
)
GAME = st.tuples(
    st.tuples(*(add_of(st.just(number)) for number in range(COUNT))), st.lists(STEP, min_size=2, max_size=12)
)
"""Every torrent is added, then come steps: what is done at the same time, and how long it is left alone then."""


class Game:
    """Plays operations on a house, and remembers what was answered."""

    def __init__(self, house: House, root: Path, reader: LateReader, model: ReadModel) -> None:
        self.house = house
        self.places = [str(root / "one"), str(root / "two")]
        self.reader = reader
        self.model = model
        self.ids: dict[int, TorrentId] = {}
        self.accepted: set[TorrentId] = set()
        self.doubtful: set[TorrentId] = set()

    async def play(self, operations: list[tuple[str, Any]]) -> None:
        async with trio.open_nursery() as nursery:
            for name, argument in operations:
                nursery.start_soon(self._play_one, getattr(self, f"do_{name}"), argument)

    async def _play_one(self, operation: Callable[[Any], Awaitable[None]], argument: Any) -> None:
        with suppress(ActorError):
            await operation(argument)

    async def do_add(self, argument: tuple[int, bool, bool, SelectionRules]) -> None:
        number, as_magnet, paused, rules = argument
        options = TorrentOptions(download_dir=self.places[0], paused=paused, selection=rules)
        version = "hybrid" if number == 1 else "v1"
        source: dict[str, Any] = (
            {"magnet": magnet_for(FILMS[number], version=version)} if as_magnet else {"metainfo": FILMS[number]}  # type: ignore[arg-type]
        )
        view = await self.house.ask(AddTorrent(options, **source))
        self.ids[number] = view.id
        self.accepted.add(view.id)

    async def do_remove(self, argument: tuple[int, bool]) -> None:
        number, delete_data = argument
        torrent_id = self._id(number)
        self.doubtful.add(torrent_id)
        await self.house.ask(RemoveTorrent(torrent_id, delete_data))
        self.accepted.discard(torrent_id)

    async def do_act(self, argument: tuple[int, Action]) -> None:
        number, action = argument
        await self.house.ask(Act(self._id(number), action))

    async def do_move(self, argument: tuple[int, int]) -> None:
        number, place = argument
        await self.house.ask(Act(self._id(number), Move(self.places[place])))

    async def do_select(self, argument: tuple[int, SelectionRules]) -> None:
        number, rules = argument
        await self.house.ask(Select(self._id(number), rules))

    async def do_inspect(self, number: int) -> None:
        await self.house.ask(Inspect(self._id(number)))

    async def do_seed(self, argument: tuple[int, int]) -> None:
        number, rate = argument
        self.house.engine.world.seed(FILMS[number], rate=rate)

    async def do_stall(self, number: int) -> None:
        self.house.engine.world.stall(FILMS[number])

    async def do_break(self, number: int) -> None:
        self.house.engine.world.break_storage(self.places[0], number)

    async def do_heal(self, _: None) -> None:
        self.house.engine.world.heal_storage(self.places[0])

    async def do_drop(self, count: int) -> None:
        self.house.engine.world.drop_events(count)

    async def do_cut_database(self, _: None) -> None:
        """The database is away until the end of the step."""
        self.house.kept.is_away = True

    async def do_crash(self, _: None) -> None:
        self.house.supervisor.crash("session", RuntimeError("drill"))

    def _id(self, number: int) -> TorrentId:
        return self.ids.get(number, TorrentId("01900000-0000-7000-8000-000000000000"))

    # What must hold.

    async def compare(self) -> None:
        """Compare the readers with a new snapshot, when there is a session to ask."""
        with suppress(ActorError):
            snapshot = await self.house.snapshot()
            while snapshot.seq != self.house.bus.seq:
                snapshot = await self.house.snapshot()
            generation = self.house.session.generation
            await self.reader.catch_up()
            if self.house.bus.seq == snapshot.seq and self.house.session.generation == generation:
                assert_agree(self.reader.views, snapshot)

    async def settle(self) -> None:
        """Take every fault away, and wait until everything that was left undone is done."""
        self.house.kept.is_away = False
        self.house.engine.world.heal_storage(self.places[0])
        await trio.sleep(SETTLE)
        self.house.engine.world.heal_storage(self.places[0])
        await wait_all_tasks_blocked()

    async def check_settled(self) -> None:
        snapshot = await self.house.snapshot()
        await wait_all_tasks_blocked()
        assert not snapshot.loading
        assert snapshot.seq == self.house.bus.seq == self.model.seq
        assert not self.model.loading
        assert_agree(self.model.views, snapshot)
        here = {view.id for view in snapshot.views}
        assert here == set(self.house.kept.intents), "the list is what is stored"
        assert self.accepted - self.doubtful <= here, "nothing accepted is lost"
        for view in snapshot.views:
            wish = self.house.kept.intents[view.id].options
            assert view.descriptor.download_dir == wish.download_dir
            assert (view.state.kind in (TorrentState.STOPPED, TorrentState.COMPLETED)) == wish.paused, view
            assert view.state.kind is not TorrentState.FAILED, "no failure lasts longer than its cause"


async def play(root: Path, plot: tuple[tuple[Any, ...], list[tuple[list[Any], float]]]) -> None:
    adds, steps = plot
    endless = RestartPolicy(max_restarts=1000, backoff_initial=0.01, backoff_max=0.05)
    async with open_house(StoredTorrents(), root, restart=endless) as house, trio.open_nursery() as nursery:
        model = ReadModel(
            session=house.session, bus=house.bus, health=house.health.reporter("lists"), metrics=Metrics()
        )
        nursery.start_soon(model.run)
        with house.bus.subscribe("late reader", capacity=100_000) as events:
            game = Game(house, root, LateReader(house.session, events), model)
            await game.play(list(adds))
            for operations, pause in steps:
                await game.play(operations)
                await trio.sleep(pause)
                await game.compare()
                house.kept.is_away = False
            await game.settle()
            await game.compare()
            await game.check_settled()
        nursery.cancel_scope.cancel()


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(plot=GAME)
def test_snapshot_and_events_are_the_next_snapshot(tmp_path_factory: pytest.TempPathFactory, plot: Any) -> None:
    trio.run(play, tmp_path_factory.mktemp("house"), plot, clock=MockClock(autojump_threshold=0))
