"""Whatever stops, dies, lags or goes away: who comes back with the last id misses nothing without being told.

The schedule is drawn. Streams, feed, ring, intake, backlog, writer, reader and pruner are the real ones, with bounds so
small that every one of them is reached; only the disk is in memory, and holds what PostgreSQL holds
(`test_store.py` has both to the same promises). Time is virtual.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from revaer.events import FsOpsProgress, ProgressReported
from revaer.journal.actor import Habits
from revaer.journal.policy import Batching, Bounds, Retention, Timing
from revaer.types import EventId, Progress
from tests.journal.conftest import Journal, make_bus, moved, open_journal, torrent_id
from tests.support.event_stream import Client, Connection, Frame, Node
from tests.support.fake_journal import Disk, FakeStore

TORRENTS = 2
QUERIES = ("", f"torrent={torrent_id(0)}", "event=state_changed")
"""What each client asks for: all of it, one torrent, one kind."""
WHO = st.integers(0, len(QUERIES) - 1)
CONNECT = st.tuples(st.just("connect"), WHO)
WHILE = st.sampled_from([0.0, 0.02, 0.3, 3.0])
ABSENCE = st.tuples(st.just("absence"), st.tuples(WHO, st.integers(1, 9), WHILE, st.integers(0, 9)))
ORDERLY = (
    st.tuples(st.just("publish"), st.integers(1, 9)),
    ABSENCE,
    ABSENCE,
    ABSENCE,
    st.tuples(st.just("figures"), st.integers(1, 3)),
    CONNECT,
    CONNECT,
    st.tuples(st.just("leave"), st.tuples(WHO, st.integers(0, 5))),
    st.tuples(st.just("stall"), WHO),
    st.tuples(st.just("flow"), WHO),
    st.tuples(st.just("pass_time"), st.sampled_from([0.02, 0.3, 3.0, 12.0])),
)
HARMFUL = (
    st.tuples(st.just("outage"), st.none()),
    st.tuples(st.just("return"), st.none()),
    st.tuples(st.just("crash"), st.none()),
    st.tuples(st.just("lose_answer"), st.none()),
)


def lives(*steps: Any, ends: list[str]) -> Any:
    """Starts of the daemon, each with somebody who connects, what happens, and how it ends."""
    life = st.tuples(CONNECT, st.lists(st.one_of(*steps), min_size=3, max_size=14), st.sampled_from(ends))
    return st.lists(life, min_size=2, max_size=4)


@dataclass(frozen=True)
class Tight:
    """How small everything is."""

    ring: int
    buffer: int
    intake: int
    backlog: int
    kept: int

    @property
    def habits(self) -> Habits:
        return Habits(
            batching=Batching(events=4, seconds=0.1),
            bounds=Bounds(events=self.backlog),
            retention=Retention(seconds=1e12, events=self.kept, batch=2, every=1.0, breath=0.01),
            timing=Timing(open=0.5, retry_first=0.1, retry_longest=1.0, stop=1.0),
        )

    @contextmanager
    def everywhere(self) -> Iterator[None]:
        """Hold the parts to it that read no habits."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("revaer.api.sse.BUFFER", self.buffer)
            patch.setattr("revaer.journal.intake.BUFFER", self.intake)
            patch.setattr("revaer.journal.reader.PAGE_EVENTS", 3)
            patch.setattr("revaer.journal.reader.LOOK_AT", 5)
            yield


AMPLE = st.builds(
    Tight,
    ring=st.integers(0, 6),
    buffer=st.integers(1, 8),
    intake=st.just(10_000),
    backlog=st.just(10_000),
    kept=st.just(10_000),
)
TIGHT = st.builds(
    Tight,
    ring=st.integers(0, 6),
    buffer=st.integers(1, 8),
    intake=st.integers(4, 20),
    backlog=st.integers(2, 20),
    kept=st.one_of(st.integers(1, 8), st.integers(9, 60)),
)


