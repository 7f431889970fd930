"""The API over the real session: what a client asks for over HTTP is done when it is answered."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.session.conftest import StoredTorrents
from tests.support.session_api import FILM, OTHER, act, add, open_api, post, rows, show, until
from tests.support.torrents import info_hashes, magnet_for
from tests.support.whole_node import WholeNode


@pytest.fixture
def kept() -> StoredTorrents:
    return StoredTorrents()


@pytest.fixture
async def node(tmp_path: Path, kept: StoredTorrents) -> AsyncIterator[WholeNode]:
    async with open_api(tmp_path, kept) as opened:
        yield opened


async def test_added_file_is_downloaded_and_shown_with_its_files(node: WholeNode) -> None:
    node.engine.world.seed(FILM, rate=50_000_000)
    path = await add(node, skip_fluff=True, tags=["films"])
    detail = await until(node, path, "seeding")
    assert detail["progress"]["percent_complete"] == 100.0
    assert {file["path"]: (file["selected"], file["bytes_completed"]) for file in detail["files"]} == {
        "film.mkv": (True, 200_000),
        "sample/film.mkv": (False, detail["files"][1]["bytes_completed"]),
        "film.nfo": (True, 80),
    }
    assert detail["settings"]["skip_fluff"] is True
    (row,) = await rows(node)
    assert (row["id"], row["tags"], row["completed_at"]) == (detail["id"], ["films"], detail["completed_at"])
    assert not (node.downloads / "Film" / "sample").exists()


async def test_torrent_is_found_by_its_id_and_its_info_hash_and_listed_with_its_answer(node: WholeNode) -> None:
    answer = await post(node, start_paused=True)
    (row,) = await rows(node)
    assert row == answer.json()
    detail = await show(node, f"/v1/torrents/{info_hashes(FILM)[0]}")
    assert (detail["id"], detail["state"]["kind"]) == (row["id"], "stopped")
    files = (await show(node, f"/v1/torrents/{row['id']}/files"))["files"]
    assert files == detail["files"]


async def test_uploaded_file_is_taken(node: WholeNode) -> None:
    files = {"metainfo": ("film.torrent", FILM, "application/x-bittorrent")}
    answer = await node.http.post("/v1/torrents", files=files, data={"options": json.dumps({"name": "Mine"})})
    assert (answer.status_code, answer.json()["name"]) == (201, "Mine")


async def test_magnet_shows_its_files_when_its_metadata_came(node: WholeNode) -> None:
    answer = await node.http.post("/v1/torrents", json={"magnet": magnet_for(FILM), "exclude": ["*.nfo"]})
    path = answer.headers["location"]
    assert answer.json()["state"]["kind"] == "fetching_metadata"
    assert (await show(node, path))["files"] == []
    node.engine.world.seed(FILM, rate=50_000_000)
    detail = await until(node, path, "seeding")
    assert [file["selected"] for file in detail["files"]] == [True, True, False]
    assert detail["info_hash"] == answer.json()["info_hash"]


async def test_every_action_is_applied_when_it_is_answered(node: WholeNode) -> None:
    path = await add(node)
    await until(node, path, "downloading")
    assert (await act(node, path, "pause")).json()["state"]["kind"] == "stopped"
    assert [row["state"]["kind"] for row in await rows(node)] == ["stopped"]
    assert (await act(node, path, "resume")).json()["state"]["kind"] == "downloading"
    rated = await act(node, path, "rate", download_bps=50_000, upload_bps=None)
    assert rated.json()["rate_limit"] == {"download_bps": 50_000}
    assert (await act(node, path, "sequential", enable=True)).json()["sequential"] is True
    for kind, fields in (
        ("reannounce", {}),
        ("recheck", {}),
        ("piece_deadline", {"piece": 0, "deadline_ms": 10}),
        ("queue", {"position": "top"}),
    ):
        answer = await act(node, path, kind, **fields)
        assert answer.status_code == 200, answer.text
    (row,) = await rows(node)
    assert (row["rate_limit"], row["sequential"]) == ({"download_bps": 50_000}, True)


async def test_moved_torrent_is_where_its_answer_says(node: WholeNode) -> None:
    node.engine.world.seed(FILM, rate=50_000_000)
    path = await add(node)
    await until(node, path, "seeding")
    target = node.root / "library"
    answer = await act(node, path, "move", download_dir=str(target))
    assert answer.json()["content_path"] == str(target / "Film")
    assert (target / "Film" / "film.mkv").exists()
    assert not (node.downloads / "Film").exists()


async def test_new_rules_are_in_the_answer_and_hold(node: WholeNode) -> None:
    path = await add(node)
    answer = await node.http.post(f"{path}/select", json={"include": ["*.nfo"], "priorities": {"0": "high"}})
    assert [file["selected"] for file in answer.json()["files"]] == [True, False, True]
    assert answer.json()["files"][0]["priority"] == "high"
    node.engine.world.seed(FILM, rate=50_000_000)
    detail = await until(node, path, "seeding")
    assert detail["progress"]["bytes_total"] == 200_080
    assert not (node.downloads / "Film" / "sample").exists()


@pytest.mark.parametrize("delete_data", [False, True])
async def test_removed_torrent_is_gone_with_or_without_its_data(
    node: WholeNode, kept: StoredTorrents, delete_data: bool
) -> None:
    node.engine.world.seed(FILM, rate=50_000_000)
    path = await add(node)
    await until(node, path, "seeding")
    answer = await node.http.delete(path, params={"delete_data": str(delete_data).lower()})
    assert (answer.status_code, answer.content) == (204, b"")
    assert await rows(node) == []
    assert kept.intents == {}
    assert (node.downloads / "Film" / "film.mkv").exists() is not delete_data
    assert (await post(node)).status_code == 201


async def test_stream_tells_the_whole_story_and_tells_it_again(node: WholeNode) -> None:
    """What came live comes again, the same and in the same order, after the id that was seen first."""
    async with await node.stream() as live:
        path = await add(node, OTHER)
        node.engine.world.seed(OTHER, rate=50_000_000)
        await until(node, path, "seeding")
        await node.http.delete(path)
        told: list[dict[str, Any]] = []
        async for envelope in live:
            told += [envelope] if envelope["event"]["type"] != "progress" else []
            if envelope["event"]["type"] == "torrent_removed":
                break
    kinds = [envelope["event"]["type"] for envelope in told]
    assert kinds[:2] == ["torrent_added", "files_discovered"]
    assert kinds.index("completed") < kinds.index("torrent_removed") == len(kinds) - 1
    again: list[dict[str, Any]] = []
    async with await node.stream(after=told[0]["id"]) as replay:
        async for envelope in replay:
            again.append(envelope)
            if envelope["event"]["type"] == "torrent_removed":
                break
    assert again == told[1:]


async def test_stream_goes_on_after_a_crash_of_the_api_without_a_gap(node: WholeNode) -> None:
    async with await node.stream() as live:
        await add(node)
        seen = await anext(live)
        node.crash("api")
        async for _ in live:
            pass
    await node.eventually(lambda: len(node.urls) == 2, "a new API")
    second = await node.http.post("/v1/torrents", json={"metainfo": base64.b64encode(OTHER).decode()})
    assert second.status_code == 201
    added: list[str] = []
    async with await node.stream(after=seen["id"], event="torrent_added,files_discovered") as replay:
        async for envelope in replay:
            added.append(envelope["event"]["type"])
            if len(added) == 3:
                break
    assert (seen["event"]["type"], added) == (
        "torrent_added",
        ["files_discovered", "torrent_added", "files_discovered"],
    )


async def test_list_is_served_from_memory_while_the_session_is_down(node: WholeNode, kept: StoredTorrents) -> None:
    path = await add(node)
    kept.is_away = True
    node.crash("session")
    await node.eventually(lambda: len(node.engines) == 2, "a new session")
    assert [row["id"] for row in await rows(node)] == [path.rpartition("/")[2]]
    kept.is_away = False

    async def restored() -> bool:
        return "loading" not in (await show(node, "/v1/torrents"))

    await node.eventually(restored, "the whole list")
    assert (await show(node, path))["files"]
