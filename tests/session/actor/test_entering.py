"""Torrents enter: durable, once, and whole or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from trio.testing import MockClock

from actors import Stamped
from revaer.events import TorrentAdded
from revaer.session.messages import ActionRefused, AddTorrent, DuplicateTorrent, InvalidSource, SessionUnavailable
from revaer.types import Priority, SelectionRules, TorrentOptions, TorrentState
from tests.session.actor.node import Node, torrent_file
from tests.support.torrents import magnet_for


async def test_added_torrent_is_in_store_engine_and_list(node: Node, clock: MockClock) -> None:
    async with node.run():
        view = await node.add()
        assert set(node.shelf.intents) == set(node.engine.torrents) == set(await node.views()) == {view.id}
        assert await node.state(view.id) is TorrentState.DOWNLOADING


async def test_add_is_announced(node: Node, clock: MockClock) -> None:
    async with node.run():
        with node.bus.subscribe("test", wants=lambda event: isinstance(event, TorrentAdded)) as events:
            view = await node.add()
            stamped = await anext(aiter(events))
        assert isinstance(stamped, Stamped)
        assert isinstance(stamped.event, TorrentAdded)
        assert (stamped.event.torrent_id, stamped.event.view.descriptor) == (view.id, view.descriptor)


async def test_selection_enters_the_engine_with_the_torrent(node: Node, clock: MockClock) -> None:
    async with node.run():
        view = await node.add(selection=SelectionRules(exclude=("*.nfo",)))
        assert node.engine.torrents[view.id].spec.file_priorities == (int(Priority.NORMAL), int(Priority.SKIP))


async def test_magnet_of_a_torrent_that_is_here_is_a_duplicate(node: Node, clock: MockClock) -> None:
    async with node.run():
        view = await node.add()
        with pytest.raises(DuplicateTorrent) as refusal:
            await node.ask(AddTorrent(node.options(), magnet=magnet_for(torrent_file())))
        assert refusal.value.existing == view.id
        assert list(node.shelf.intents) == [view.id]


@pytest.mark.parametrize(
    "request_of",
    [
        lambda options: AddTorrent(options, metainfo=torrent_file()[:-20]),
        AddTorrent,
        lambda options: AddTorrent(options, magnet=magnet_for(torrent_file()), metainfo=torrent_file()),
    ],
    ids=["truncated", "no source", "two sources"],
)
async def test_unusable_source_is_refused_and_leaves_nothing(
    node: Node, clock: MockClock, request_of: Callable[[TorrentOptions], AddTorrent]
) -> None:
    async with node.run():
        with pytest.raises(InvalidSource):
            await node.ask(request_of(node.options()))
        assert not node.shelf.intents
        assert not node.engine.torrents


async def test_add_works_after_the_database_came_back(node: Node, clock: MockClock) -> None:
    async with node.run():
        node.shelf.is_away = True
        with pytest.raises(SessionUnavailable):
            await node.add()
        node.shelf.is_away = False
        view = await node.add()
        await node.settled(10.0)
        assert list(node.shelf.intents) == [view.id]


async def test_intent_is_forgotten_when_the_engine_refuses(node: Node, clock: MockClock) -> None:
    async with node.run():
        node.engines.faults.refusals["add"] = "no"
        with pytest.raises(ActionRefused, match="no"):
            await node.add()
        assert not node.shelf.intents
        assert not await node.views()


async def test_add_to_a_silent_engine_is_unavailable_and_forgotten(node: Node, clock: MockClock) -> None:
    async with node.run():
        node.engines.faults.silent.add("add")
        with pytest.raises(SessionUnavailable):
            await node.add()
        await node.settled(5.0)
        assert not node.shelf.intents
        assert not await node.views()