@dataclass
class Game:
    """Plays a schedule, and keeps beside it what was ever published."""

    clients: list[Client]
    tight: Tight
    disk: Disk = field(default_factory=Disk)
    published: list[tuple[EventId, int]] = field(default_factory=list)
    is_away: bool = False
    tally: Counter[str] = field(default_factory=Counter)

    async def live(self, epoch: int, steps: list[tuple[str, Any]], end: str) -> None:
        store = FakeStore(self.disk)
        if self.is_away:
            store.leave()
        bus = make_bus(ring=self.tight.ring)
        async with open_journal(store, bus=bus, epoch=epoch, habits=self.tight.habits) as journal:
            self.journal: Journal = journal
            self.node = Node(epoch, bus=bus, journal=journal.ref)
            for name, argument in steps:
                await getattr(self, f"do_{name}")(argument)
                await wait_all_tasks_blocked()
            if end == "kill":
                store.kill()
            elif end == "stop":
                with trio.move_on_after(1.0):
                    await self.node.services.streams.close()
            for client in self.clients:
                client.leave()
            await wait_all_tasks_blocked()

    async def do_publish(self, count: int) -> None:
        for number in range(count):
            stamped = self.node.bus.publish(moved(number % TORRENTS))
            self.published.append((EventId(self.node.epoch, stamped.seq), number % TORRENTS))

    async def do_absence(self, argument: tuple[int, int, float, int]) -> None:
        """Somebody leaves, misses something, and comes back; what he missed is durable by then, or not, or in part."""
        who, missed, seconds, more = argument
        self.clients[who].leave()
        await self.do_publish(missed)
        await trio.sleep(seconds)
        await self.do_publish(more)
        await self.do_connect(who)

    async def do_figures(self, count: int) -> None:
        for number in range(count):
            self.node.bus.publish(FsOpsProgress(torrent_id(0), "extract", number, 10))
            self.node.bus.publish(ProgressReported({torrent_id(1): Progress(download_bps=number)}))

    async def do_connect(self, who: int) -> None:
        client = self.clients[who]
        client.leave()
        await wait_all_tasks_blocked()
        await client.connect(self.node)

    async def do_leave(self, argument: tuple[int, int]) -> None:
        who, after = argument
        self.clients[who].leave(after=after)

    async def do_stall(self, who: int) -> None:
        self.clients[who].stall()

    async def do_flow(self, who: int) -> None:
        self.clients[who].flow()

    async def do_pass_time(self, seconds: float) -> None:
        await trio.sleep(seconds)

    async def do_outage(self, _: None) -> None:
        self.is_away = True
        self.journal.store.leave()

    async def do_return(self, _: None) -> None:
        self.is_away = False
        self.journal.store.come_back()

    async def do_crash(self, _: None) -> None:
        if self.journal.ref.generation:
            self.journal.supervisor.crash("journal", RuntimeError("drill"))

    async def do_lose_answer(self, _: None) -> None:
        self.journal.store.loses_answers += 1

    def check(self) -> None:
        for who, client in enumerate(self.clients):
            position: EventId | None = None
            for connection in client.connections:
                position = self.check_connection(who, connection, position)

    def check_connection(self, who: int, connection: Connection, position: EventId | None) -> EventId | None:
        """Follow one connection from what the client had before; return what it had after it."""
        lag = 0
        for number, frame in enumerate(connection.frames):
            if frame.event == "lagged":
                lag += frame.data["count"]
            elif frame.event == "reset":
                position, lag = self.check_reset(frame), 0
            elif not number:
                here = EventId.parse(frame.id or "")
                assert (position is None) or here == position, "it goes on where the client was"
                position = here
            elif frame.event != "closing":
                assert position is not None
                position, lag = self.check_event(who, frame, position, lag), 0
        return position

    def check_reset(self, frame: Frame) -> EventId:
        self.tally["reset"] += 1
        assert frame.data["reason"]
        assert frame.data["snapshot"] == "/v1/torrents"
        assert frame.id == frame.data["id"]
        return EventId.parse(frame.id or "")

    def check_event(self, who: int, frame: Frame, position: EventId, lag: int) -> EventId:
        here = EventId.parse(frame.id or "")
        assert frame.data["id"] == frame.id
        assert here > position or (here == position and frame.event == "progress"), "once, and in order"
        missing = [seq for seq, _ in self.wanted(who) if position < seq < here]
        assert len(missing) <= lag, f"{missing} never came between {position} and {here}"
        self.tally["event"] += 1
        self.tally["across"] += here.epoch > position.epoch
        self.tally["from the journal"] += here.epoch < self.node.epoch
        return here

    def wanted(self, who: int) -> list[tuple[EventId, int]]:
        """What a client is to see: figures may coalesce, everything else must come."""
        return [one for one in self.published if who != 1 or one[1] == 0]


async def play(tight: Tight, schedule: list[Any], tally: Counter[str]) -> Game:
    """Play a schedule; then everything is well again, everybody comes back, and must be up to date."""
    async with trio.open_nursery() as nursery:
        game = Game([Client(nursery, query) for query in QUERIES], tight, tally=tally)
        for epoch, (connect, steps, end) in enumerate(schedule, 1):
            await game.live(epoch, [connect, *steps], end)
        everybody = range(len(QUERIES))
        steps = [("flow", who) for who in everybody] + [("connect", who) for who in everybody]
        await game.live(len(schedule) + 1, [("return", None), *steps, ("pass_time", 20.0), ("publish", 1)], "stop")
        game.check()
        for client in game.clients:
            assert EventId.parse(client.last_id or "") == game.published[-1][0], "it is up to date"
        nursery.cancel_scope.cancel()
    return game


def run(tight: Tight, schedule: list[Any], tally: Counter[str]) -> None:
    """Play on a clock that jumps."""
    with tight.everywhere():
        trio.run(play, tight, schedule, tally, clock=MockClock(autojump_threshold=0))


def test_nothing_is_missed_unsaid_whatever_happens() -> None:
    tally: Counter[str] = Counter()

    @settings(deadline=None, max_examples=200)
    @given(tight=TIGHT, schedule=lives(*ORDERLY, *HARMFUL, ends=["stop", "stop", "kill"]))
    def check(tight: Tight, schedule: list[Any]) -> None:
        run(tight, schedule, tally)

    check()
    assert min(tally[what] for what in ("event", "across", "from the journal", "reset")) > 10, tally


def test_orderly_restarts_never_reset_anybody() -> None:
    """As long as nothing is lost, everything is replayed: a reset would be an excuse."""
    tally: Counter[str] = Counter()

    @settings(deadline=None, max_examples=200)
    @given(tight=AMPLE, schedule=lives(*ORDERLY, ends=["stop"]))
    def check(tight: Tight, schedule: list[Any]) -> None:
        run(tight, schedule, tally)
        assert not tally["reset"]

    check()
    assert min(tally[what] for what in ("event", "across", "from the journal")) > 10, tally
