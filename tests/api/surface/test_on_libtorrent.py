"""The calls that look at torrents and change them, over HTTP on the real engine and against a real seeder."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import libtorrent as lt
import pytest

from revaer.session.libtorrent_engine import open_libtorrent
from revaer.types import TorrentId
from tests.session.conftest import FakeStore, StoredTorrents
from tests.support.real_peer import Seeder, loopback, open_seeder
from tests.support.session_api import show
from tests.support.torrents import make_torrent, payload
from tests.support.tracker import open_tracker
from tests.support.whole_node import WholeNode, open_node

pytestmark = pytest.mark.swarm

BLOCK = 16 * 1024
FILES = {"film.mkv": payload(100 * BLOCK), "notes.txt": payload(BLOCK, seed=1)}
FILM = make_torrent(FILES, name="Film")
SLOW = 100_000
FLAGS = lt.torrent_flags


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[WholeNode]:
    kept = StoredTorrents()
    store = lambda: FakeStore(kept)  # noqa: E731
    async with open_node(tmp_path, engine=open_libtorrent, store=store, settings=loopback(), serves=True) as opened:
        yield opened


@pytest.fixture
async def seeder(tmp_path: Path) -> AsyncIterator[Seeder]:
    async with open_seeder(tmp_path / "seeder") as opened:
        await opened.seed(FILM, FILES, name="Film")
        yield opened


async def add(node: WholeNode, **options: Any) -> str:
    body = {"metainfo": base64.b64encode(FILM).decode(), **options}
    answer = await node.http.post("/v1/torrents", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def handle(node: WholeNode, path: str) -> Any:
    """The engine's own word for a torrent."""
    return node.engine._roster.get(TorrentId(path.rpartition("/")[2])).handle


async def test_peers_pieces_and_trackers_of_a_download_are_shown(node: WholeNode, seeder: Seeder) -> None:
    async with open_tracker() as tracker:
        path = await add(node, max_download_bps=SLOW, trackers=[tracker.url])
        key = TorrentId(path.rpartition("/")[2])
        peers: list[dict[str, Any]] = []

        async def half_way() -> bool:
            await seeder.meet(node, key)
            peers[:] = (await show(node, f"{path}/peers"))["peers"]
            return any(peer["downloaded_bytes"] > 0 and peer["progress"] == 1.0 for peer in peers)

        await node.eventually(half_way, "a seeder that gives")
        peer = next(peer for peer in peers if peer["downloaded_bytes"] > 0)
        assert (peer["address"], peer["port"], peer["connection"]) == ("127.0.0.1", seeder.port, "bittorrent")
        assert "seed" in peer["flags"]
        assert peer["client"].startswith("revaer")

        async def some_pieces() -> bool:
            return bool((await show(node, f"{path}/pieces"))["have_count"])

        await node.eventually(some_pieces, "pieces")
        pieces = await show(node, f"{path}/pieces")
        bits = int.from_bytes(base64.b64decode(pieces["have"]), "big").bit_count()
        assert 0 < bits == pieces["have_count"] < pieces["count"] == 101
        assert pieces["availability"]["min"] == 1

        async def announced() -> bool:
            return bool((await show(node, f"{path}/trackers"))["trackers"][0]["state"] == "working")

        await node.eventually(announced, "an announce")
        (shown,) = (await show(node, f"{path}/trackers"))["trackers"]
        assert (shown["url"], shown["from_profile"]) == (tracker.url, False)
        assert {"seeders", "leechers", "next_announce"} <= shown.keys()


async def test_options_of_an_add_reach_the_engine(node: WholeNode) -> None:
    path = await add(
        node,
        start_paused=True,
        sequential=True,
        super_seeding=True,
        pex_enabled=False,
        max_download_bps=5_000,
        max_upload_bps=6_000,
        max_connections=7,
        trackers=["http://127.0.0.1:1/announce"],
        web_seeds=["http://127.0.0.1:1/"],
        priorities={"1": "skip"},
    )
    found = handle(node, path)
    flags = found.flags()
    for flag in (FLAGS.paused, FLAGS.sequential_download, FLAGS.disable_pex):
        assert flags & flag
    assert (found.download_limit(), found.upload_limit(), found.max_connections()) == (5_000, 6_000, 7)
    assert [entry["url"] for entry in found.trackers()] == ["http://127.0.0.1:1/announce"]
    assert found.url_seeds() == ["http://127.0.0.1:1/"]
    assert found.get_file_priorities() == [4, 0]


