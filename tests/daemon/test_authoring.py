"""A torrent that a daemon makes is a torrent: the daemon takes it in and seeds it, and others get it whole."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.support.daemon import Daemon, daemon
from tests.support.payloads import Torrent
from tests.support.problem_documents import assert_problem
from tests.support.swarm import open_peer
from tests.support.torrents import payload, write_files
from tests.support.waiting import eventually

FILES = {"caf\u00e9/film.mkv": payload(600_001), "film.nfo": b"about it", "sample/film.mkv": payload(40_000, seed=1)}


async def create(node: Daemon, path: Path, **options: Any) -> dict[str, Any]:
    """Make a torrent."""
    answer = await node.api.http.post("/v1/torrents/create", json={"root_path": str(path), **options})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.swarm
@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
async def test_what_is_made_is_seeded_and_reaches_others(home: Path, fresh_database_url: str, version: str) -> None:
    async with daemon(home / "node", database_url=fresh_database_url) as node:
        downloads = node.data_dir / "downloads"
        write_files(downloads, FILES, name="Film")
        made = await create(
            node, downloads / "Film", format=version, piece_length=32768, exclude=["**/sample/**", "sample/**"]
        )
        metainfo = base64.b64decode(made["metainfo"])

        added = await node.api.add(metainfo, process=False)
        assert added.status_code == 201, added.text
        torrent = added.json()
        assert torrent["info_hash"] == made["info_hash"]
        assert torrent.get("info_hash_v2") == made.get("info_hash_v2")

        async def seeds() -> bool:
            return bool((await node.api.detail(torrent["id"]))["state"]["kind"] == "seeding")

        await eventually(seeds, "the daemon finds everything on disk", within=30)
        port = int((await node.api.health())["engine"]["listening"][0].rpartition(":")[2])
        known = Torrent(metainfo, made.get("info_hash_v1", "0" * 40), "Film", 32768, (), {})
        async with open_peer(home / "peer") as peer:
            await peer.leech([known], home / "peer" / "got")
            await peer.connect(known, port)

            wanted = {name: content for name, content in FILES.items() if not name.startswith("sample/")}

            async def whole() -> bool:
                """On disk: a session that has every piece may still be writing."""
                there = await trio.to_thread.run_sync(contents, home / "peer" / "got" / "Film")
                return bool((await peer.status())["seeding"]) and there == wanted

            await eventually(whole, "a peer has everything", within=30)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_a_node_as_it_is_wired(home: Path, fresh_database_url: str) -> None:
    async with daemon(home / "node", database_url=fresh_database_url, engine="simulated") as node:
        root = node.data_dir
        for own in (root / "credentials.json", root / "secret.key", root / "configuration.json", root):
            refused = await node.api.http.post("/v1/torrents/create", json={"root_path": str(own)})
            problem = assert_problem(refused, 422, "validation", "/root_path")
            assert "daemon's own" in problem["detail"], problem
        assert "authoring" not in (await node.api.health())["components"]
        assert "authoring" in (await node.api.health())["mailboxes"]

        write_files(root / "downloads", FILES, name="Film")
        async with await node.api.events(event="authoring_progress") as events:
            answer = await node.api.http.post(
                "/v1/torrents/create",
                json={"root_path": str(root / "downloads" / "Film")},
                headers={"x-request-id": "make-1"},
            )
            assert answer.status_code == 200
            with trio.fail_after(20):
                async for envelope in events:
                    if envelope["event"]["state"] == "completed":
                        break
        assert envelope["request_id"] == "make-1"

        page = (await node.api.http.get("/v1/fs/browse", params={"path": str(root / "downloads")})).json()
        assert [entry["name"] for entry in page["entries"]] == ["Film"]
        board = (await node.api.http.get("/v1/dashboard")).json()
        assert board["torrents"]["total"] == 0
        assert {name for volume in board["volumes"] for name in volume["roots"]} == {"download_root", "library_root"}
        assert board["limits"]["alt_speed"] == {"active": False}
        assert board["fsops"]["queue"] == 0


async def test_where_nothing_may_be_put_nothing_is_made_and_nothing_shown(home: Path, fresh_database_url: str) -> None:
    allowed, outside = home / "allowed", home / "outside"
    for path in (allowed, outside):
        path.mkdir(mode=0o755)
    write_files(outside, FILES, name="Film")
    (allowed / "way").symlink_to(outside)
    changeset = {"fs_policy": {"allow_paths": [str(allowed)]}}
    async with daemon(home / "node", database_url=fresh_database_url, engine="simulated", changeset=changeset) as node:
        for path in (outside / "Film", allowed / "way" / "Film", allowed / "way"):
            refused = await node.api.http.post("/v1/torrents/create", json={"root_path": str(path)})
            assert_problem(refused, 422, "validation", "/root_path")
            looked = await node.api.http.get("/v1/fs/browse", params={"path": str(path)})
            assert_problem(looked, 403, "forbidden")
        write_files(allowed, FILES, name="Film")
        assert (await create(node, allowed / "Film"))["name"] == "Film"
