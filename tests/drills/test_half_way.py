"""kill -9 in the middle of a fast download: what was verified is kept, without a seeder to ask again."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.support.daemon import Daemon
from tests.support.payloads import MIB, large_torrent
from tests.support.swarm import open_peer
from tests.support.tracker import open_tracker
from tests.support.watching import add, until_complete, until_settled, until_verified, verified_bytes

pytestmark = pytest.mark.drill

SIZE = 1024 * MIB
RATE = 64 * MIB
KEPT = 0.95


async def test_half_a_gibibyte_survives_the_kill(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = Daemon(home / "node")
    folder = node.data_dir / "downloads"
    torrent = await trio.to_thread.run_sync(lambda: large_torrent(SIZE, name="large.bin", seed=1, root=home / "s"))
    async with open_tracker() as tracker:
        try:
            async with open_peer(home / "peer", upload_rate=RATE) as seeder:
                await seeder.seed([torrent], home / "s", trackers=[tracker.url])
                await node.start()
                key = await add(node, torrent, trackers=[tracker.url])
                before = await until_verified(node, key, SIZE // 2, within=60)
                await node.kill()
                tracker.forget_leechers()

            began = trio.current_time()
            await node.start()
            kept = verified_bytes(await until_settled(node, key, within=60))
            seconds = trio.current_time() - began
            on_disk = await trio.to_thread.run_sync(torrent.whole_bytes, folder)

            with capsys.disabled():
                print(
                    f"\nhalf-way drill: {before >> 20} MiB verified at the kill, {kept >> 20} MiB kept "
                    f"({kept / before:.1%}), {on_disk >> 20} MiB whole on disk, {seconds:.1f} s from start to settled"
                )
            assert kept >= KEPT * before
            assert kept <= on_disk

            async with open_peer(home / "peer2") as seeder:
                await seeder.seed([torrent], home / "s", trackers=[tracker.url])
                await until_complete(node, key, within=60)
                fetched = (await seeder.status())["uploaded"]
            assert fetched <= SIZE - kept + RATE, "what was kept is not fetched again"
            assert await node.stop() == 0
            assert await trio.to_thread.run_sync(torrent.whole_bytes, folder) == SIZE
        finally:
            await node.close()
