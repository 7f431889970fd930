"""Torrents leave: the wish is durable first, and an interrupted removal is finished."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trio.testing import MockClock

from revaer.resume.messages import Removing
from revaer.session.messages import ActionRefused, ActOnMany, Remove, RemoveTorrent, SessionUnavailable
from tests.session.actor.node import Node


@pytest.mark.parametrize(("delete_data", "call"), [(False, "remove"), (True, "remove_with_data")])
async def test_removed_torrent_is_gone_everywhere(
    node: Node, clock: MockClock, *, delete_data: bool, call: str
) -> None:
    async with node.run():
        key = (await node.add()).id
        await node.ask(RemoveTorrent(key, delete_data=delete_data))
        assert (call, key) in node.engine.calls
        assert not node.shelf.intents
        assert not await node.views()


async def test_removed_torrent_can_be_added_again(node: Node, clock: MockClock) -> None:
    async with node.run():
        await node.ask(RemoveTorrent((await node.add()).id))
        assert (await node.add()).id in await node.views()


async def test_removal_without_the_database_is_unavailable_and_changes_nothing(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.shelf.is_away = True
        with pytest.raises(SessionUnavailable):
            await node.ask(RemoveTorrent(key))
        assert key in node.engine.torrents
        assert key in await node.views()


async def test_payload_that_stays_is_told_and_the_torrent_is_gone(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engines.faults.refusals["remove_with_data"] = "the disk said no"
        with pytest.raises(ActionRefused, match="the disk said no"):
            await node.ask(RemoveTorrent(key, delete_data=True))
        assert not node.shelf.intents
        assert not await node.views()


async def test_removal_that_a_crash_interrupted_is_finished_at_the_next_start(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    node.shelf.intents[key] = replace(node.shelf.intents[key], removing=Removing(delete_data=False))
    async with node.run():
        await node.settled()
        assert not await node.views()
        assert not node.shelf.intents


async def test_interrupted_removal_with_data_deletes_the_data_at_the_next_start(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    node.shelf.intents[key] = replace(node.shelf.intents[key], removing=Removing(delete_data=True))
    async with node.run():
        await node.settled()
        assert ("remove_with_data", key) in node.engine.calls
        assert not node.shelf.intents


async def test_intent_that_the_database_fails_to_forget_is_forgotten_later(node: Node, clock: MockClock) -> None:
    async with node.run():
        key, other = (await node.add()).id, (await node.add("Another film")).id
        node.shelf.stuck.add(key)
        await node.ask(RemoveTorrent(key))
        await node.ask(RemoveTorrent(other))
        await node.settled(60.0)
        assert not await node.views()
        assert list(node.shelf.intents) == [key]
        with pytest.raises(SessionUnavailable, match="an earlier removal is not finished"):
            await node.add("A third film")
        node.shelf.stuck.clear()
        await node.settled(60.0)
        assert not node.shelf.intents
        await node.add("A third film")


async def test_unfinished_removals_do_not_wait_for_each_other(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = tuple([(await node.add(name)).id for name in ("One", "Two", "Three")])
        node.engines.faults.silent |= {"remove_with_data", "add"}
        outcomes = await node.ask(ActOnMany(keys, Remove(delete_data=True), 1.0))
        assert all(isinstance(outcome, SessionUnavailable) for outcome in outcomes)
        del node.engine.calls[:]
        await node.settled(64.0)
        assert {key for call, key in node.engine.calls if call == "add"} == set(keys)
