"""An engine that did not answer may have followed all the same: when it speaks again it gets what is kept and shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from trio.testing import MockClock

from actors import Request
from revaer.session.messages import (
    Act,
    ActOnMany,
    EditTrackers,
    EditWebSeeds,
    ListEdit,
    Pause,
    Queue,
    Resume,
    Select,
    SessionUnavailable,
    SetRate,
    SetSequential,
)
from revaer.types import Priority, SelectionRules, TorrentId
from tests.session.actor.node import Node

URL = "http://tracker.example/announce"

WISHES: dict[str, Callable[[TorrentId], Request[Any]]] = {
    "set_sequential": lambda key: Act(key, SetSequential(enable=True)),
    "set_rates": lambda key: Act(key, SetRate(5_000, None)),
    "set_queue_position": lambda key: Act(key, Queue("top")),
    "set_trackers": lambda key: EditTrackers(key, ListEdit(add=(URL,))),
    "set_web_seeds": lambda key: EditWebSeeds(key, ListEdit(add=("http://seed.example/",))),
    "set_file_priorities": lambda key: Select(key, SelectionRules(priorities={1: Priority(0)})),
}
"""What is asked for by the call that the engine gets for it, before and after."""


@pytest.mark.parametrize("call", WISHES)
async def test_wish_of_a_silent_engine_is_taken_back_when_it_speaks(node: Node, clock: MockClock, call: str) -> None:
    async with node.run():
        key = (await node.add(queue_position=1)).id
        stored = node.shelf.intents[key].options
        node.engines.faults.silent.add(call)
        with pytest.raises(SessionUnavailable):
            await node.ask(WISHES[call](key))
        await node.settled(30.0)
        node.engines.faults.silent.clear()
        del node.engine.calls[:]
        await node.settled(60.0)
        assert node.engine.calls == [(call, key)]
        assert node.shelf.intents[key].options == stored
        assert URL not in node.engine.torrents[key].trackers


@pytest.mark.parametrize("is_paused", [False, True])
async def test_torrents_run_or_rest_as_they_are_shown_when_the_engine_speaks(
    node: Node, clock: MockClock, *, is_paused: bool
) -> None:
    async with node.run():
        one, other = [(await node.add(name, paused=is_paused)).id for name in ("One", "Two")]
        action, told, restored = (Resume(), "resume", "pause") if is_paused else (Pause(), "pause", "resume")
        node.engines.faults.silent.add(told)
        with pytest.raises(SessionUnavailable):
            await node.ask(Act(one, action))
        (outcome,) = await node.ask(ActOnMany((other,), action, 30.0))
        assert isinstance(outcome, SessionUnavailable)
        await node.settled(60.0)
        assert {(restored, one), (restored, other)} <= set(node.engine.calls)
        assert {node.shelf.intents[key].options.paused for key in (one, other)} == {is_paused}
