"""Time spent seeding counts across crashes: records of idle seeds are saved now and then."""

from __future__ import annotations

from trio.testing import MockClock

from revaer.session.messages import Act, Pause
from revaer.session.timing import Timing
from tests.session.actor.node import Node


async def test_idle_seeds_are_saved_now_and_then(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = [(await node.add(name)).id for name in ("One", "Two", "Three")]
        for key in keys:
            node.engine.finish(key)
        await node.settled(120.0)
        node.engine.records_asked.clear()
        await node.settled(Timing().record_seeds + 120.0)
        assert set(node.engine.records_asked) == set(keys)
        assert max(node.engine.records_asked.values()) <= 2


async def test_idle_torrents_that_do_not_seed_are_left_alone(node: Node, clock: MockClock) -> None:
    async with node.run():
        await node.add("Unfinished")
        paused = (await node.add("Paused")).id
        node.engine.finish(paused)
        await node.settled()
        await node.ask(Act(paused, Pause()))
        await node.settled(120.0)
        node.engine.records_asked.clear()
        await node.settled(Timing().record_seeds + 120.0)
        assert not node.engine.records_asked
