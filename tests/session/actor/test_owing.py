"""What is owed to the store is paid: whatever else a torrent has going on, and whatever is written at that moment."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from revaer.session.messages import Act, Move, Pause
from revaer.types import TorrentId
from tests.session.actor.node import Node


def start_endless_move(node: Node, torrent_id: TorrentId) -> None:
    """Give a torrent something to do that does not end."""
    node.engines.faults.silent.add("move")
    assert node.session.try_tell(Act(torrent_id, Move(str(node.root / "elsewhere"))))


async def test_change_that_is_owed_during_a_write_is_stored_after_it(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engine.finish(key)
        await node.settled()
        assert node.shelf.intents[key].completed_at is not None
        held = node.shelf.held = trio.Event()
        assert node.session.try_tell(Act(key, Pause()))
        await node.settled(0.5)
        node.engine.lose(key)
        await node.settled(1.0)
        held.set()
        await node.settled()
        assert node.shelf.intents[key].options.paused
        assert node.shelf.intents[key].completed_at is None


async def test_torrent_that_is_busy_holds_up_no_debt_of_another(node: Node, clock: MockClock) -> None:
    async with node.run():
        busy, other = (await node.add("One")).id, (await node.add("Two")).id
        node.engine.finish(busy)
        node.engine.finish(other)
        await node.settled()
        start_endless_move(node, busy)
        await node.settled()
        node.engine.lose(busy)
        await node.settled()
        node.engine.lose(other)
        await node.settled(10.0)
        assert node.shelf.intents[other].completed_at is None
        assert node.shelf.intents[busy].completed_at is not None


async def test_torrents_that_are_busy_hold_up_no_completion_of_another(node: Node, clock: MockClock) -> None:
    async with node.run():
        busy = [(await node.add(f"Busy {number}")).id for number in range(65)]
        other = (await node.add("Film")).id
        for key in busy:
            start_endless_move(node, key)
        await node.settled()
        for key in busy:
            node.engine.finish(key)
        await node.settled()
        node.engine.finish(other)
        await node.settled(10.0)
        assert (await node.views())[other].descriptor.completed_at is not None
