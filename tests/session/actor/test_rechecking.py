"""Rechecks of torrents that the engine does not have, and of those it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trio.testing import MockClock

from revaer.resume.messages import Intent
from revaer.session.messages import Act, ActionRefused, Pause, Recheck, UnknownTorrent
from revaer.session.port import CheckFinished, EngineState
from revaer.types import TorrentId, TorrentState
from tests.session.actor.node import FILES, Node
from tests.support.torrents import encode, write_files


async def missing_files(node: Node, *, clean: bool = True) -> TorrentId:
    """Have a torrent stored whose verified files are gone, so that no start brings it into the engine."""
    async with node.run():
        key = (await node.add()).id
        await node.ask(Act(key, Pause()))
    node.shelf.records[key] = encode({"pieces": bytes([1] * 4)})
    node.shelf.is_clean = clean
    return key


async def shows_checking(node: Node, key: TorrentId) -> bool:
    """Tell whether a paused torrent is shown as being checked when its engine checks something."""
    node.engine.torrents[key].state = EngineState.CHECKING
    node.engine.run_at(key, 0)
    return await node.state(key) is TorrentState.CHECKING


@pytest.mark.parametrize("clean", [True, False], ids=["after a clean stop", "after an unclean stop"])
async def test_recheck_of_a_torrent_that_is_not_in_the_engine_begins_and_ends(
    node: Node, clock: MockClock, clean: bool
) -> None:
    key = await missing_files(node, clean=clean)
    async with node.run():
        await node.settled()
        assert key not in node.engine.torrents
        await node.ask(Act(key, Recheck()))
        spec = node.engine.torrents[key].spec
        assert (spec.record, spec.have) == (None, None), "the engine looks for itself"
        assert ("recheck", key) in node.engine.calls
        await node.settled()
        assert not await shows_checking(node, key), "the recheck that the user asked for is over"


async def test_recheck_looks_even_at_a_torrent_that_was_added_as_whole(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add(seed_mode=True)).id
    node.shelf.records[key] = encode({"pieces": bytes([1] * 4)})
    async with node.run():
        await node.settled()
        await node.ask(Act(key, Recheck()))
        assert not node.engine.torrents[key].spec.seed_mode


async def test_running_recheck_is_shown_until_the_engine_says_that_it_ended(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add(paused=True)).id
        node.engines.faults.mute.add("recheck")
        await node.ask(Act(key, Recheck()))
        assert await shows_checking(node, key)
        node.engine.emit(CheckFinished(key))
        await node.settled()
        assert not await shows_checking(node, key)


async def test_refused_recheck_is_not_shown_as_running(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add(paused=True)).id
        node.engines.faults.refusals["recheck"] = "not now"
        with pytest.raises(ActionRefused, match="not now"):
            await node.ask(Act(key, Recheck()))
        assert not await shows_checking(node, key)


async def test_recheck_that_the_engine_refuses_after_it_took_the_torrent_in_is_not_shown(
    node: Node, clock: MockClock
) -> None:
    key = await missing_files(node)
    node.engines.faults.refusals["recheck"] = "not now"
    async with node.run():
        await node.settled()
        with pytest.raises(ActionRefused, match="not now"):
            await node.ask(Act(key, Recheck()))
        assert not await shows_checking(node, key)


async def test_recheck_of_a_torrent_that_the_engine_refuses_says_so(node: Node, clock: MockClock) -> None:
    key = await missing_files(node)
    node.engines.faults.refusals["add"] = "no room"
    async with node.run():
        await node.settled()
        with pytest.raises(ActionRefused, match="no room"):
            await node.ask(Act(key, Recheck()))
        assert await node.state(key) is TorrentState.FAILED


async def test_recheck_of_a_torrent_that_nobody_stores_any_more_is_not_found(node: Node, clock: MockClock) -> None:
    key = await missing_files(node)
    async with node.run():
        await node.settled()
        del node.shelf.intents[key]
        with pytest.raises(UnknownTorrent):
            await node.ask(Act(key, Recheck()))


async def test_recheck_waits_for_the_storage_that_still_fails(node: Node, clock: MockClock) -> None:
    """The first files are there, and a later look finds that the move of the torrent cannot be finished."""
    key = await missing_files(node)
    stored: Intent = node.shelf.intents[key]
    node.shelf.intents[key] = replace(stored, moving_to=str(node.root / "away"))
    async with node.run():
        await node.settled()
        with pytest.raises(ActionRefused, match="mount its volume"):
            await node.ask(Act(key, Recheck()))
        (node.root / "away").mkdir()
        write_files(node.root / "away", FILES, name="Film")
        await node.settled(120.0)
        assert await node.state(key) is not TorrentState.FAILED
