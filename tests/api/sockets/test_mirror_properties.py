"""Applying the events after a snapshot gives the catalogue exactly, whatever happens to the catalogue, the wire and the
daemon meanwhile. The client's own mirror does the applying."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from revaer.api.views import torrent_document
from revaer.events import (
    Completed,
    FilesDiscovered,
    MetadataUpdated,
    ProgressReported,
    SettingsChanged,
    StateChanged,
    TorrentAdded,
    TorrentRemoved,
)
from revaer.types import Progress, StateView, TorrentState
from tests.api.conftest import make_view
from tests.support.socket_pair import Follower, Node

WHO = st.integers(0, 3)
STATE = st.sampled_from([TorrentState.DOWNLOADING, TorrentState.SEEDING, TorrentState.STOPPED, TorrentState.FAILED])
NAME = st.one_of(st.none(), st.sampled_from(["a", "é", "x" * 40]))
CHANGE = st.one_of(
    st.tuples(st.just("add"), WHO),
    st.tuples(st.just("remove"), WHO),
    st.tuples(st.just("progress"), st.sets(WHO, min_size=1)),
    st.tuples(st.just("progress"), st.sets(WHO, min_size=1)),
    st.tuples(st.just("state"), st.tuples(WHO, STATE, NAME)),
    st.tuples(st.just("describe"), st.tuples(WHO, NAME, st.sampled_from([(), ("t",), ("t", "u")]))),
    st.tuples(st.just("complete"), st.tuples(WHO, st.booleans())),
    st.tuples(st.just("discover"), WHO),
    st.tuples(st.just("configure"), WHO),
)
DISTURBANCE = st.one_of(
    st.tuples(st.just("stall"), st.none()),
    st.tuples(st.just("flow"), st.none()),
    st.tuples(st.just("cut"), st.none()),
    st.tuples(st.just("crash"), st.one_of(st.none(), WHO)),
    st.tuples(st.just("flow"), st.none()),
    st.tuples(st.just("restart"), st.booleans()),
)
REST = st.one_of(st.tuples(st.just("rest"), st.none()), st.tuples(st.just("tick"), st.integers(1, 20)))
STEP = st.integers(0, 15).flatmap(lambda dice: CHANGE if dice < 10 else REST if dice < 15 else DISTURBANCE)
STEPS = st.lists(STEP, min_size=12, max_size=60)


class Game:
    """Plays a schedule on a catalogue, and keeps what a mirror should show."""

    def __init__(self, nursery: trio.Nursery, ring: int) -> None:
        self.nursery = nursery
        self.ring = ring
        self.count = 0
        self.node = Node(1, nursery, ring=ring, views={make_view(n).id: make_view(n) for n in range(3)})
        self.follower = Follower(nursery)
        self.follower.wire.node = self.node

    def view(self, who: int) -> Any:
        """One of the torrents that are there."""
        there = sorted(self.node.truth.views)
        return self.node.truth.views[there[who % len(there)]] if there else None

    async def play(self, name: str, argument: Any) -> None:
        self.count += 1
        await getattr(self, f"do_{name}")(argument)
        self.node.look()

    async def do_rest(self, _: None) -> None:
        await wait_all_tasks_blocked()

    async def do_tick(self, passes: int) -> None:
        for _ in range(passes):
            await trio.lowlevel.checkpoint()

    async def do_add(self, who: int) -> None:
        view = make_view(who, progress=Progress(bytes_total=self.count))
        self.node.truth.publish(TorrentAdded(view.id, view))

    async def do_remove(self, who: int) -> None:
        if (view := self.view(who)) is not None:
            self.node.truth.publish(TorrentRemoved(view.id, data_deleted=False))

    async def do_progress(self, some: set[int]) -> None:
        figures = Progress(download_bps=self.count, eta_seconds=self.count % 3 or None)
        there = {view.id: figures for view in map(self.view, sorted(some)) if view is not None}
        if there:
            self.node.truth.publish(ProgressReported(there))

    async def do_state(self, argument: Any) -> None:
        who, kind, word = argument
        if (view := self.view(who)) is not None:
            state = StateView(kind, 1_700_000_000.0 + self.count, word)
            self.node.truth.publish(StateChanged(view.id, view.state.kind, state, library_path=word))

    async def do_describe(self, argument: Any) -> None:
        who, name, tags = argument
        if (view := self.view(who)) is not None:
            descriptor = replace(
                view.descriptor, name=name, tags=tags, category=name, queue_position=self.count % 2 or None
            )
            self.node.truth.publish(MetadataUpdated(view.id, descriptor, ("name", "tags")))

    async def do_complete(self, argument: Any) -> None:
        who, is_processed = argument
        if (view := self.view(who)) is not None:
            state = StateView(TorrentState.PROCESSING, 1_700_000_000.0 + self.count) if is_processed else None
            self.node.truth.publish(Completed(view.id, 1_700_000_000.0 + self.count, "/srv/x", state))

    async def do_discover(self, who: int) -> None:
        if (view := self.view(who)) is not None:
            self.node.truth.publish(FilesDiscovered(view.id, 1, 1, 10, 10, frozenset({str(self.count)})))

    async def do_configure(self, _who: int) -> None:
        self.node.truth.publish(SettingsChanged(self.count, ("",), "test"))

    async def do_stall(self, _: None) -> None:
        self.follower.wire.stall()

    async def do_flow(self, _: None) -> None:
        self.follower.wire.flow()

    async def do_cut(self, _: None) -> None:
        self.follower.wire.cut()

    async def do_crash(self, who: int | None) -> None:
        view = None if who is None else self.view(who)
        self.node.truth.start_anew(without=None if view is None else view.id)

    async def do_restart(self, orderly: bool) -> None:
        before = self.node
        kept = dict(list(before.truth.views.items())[0 if orderly else 1 :])
        self.node = Node(before.services.epoch + 1, self.nursery, ring=self.ring, views=kept)
        self.follower.wire.node = self.node
        if orderly:
            await before.stop()
        self.follower.wire.cut()
        before._life.cancel()

    def expected(self) -> dict[str, Any]:
        return {one: torrent_document(view) for one, view in self.node.truth.views.items()}

    def shown(self) -> dict[str, Any]:
        return {one: dict(torrent.document) for one, torrent in self.follower.mirror.torrents.items()}


def listed(documents: dict[str, Any]) -> dict[str, Any]:
    """As JSON has it, which knows no tuples and no enumerations."""
    found: dict[str, Any] = orjson.loads(orjson.dumps(documents))
    return found


def without_time(documents: dict[str, Any]) -> dict[str, Any]:
    """Who gets merged progress may think that a torrent changed a bit later than it did."""
    return {
        one: {name: value for name, value in row.items() if name != "last_updated"} for one, row in documents.items()
    }


@settings(deadline=None, max_examples=150)
@given(ring=st.integers(0, 12), buffer=st.integers(1, 12), chunk=st.integers(1, 4), early=st.booleans(), steps=STEPS)
def test_a_mirror_shows_the_catalogue(ring: int, buffer: int, chunk: int, early: bool, steps: list[Any]) -> None:
    async def play() -> None:
        async with trio.open_nursery() as nursery:
            game = Game(nursery, ring)
            nursery.start_soon(game.follower.follow)
            if not early:
                await wait_all_tasks_blocked()
            for name, argument in steps:
                await game.play(name, argument)
            await game.play("flow", None)
            await trio.sleep(5)  # of the mock clock: whoever has to come back has come back
            game.node.look()
            await trio.sleep(5)
            await wait_all_tasks_blocked()
            assert game.follower.mirror.is_current
            expected, shown = listed(game.expected()), listed(game.shown())
            assert without_time(shown) == without_time(expected)
            assert all(shown[one]["last_updated"] >= row["last_updated"] for one, row in expected.items())
            nursery.cancel_scope.cancel()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("revaer.api.event_socket.BUFFER", buffer)
        patch.setattr("revaer.api.catalogue_copy.CHUNK", chunk)
        patch.setattr("revaer.api.readmodel.CHUNK", 1)
        patch.setattr("revaer.api.readmodel.FIGURES", 1)
        trio.run(play, clock=MockClock(autojump_threshold=0))
