"""What is asked of a torrent holds in the real engine after a restart, and may be asked before its metadata."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import libtorrent as lt
import pytest

from revaer.session.libtorrent_engine import open_libtorrent
from revaer.types import TorrentId
from tests.session.conftest import FakeStore, StoredTorrents
from tests.support.real_peer import loopback, open_seeder
from tests.support.session_api import show
from tests.support.torrents import magnet_for, make_torrent, payload
from tests.support.whole_node import WholeNode, open_node

pytestmark = pytest.mark.swarm

BLOCK = 16 * 1024
FILES = {"film.mkv": payload(4 * BLOCK), "notes.txt": payload(BLOCK, seed=1)}
FILM = make_torrent(FILES, name="Film")
FLAGS = lt.torrent_flags
TRACKER, SEED = "http://127.0.0.1:1/announce", "http://127.0.0.1:1/"

Open = Callable[[], AbstractAsyncContextManager[WholeNode]]


@pytest.fixture
def start(tmp_path: Path) -> Open:
    """Opens the node; each time the same torrents are stored."""
    kept = StoredTorrents()

    def open_it() -> AbstractAsyncContextManager[WholeNode]:
        store = lambda: FakeStore(kept)  # noqa: E731
        return open_node(tmp_path, engine=open_libtorrent, store=store, settings=loopback(), serves=True)

    return open_it


async def add(node: WholeNode, **body: Any) -> str:
    answer = await node.http.post("/v1/torrents", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def handle(node: WholeNode, path: str) -> Any:
    """The engine's own word for a torrent, as soon as it has it again."""
    key = TorrentId(path.rpartition("/")[2])

    async def there() -> bool:
        entry = node.engine._roster.find(key)
        return entry is not None and entry.handle is not None

    await node.eventually(there, "the torrent in the engine")
    return node.engine._roster.get(key).handle


def film(**options: Any) -> dict[str, Any]:
    return {"metainfo": base64.b64encode(FILM).decode(), "start_paused": True, **options}


OPTIONS: dict[str, Any] = {
    "sequential": True,
    "pex_enabled": False,
    "max_download_bps": 5_000,
    "max_upload_bps": 6_000,
    "max_connections": 7,
    "trackers": [TRACKER],
    "web_seeds": [SEED],
}


def seen(found: Any) -> dict[str, Any]:
    """What the engine says of the options."""
    return {
        "sequential": bool(found.flags() & FLAGS.sequential_download),
        "pex_enabled": not found.flags() & FLAGS.disable_pex,
        "max_download_bps": found.download_limit(),
        "max_upload_bps": found.upload_limit(),
        "max_connections": found.max_connections(),
        "trackers": [entry["url"] for entry in found.trackers()],
        "web_seeds": found.url_seeds(),
    }


async def test_options_of_an_add_hold_after_a_restart(start: Open) -> None:
    async with start() as node:
        path = await add(node, **film(**OPTIONS, priorities={"1": "skip"}))
        assert seen(await handle(node, path)) == OPTIONS
    async with start() as node:
        found = await handle(node, path)
        assert seen(found) == OPTIONS
        assert found.get_file_priorities() == [4, 0]
        assert found.flags() & FLAGS.paused


async def test_changed_options_and_actions_hold_after_a_restart(start: Open) -> None:
    async with start() as node:
        path = await add(node, **film())
        changes = {name: value for name, value in OPTIONS.items() if name not in ("trackers", "web_seeds")}
        assert (await node.http.patch(path, json=changes)).status_code == 200
        assert (await node.http.patch(f"{path}/trackers", json={"add": [TRACKER]})).status_code == 200
        assert (await node.http.patch(f"{path}/web_seeds", json={"add": [SEED]})).status_code == 200
        rate = {"type": "rate", "download_bps": None, "upload_bps": 9_000}
        assert (await node.http.post(f"{path}/action", json=rate)).status_code == 200
        chosen = await node.http.post(f"{path}/select", json={"exclude": ["*.txt"]})
        assert chosen.status_code == 200
    async with start() as node:
        found = await handle(node, path)
        now = seen(found)
        assert now.pop("max_download_bps") in (0, -1)
        expected = OPTIONS | {"max_upload_bps": 9_000}
        assert now == {name: value for name, value in expected.items() if name in now}
        assert found.get_file_priorities() == [4, 0]


async def test_magnet_may_be_changed_before_its_metadata_and_keeps_it(start: Open, tmp_path: Path) -> None:
    async with start() as node:
        path = await add(node, magnet=magnet_for(FILM))
        changes = {name: value for name, value in OPTIONS.items() if name not in ("trackers", "web_seeds")}
        answer = await node.http.patch(path, json={**changes, "name": "Mine", "super_seeding": True})
        assert answer.status_code == 200, answer.text
        assert (await node.http.patch(f"{path}/trackers", json={"replace": [TRACKER]})).status_code == 200
        assert (await node.http.patch(f"{path}/web_seeds", json={"replace": [SEED]})).status_code == 200
        assert (await node.http.post(f"{path}/select", json={"exclude": ["*.txt"]})).status_code == 200
        found = await handle(node, path)
        assert seen(found) == OPTIONS
        async with open_seeder(tmp_path / "seeder") as seeder:
            await seeder.seed(FILM, FILES, name="Film")

            async def known() -> bool:
                await seeder.meet(node, TorrentId(path.rpartition("/")[2]))
                return bool((await show(node, path))["progress"]["percent_complete"] == 100.0)

            await node.eventually(known, "the end of the download")
        shown = await show(node, path)
        assert [(file["path"], file["selected"]) for file in shown["files"]] == [
            ("film.mkv", True),
            ("notes.txt", False),
        ]
        assert shown["name"] == "Mine"
        assert seen(found) == OPTIONS
        assert found.flags() & FLAGS.super_seeding
        assert found.get_file_priorities() == [4, 0]
