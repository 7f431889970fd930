"""Torrents that wait for their storage: nothing is done with one that left while the disk was looked at."""

from __future__ import annotations

import errno

import pytest
from trio.testing import MockClock

from actors import HealthState
from revaer.session.messages import RemoveTorrent
from revaer.session.port import StorageFailed
from revaer.types import TorrentId
from tests.session.actor.node import HeldLane, Node


def fail(node: Node, torrent_id: TorrentId) -> None:
    """Have the engine say that a torrent could not be written."""
    path = str(node.downloads / "film.mkv")
    node.engine.emit(StorageFailed(torrent_id, errno=errno.EIO, message="Input/output error", path=path))


def storage_state(node: Node) -> HealthState:
    """Return how the storage is shown."""
    return node.health.snapshot()["storage"].state


@pytest.mark.parametrize("is_bad", [False, True])
async def test_torrent_that_leaves_during_the_look_is_forgotten(node: Node, clock: MockClock, *, is_bad: bool) -> None:
    lane = node.lanes["disk"] = HeldLane()
    async with node.run():
        key = (await node.add()).id
        fail(node, key)
        await node.settled(0.5)
        lane.hold()
        await node.settled(5.0)
        await node.ask(RemoveTorrent(key))
        if is_bad:
            node.downloads.rmdir()
        lane.free()
        await node.settled(200.0)
        assert len(node.engines.opened) == 1
        assert storage_state(node) is HealthState.UP
