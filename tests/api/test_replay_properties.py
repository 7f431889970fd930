"""Whoever comes back with the last id gets every event once and in order, or is told what is missing.

The schedule is drawn: events are published while clients connect, stall until they fall behind, are cut off in the
middle of what is being sent, and the daemon is started anew. Progress may be merged; nothing else may.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from revaer.events import Event, ProgressReported, StateChanged
from revaer.types import EventId, Progress, StateView, TorrentId, TorrentState
from tests.support.event_stream import Client, Connection, Frame, Node

CLIENTS = 2
TORRENTS = [TorrentId(f"01900000-0000-7000-8000-{number:012x}") for number in range(3)]
WHO = st.integers(0, CLIENTS - 1)
PUBLISH = st.tuples(st.just("publish"), st.integers(1, 6))
PROGRESS = st.tuples(st.just("progress"), st.sets(st.sampled_from(TORRENTS), min_size=1))
CONNECT = st.tuples(st.just("connect"), WHO)
STEP = st.one_of(
    PUBLISH,
    PROGRESS,
    CONNECT,
    st.tuples(st.just("leave"), st.tuples(WHO, st.integers(0, 4))),
    st.tuples(st.just("stall"), WHO),
    st.tuples(st.just("flow"), WHO),
)
RESTART = st.tuples(st.just("restart"), st.booleans())
LIVES = st.lists(st.tuples(CONNECT, st.lists(STEP, min_size=6, max_size=24), RESTART), min_size=1, max_size=3)
"""Per start of the daemon: somebody connects, things happen, and it stops."""


@dataclass
class History:
    """What one start of the daemon published: numbers of the events that must arrive, and of those that may merge."""

    lone: list[int] = field(default_factory=list)
    progress: list[int] = field(default_factory=list)
    kept: int = 0

    def lone_between(self, after: int, before: int) -> list[int]:
        return [seq for seq in self.lone if after < seq < before]

    def progress_between(self, after: int, before: int) -> int:
        return sum(after < seq <= before for seq in self.progress)

    def can_replay(self, after: int) -> bool:
        forgotten = self.lone[: max(0, len(self.lone) - self.kept)]
        return after >= max(forgotten, default=0)


class Game:
    """Plays a schedule and keeps the whole history beside it."""

    def __init__(self, nursery: trio.Nursery, ring: int) -> None:
        self.ring = ring
        self.clients = [Client(nursery) for _ in range(CLIENTS)]
        self.replayable: dict[int, list[bool]] = {number: [] for number in range(CLIENTS)}
        self.positions: dict[int, list[int]] = {number: [] for number in range(CLIENTS)}
        self.histories: dict[int, History] = {}
        self.start(1)

    def start(self, epoch: int) -> None:
        self.node = Node(epoch, ring=self.ring)
        self.history = self.histories[epoch] = History(kept=self.ring)

    async def play(self, name: str, argument: Any) -> None:
        await getattr(self, f"do_{name}")(argument)
        await wait_all_tasks_blocked()

    async def do_publish(self, count: int) -> None:
        for number in range(count):
            state = StateView(TorrentState.DOWNLOADING, float(number))
            event: Event = StateChanged(TORRENTS[0], TorrentState.QUEUED, state)
            self.history.lone.append(self.node.bus.publish(event).seq)

    async def do_progress(self, torrents: set[TorrentId]) -> None:
        batch = ProgressReported({one: Progress(download_bps=1) for one in sorted(torrents)})
        self.history.progress.append(self.node.bus.publish(batch).seq)

    async def do_connect(self, who: int) -> None:
        client = self.clients[who]
        client.leave()
        await wait_all_tasks_blocked()
        after = None if client.last_id is None else EventId.parse(client.last_id)
        can = after is not None and after.epoch == self.node.epoch and self.history.can_replay(after.seq)
        self.replayable[who].append(can)
        self.positions[who].append(self.node.bus.seq)
        await client.connect(self.node)

    async def do_leave(self, argument: tuple[int, int]) -> None:
        who, after = argument
        self.clients[who].leave(after=after)

    async def do_stall(self, who: int) -> None:
        self.clients[who].stall()

    async def do_flow(self, who: int) -> None:
        self.clients[who].flow()

    async def do_restart(self, orderly: bool) -> None:
        """An orderly stop says goodbye to who reads; everybody else is cut off."""
        if orderly:
            with trio.CancelScope() as patience:
                self.clients[0]._nursery.start_soon(self._cut_the_slow, patience)
                await self.node.services.streams.close()
        for client in self.clients:
            client.leave()
        await wait_all_tasks_blocked()
        self.start(self.node.epoch + 1)

    async def _cut_the_slow(self, patience: trio.CancelScope) -> None:
        await wait_all_tasks_blocked()
        patience.cancel()

    def check(self) -> None:
        for who, client in enumerate(self.clients):
            seen: list[EventId] = []
            for number, connection in enumerate(client.connections):
                seen += self.check_connection(
                    connection, replayable=self.replayable[who][number], position=self.positions[who][number]
                )
            assert seen == sorted(set(seen)), "once, and in order, over all connections"

    def check_connection(self, connection: Connection, *, replayable: bool, position: int) -> list[EventId]:
        """Follow one connection; return the events of it that may not be merged."""
        if not connection.frames:
            return []
        opening, *rest = connection.frames
        start = EventId.parse(opening.id or "")
        self.check_opening(opening, connection.asked_after, replayable=replayable, position=position)
        history, at, lag, seen = self.histories[start.epoch], start.seq, 0, []
        for frame in rest:
            if frame.event == "lagged":
                lag += frame.data["count"]
                assert frame.id is None
            elif frame.event != "closing":
                here = EventId.parse(frame.id or "")
                assert here.epoch == start.epoch
                self.check_gap(history, at, here.seq, lag, is_progress=frame.event == "progress")
                seen += [here] if frame.event == "state_changed" else []
                at, lag = here.seq, 0
        return seen

    def check_opening(self, opening: Frame, asked_after: str | None, *, replayable: bool, position: int) -> None:
        if asked_after is None or not replayable:
            assert EventId.parse(opening.id or "").seq == position, "it goes on from now"
            assert (opening.event == "reset") == (asked_after is not None)
        else:
            assert (opening.event, opening.id) == ("", asked_after)
        if opening.event == "reset":
            assert opening.data["reason"]
            assert opening.data["snapshot"] == "/v1/torrents"

    def check_gap(self, history: History, after: int, here: int, lag: int, *, is_progress: bool) -> None:
        """Nothing is missing between two events but what the lag counts, and the lag counts nothing else."""
        missing = len(history.lone_between(after, here))
        if is_progress and here == after:
            return  # another torrent of the same batch
        assert (missing == 0) == (lag == 0) or history.progress_between(after, here)
        assert missing <= lag <= missing + history.progress_between(after, here)


@settings(deadline=None, max_examples=200)
@given(ring=st.integers(0, 12), buffer=st.integers(1, 6), lives=LIVES)
def test_who_comes_back_sees_every_event_once_or_is_told(ring: int, buffer: int, lives: list[Any]) -> None:
    async def play() -> None:
        async with trio.open_nursery() as nursery:
            game = Game(nursery, ring)
            for connect, steps, restart in lives:
                for name, argument in (connect, *steps, restart):
                    await game.play(name, argument)
            for who in range(CLIENTS):
                await game.play("flow", who)
                await game.play("connect", who)
            await game.play("publish", 1)
            game.check()
            for client in game.clients:
                assert client.last_id == str(EventId(game.node.epoch, game.node.bus.seq)), "it is up to date"
            nursery.cancel_scope.cancel()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("revaer.api.sse.BUFFER", buffer)
        trio.run(play)
