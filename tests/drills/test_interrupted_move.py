"""kill -9 while the payload is copied to another disk: the next start finishes the move."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import trio

from tests.support.daemon import Daemon
from tests.support.payloads import MIB, large_torrent
from tests.support.volume import open_volume
from tests.support.waiting import eventually
from tests.support.watching import add, until_complete

pytestmark = pytest.mark.drill

NAME = "payload.bin"


async def test_move_that_is_killed_in_the_middle_is_finished_by_the_next_start(
    home: Path, fresh_database_url: str
) -> None:
    torrent = large_torrent(192 * MIB, name=NAME, seed=8, root=home / "old")
    node = Daemon(home / "node", database_url=fresh_database_url)
    try:
        with open_volume(home / "new", 400 * MIB) as volume:
            await node.start()
            volume.bind(node.pid)
            key = await add(node, torrent, download_dir=str(home / "old"))
            await until_complete(node, key)
            copied = volume.path / NAME

            async with trio.open_nursery() as nursery:
                nursery.start_soon(_move_and_be_cut_off, node, key, str(volume.path))
                await eventually(copied.exists, "the copy begins", every=0.001)
                await node.kill()

            api = await node.start()
            volume.bind(node.pid)
            detail = await until_complete(node, key)
            assert detail["download_dir"] == str(volume.path)
            assert detail["content_path"] == str(copied)
            assert all(torrent.whole_pieces(volume.path))
            assert not (home / "old" / NAME).exists()
            assert (await api.act(key, "recheck")).status_code == 200
            await until_complete(node, key)
            assert await node.stop() == 0
    finally:
        await node.close()


async def _move_and_be_cut_off(node: Daemon, key: str, target: str) -> None:
    """Ask for the move; whether the answer comes before the kill does not matter."""
    with trio.move_on_after(30):
        with suppress(httpx.HTTPError, trio.ClosedResourceError):
            await node.api.act(key, "move", download_dir=target)