async def test_super_seeding_is_there_when_a_download_ends(node: WholeNode, seeder: Seeder) -> None:
    """The engine drops the flag when it checks what is not complete yet."""
    path = await add(node, super_seeding=True)
    key = TorrentId(path.rpartition("/")[2])

    async def whole() -> bool:
        await seeder.meet(node, key)
        return bool((await show(node, path))["progress"]["percent_complete"] == 100.0)

    await node.eventually(whole, "the end of the download")
    assert handle(node, path).flags() & FLAGS.super_seeding
    await node.http.post(f"{path}/action", json={"type": "recheck"})

    async def again() -> bool:
        return bool((await show(node, path))["state"]["kind"] != "checking")

    await node.eventually(again, "the end of the check")
    assert handle(node, path).flags() & FLAGS.super_seeding


async def test_changed_options_reach_the_engine(node: WholeNode) -> None:
    path = await add(node)
    patch = {
        "sequential": True,
        "super_seeding": True,
        "pex_enabled": False,
        "max_connections": 7,
        "auto_managed": True,
    }
    answer = await node.http.patch(path, json=patch | {"max_download_bps": 5_000})
    assert answer.status_code == 200, answer.text
    found = handle(node, path)
    for flag in (FLAGS.sequential_download, FLAGS.super_seeding, FLAGS.disable_pex, FLAGS.auto_managed):
        assert found.flags() & flag
    assert (found.download_limit(), found.max_connections()) == (5_000, 7)
    await node.http.patch(path, json=dict.fromkeys([*patch, "max_download_bps"]))
    for flag in (FLAGS.sequential_download, FLAGS.super_seeding, FLAGS.disable_pex, FLAGS.auto_managed):
        assert not found.flags() & flag
    assert found.download_limit() in (0, -1)


async def test_changed_lists_reach_the_engine(node: WholeNode) -> None:
    path = await add(node)
    trackers = [f"http://127.0.0.1:{port}/announce" for port in (1, 2)]
    await node.http.patch(f"{path}/trackers", json={"replace": trackers})
    await node.http.patch(f"{path}/web_seeds", json={"replace": ["http://127.0.0.1:1/"]})
    found = handle(node, path)
    assert [(entry["url"], entry["tier"]) for entry in sorted(found.trackers(), key=lambda entry: entry["tier"])] == [
        (trackers[0], 0),
        (trackers[1], 1),
    ]
    assert found.url_seeds() == ["http://127.0.0.1:1/"]
    await node.http.delete(f"{path}/trackers")
    assert found.trackers() == []


async def test_many_are_added_acted_on_and_removed(node: WholeNode) -> None:
    torrents = [make_torrent({f"f{n}": payload(BLOCK, seed=n)}, name=f"f{n}") for n in range(200)]
    items = [{"metainfo": base64.b64encode(torrent).decode(), "start_paused": True} for torrent in torrents]
    results = (await node.http.post("/v1/torrents/bulk", json={"torrents": items})).json()["results"]
    assert {result["status"] for result in results} == {201}
    keys = [result["id"] for result in results]
    body = {"action": {"type": "queue", "position": "top"}, "ids": keys[-3:]}
    answer = await node.http.post("/v1/torrents/actions", json=body)
    assert {result["status"] for result in answer.json()["results"]} == {200}
    places = [handle(node, f"/{key}").status().queue_position for key in keys[-3:]]
    assert places == [0, 1, 2]
    body = {"action": {"type": "remove", "delete_data": True}, "filter": {"state": "stopped"}}
    answer = await node.http.post("/v1/torrents/actions", json=body)
    assert {result["status"] for result in answer.json()["results"]} == {204}
    assert node.engine._library.session.get_torrents() == []
