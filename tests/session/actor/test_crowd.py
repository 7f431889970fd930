"""One action on many torrents: each has its own outcome, whatever becomes of the others."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from revaer.session.crowd import AT_ONCE
from revaer.session.messages import (
    Act,
    Action,
    ActionRefused,
    ActOnMany,
    Move,
    Pause,
    Queue,
    Reannounce,
    Recheck,
    Remove,
    Resume,
    SessionUnavailable,
    SetPieceDeadline,
    UnknownTorrent,
)
from revaer.types import TorrentId, TorrentState, TorrentView
from tests.session.actor.node import Node
from tests.support.waiting import eventually

NOBODY = TorrentId("01890000-0000-7000-8000-000000000000")


async def act(node: Node, keys: list[TorrentId], action: Action | Remove, *, seconds: float = 60.0) -> tuple[Any, ...]:
    return await node.ask(ActOnMany(tuple(keys), action, seconds))


async def some(node: Node, count: int = 3) -> list[TorrentId]:
    return [(await node.add(f"film {number}")).id for number in range(count)]


async def refused(node: Node, request: Act) -> None:
    with pytest.raises(SessionUnavailable):
        await node.ask(request)


async def test_every_torrent_is_paused_and_shown_as_it_is_then(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = await some(node)
        views = await act(node, keys, Pause())
        assert [(view.id, view.state.kind) for view in views] == [(key, TorrentState.STOPPED) for key in keys]
        assert all(node.shelf.intents[key].options.paused for key in keys)


async def test_torrents_that_are_none_disturb_no_other(node: Node, clock: MockClock) -> None:
    async with node.run():
        first, second = await some(node, 2)
        outcomes = await act(node, [first, NOBODY, second], Pause())
        assert [type(outcome) for outcome in outcomes] == [TorrentView, UnknownTorrent, TorrentView]


async def test_torrent_that_is_named_twice_is_acted_on_once(node: Node, clock: MockClock) -> None:
    async with node.run():
        (key,) = await some(node, 1)
        del node.engine.calls[:]
        outcomes = await act(node, [key, key], Pause())
        assert len(outcomes) == 2
        assert node.engine.calls.count(("pause", key)) == 1


async def test_nobody_is_acted_on(node: Node, clock: MockClock) -> None:
    async with node.run():
        assert await act(node, [], Pause()) == ()
        assert await act(node, [], Queue("top")) == ()


async def test_every_refusal_says_why(node: Node, clock: MockClock) -> None:
    async with node.run():
        film = (await node.add("film")).id
        magnet = (await node.add_magnet("other")).id
        good, bad = await act(node, [film, magnet], Recheck())
        assert isinstance(good, TorrentView)
        assert isinstance(bad, ActionRefused)
        assert "metadata" in str(bad)
        missing = await act(node, [film], SetPieceDeadline(99, 1))
        assert "piece 99" in str(missing[0])


async def test_removed_torrents_are_gone(node: Node, clock: MockClock) -> None:
    async with node.run():
        first, second, third = await some(node)
        assert await act(node, [first, third], Remove(delete_data=True)) == (None, None)
        assert set(await node.views()) == set(node.shelf.intents) == {second}
        assert ("remove_with_data", first) in node.engine.calls


async def test_what_takes_too_long_is_told_and_done_all_the_same(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = await some(node)
        node.engines.faults.silent.add("pause")
        outcomes = await act(node, keys, Pause(), seconds=1.0)
        assert all(isinstance(outcome, SessionUnavailable) for outcome in outcomes)
        assert "done all the same" in str(outcomes[0])


async def test_failing_store_refuses_each(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = await some(node)
        node.shelf.is_away = True
        outcomes = await act(node, keys, Pause())
        assert all(isinstance(outcome, SessionUnavailable) for outcome in outcomes)
        assert not any(torrent.paused for torrent in node.engine.torrents.values())


async def test_more_torrents_than_work_at_once_are_all_acted_on(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = await some(node, 150)
        outcomes = await act(node, keys, Pause())
        assert all(isinstance(outcome, TorrentView) for outcome in outcomes)
        assert all(node.engine.torrents[key].paused for key in keys)


async def test_those_that_run_already_or_rest_already_are_shown_too(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = await some(node)
        await act(node, keys[:1], Pause())
        assert all(isinstance(outcome, TorrentView) for outcome in await act(node, keys, Resume()))
        assert not any(node.shelf.intents[key].options.paused or node.engine.torrents[key].paused for key in keys)


async def test_what_the_engine_refuses_is_put_back(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = await some(node)
        node.engines.faults.refusals["pause"] = "not now"
        outcomes = await act(node, keys, Pause())
        assert [str(outcome) for outcome in outcomes] == ["not now"] * 3
        await eventually(
            lambda: not any(node.shelf.intents[key].options.paused for key in keys), "the old wish is stored again"
        )
        assert all(view.state.kind is not TorrentState.STOPPED for view in (await node.views()).values())


async def test_one_that_is_busy_has_its_turn_and_holds_up_no_other(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = await some(node)
        node.engines.faults.silent.add("recheck")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(refused, node, Act(keys[1], Recheck()))
            await trio.testing.wait_all_tasks_blocked()
            outcomes = await act(node, keys, Pause())
        assert [view.state.kind for view in outcomes] == [TorrentState.STOPPED] * 3
        pauses = [key for call, key in node.engine.calls if call == "pause"]
        assert pauses == [keys[0], keys[2], keys[1]]


async def test_reason_of_a_pause_is_shown_by_each(node: Node, clock: MockClock) -> None:
    async with node.run():
        views = await act(node, await some(node), Pause("the disk is full"))
        assert [view.state.message for view in views] == ["the disk is full"] * 3


async def test_places_in_the_queue_are_durable_and_moved_with_one_call(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = await some(node, 5)
        for place, key in enumerate(keys):
            node.engine.torrents[key].place = place
        del node.engine.calls[:]
        outcomes = await act(node, [keys[3], keys[1]], Queue("top"))
        assert [view.id for view in outcomes] == [keys[3], keys[1]]
        assert [call for call in node.engine.calls if "queue" in call[0]] == [
            ("move_in_queue", keys[3]),
            ("move_in_queue", keys[1]),
        ]
        assert [node.shelf.intents[key].options.queue_position for key in keys] == [None, 0, None, 1, None]
        assert (await node.views())[keys[3]].descriptor.queue_position == 1


async def test_places_that_the_engine_refuses_are_not_kept(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = await some(node, 2)
        node.engine.torrents[keys[1]].place = 1
        node.engines.faults.refusals["move_in_queue"] = "not now"
        outcomes = await act(node, [*keys, NOBODY], Queue("top"))
        assert [type(outcome) for outcome in outcomes] == [ActionRefused, ActionRefused, UnknownTorrent]
        assert [node.shelf.intents[key].options.queue_position for key in keys] == [None, None]


async def test_moves_that_take_their_time_hold_up_no_other_action(node: Node, clock: MockClock) -> None:
    async with node.run():
        *moved, other = await some(node, 258)
        node.engines.faults.silent.add("move")
        outcomes = await act(node, moved, Move(str(node.root / "elsewhere")), seconds=1.0)
        assert all(isinstance(outcome, SessionUnavailable) for outcome in outcomes)
        (outcome,) = await act(node, [other], Reannounce(), seconds=1.0)
        assert isinstance(outcome, TorrentView)


async def test_nothing_of_it_begins_any_more_while_the_session_stops(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = await some(node, 300)
        node.engines.faults.silent |= {"reannounce", "pause"}
        await act(node, keys, Reannounce(), seconds=9.0)
    told = [call for call, _ in node.engine.calls]
    assert told.count("reannounce") == AT_ONCE
    assert "pause" in told
