"""The daemon and the clients that the world runs understand each other, in both directions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.foreign import CLIENTS, Client, open_foreign
from tests.support.daemon import Daemon, daemon
from tests.support.payloads import MIB, large_torrent
from tests.support.tracker import open_tracker
from tests.support.waiting import eventually
from tests.support.watching import add, until_complete

pytestmark = pytest.mark.peers

SIZE = 16 * MIB
PATIENCE = 60.0
"""Seconds for one transfer; Transmission looks for work only every ten seconds."""

each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)


@each_client
async def test_downloads_from(client: Client, home: Path) -> None:
    torrent = large_torrent(SIZE, name="payload.bin", seed=1, root=home / "foreign" / "downloads")
    async with open_tracker() as tracker, daemon(home / "node") as node:
        async with open_foreign(client, torrent, folder=home / "foreign", tracker=tracker.url) as foreign:
            await eventually(lambda: foreign.port in tracker.peers(torrent.info_hash), foreign.log.read_text, within=20)

            key = await add(node, torrent, trackers=[tracker.url])

            await until_complete(node, key, within=PATIENCE)
        await node.stop()
    assert all(torrent.whole_pieces(home / "node" / "downloads"))


@each_client
async def test_uploads_to(client: Client, home: Path) -> None:
    torrent = large_torrent(SIZE, name="payload.bin", seed=2, root=home / "node" / "downloads")
    async with open_tracker() as tracker, daemon(home / "node") as node:
        key = await add(node, torrent, trackers=[tracker.url])
        await until_complete(node, key)
        async with open_foreign(client, torrent, folder=home / "foreign", tracker=tracker.url) as foreign:
            await eventually(lambda: foreign.port in tracker.peers(torrent.info_hash), foreign.log.read_text, within=20)

            assert (await node.api.act(key, "reannounce")).is_success

            await eventually(
                lambda: all(torrent.whole_pieces(foreign.downloads)), foreign.log.read_text, within=PATIENCE, every=0.5
            )
        await eventually(lambda: uploaded_all(node, key), node.log_tail)


async def uploaded_all(node: Daemon, key: str) -> bool:
    """Whether the daemon counts the whole payload as uploaded."""
    return int((await node.api.detail(key))["totals"]["uploaded_bytes"]) >= SIZE
