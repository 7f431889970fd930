"""The API over the real session: every refusal says why, and changes nothing."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.session.conftest import StoredTorrents
from tests.support.problem_documents import assert_problem
from tests.support.problems import assert_unavailable
from tests.support.session_api import FILM, OTHER, act, add, open_api, post, rows, show, until
from tests.support.torrents import info_hashes, magnet_for, make_torrent, payload
from tests.support.whole_node import WholeNode

NOBODY = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def kept() -> StoredTorrents:
    return StoredTorrents()


@pytest.fixture
async def node(tmp_path: Path, kept: StoredTorrents) -> AsyncIterator[WholeNode]:
    async with open_api(tmp_path, kept) as opened:
        yield opened


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("GET", "", None),
        ("GET", "/files", None),
        ("DELETE", "", None),
        ("POST", "/action", {"type": "pause"}),
        ("POST", "/action", {"type": "remove"}),
        ("POST", "/select", {"skip_fluff": True}),
    ],
)
async def test_unknown_torrent_is_not_found(node: WholeNode, method: str, suffix: str, body: Any) -> None:
    await add(node)
    for key in (NOBODY, info_hashes(OTHER)[0]):
        answer = await node.http.request(method, f"/v1/torrents/{key}{suffix}", json=body)
        assert_problem(answer, 404, "not-found")


async def test_removed_torrent_is_not_found(node: WholeNode) -> None:
    path = await add(node)
    assert (await act(node, path, "remove")).status_code == 204
    assert_problem(await act(node, path, "pause"), 404, "not-found")


@pytest.mark.parametrize("source", ["metainfo", "magnet", "id"])
async def test_second_torrent_of_the_same_hash_or_id_names_the_first(
    node: WholeNode, kept: StoredTorrents, source: str
) -> None:
    torrent_id = (await add(node)).rpartition("/")[2]
    bodies: dict[str, Any] = {
        "metainfo": {"metainfo": base64.b64encode(FILM).decode()},
        "magnet": {"magnet": magnet_for(FILM)},
        "id": {"metainfo": base64.b64encode(OTHER).decode(), "id": torrent_id},
    }
    document = assert_problem(await node.http.post("/v1/torrents", json=bodies[source]), 409, "conflict")
    assert document["context"]["id"] == torrent_id
    assert len(await rows(node)) == len(kept.intents) == 1


async def test_engine_says_why_it_refuses(node: WholeNode) -> None:
    path = await add(node)
    refused = await act(node, path, "piece_deadline", piece=10_000, deadline_ms=1)
    assert "10000" in assert_problem(refused, 409, "conflict")["detail"]


async def test_move_onto_a_file_is_refused_and_leaves_the_torrent_where_it_is(node: WholeNode) -> None:
    node.engine.world.seed(FILM, rate=50_000_000)
    path = await add(node)
    await until(node, path, "seeding")
    target = node.root / "library"
    (target / "Film").mkdir(parents=True)
    (target / "Film" / "film.mkv").write_text("mine")
    document = assert_problem(await act(node, path, "move", download_dir=str(target)), 409, "conflict")
    assert "in the way" in document["detail"]
    assert (await show(node, path))["download_dir"] == str(node.downloads)
    assert (target / "Film" / "film.mkv").read_text() == "mine"


async def test_recheck_of_a_magnet_without_metadata_is_refused(node: WholeNode) -> None:
    answer = await node.http.post("/v1/torrents", json={"magnet": magnet_for(FILM)})
    document = assert_problem(await act(node, answer.headers["location"], "recheck"), 409, "conflict")
    assert "metadata" in document["detail"]


async def test_rule_for_a_file_that_is_not_there_is_refused_and_nothing_changes(node: WholeNode) -> None:
    path = await add(node, skip_fluff=True)
    before = await show(node, path)
    refused = await node.http.post(f"{path}/select", json={"priorities": {"7": "high"}})
    assert "7" in assert_problem(refused, 409, "conflict")["detail"]
    assert (await show(node, path))["files"] == before["files"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"metainfo": base64.b64encode(FILM[:-30]).decode()}, "/metainfo"),
        ({"magnet": "magnet:?dn=nothing"}, "/magnet"),
        ({"metainfo": base64.b64encode(FILM).decode(), "priorities": {"7": "high"}}, "/priorities/7"),
        ({"metainfo": base64.b64encode(FILM).decode(), "include": ["[broken"]}, "/include/0"),
    ],
    ids=["truncated", "no hash", "no such file", "broken pattern"],
)
async def test_unusable_add_points_at_what_is_wrong_and_leaves_nothing(
    node: WholeNode, kept: StoredTorrents, body: dict[str, Any], pointer: str
) -> None:
    assert_problem(await node.http.post("/v1/torrents", json=body), 422, "validation", pointer)
    assert (kept.intents, await rows(node)) == ({}, [])


async def test_directory_that_cannot_be_used_is_pointed_at(node: WholeNode) -> None:
    (node.root / "file").write_text("in the way")
    answer = await post(node, download_dir=str(node.root / "file" / "below"))
    assert_problem(answer, 422, "validation", "/download_dir")


async def test_nothing_is_changed_while_the_database_is_away_and_everything_is_when_it_is_back(
    node: WholeNode, kept: StoredTorrents
) -> None:
    path = await add(node)
    await until(node, path, "downloading")
    kept.is_away = True
    for answer in (
        await post(node, OTHER),
        await act(node, path, "pause"),
        await node.http.post(f"{path}/select", json={"skip_fluff": True}),
        await node.http.delete(path),
    ):
        assert_unavailable(answer)
    assert [row["state"]["kind"] for row in await rows(node)] == ["downloading"]
    kept.is_away = False
    assert (await post(node, OTHER)).status_code == 201
    assert (await act(node, path, "pause")).json()["state"]["kind"] == "stopped"
    assert (await node.http.delete(path)).status_code == 204


async def test_full_mailbox_is_told_with_when_to_come_again_and_nobody_before_it_is_lost(
    tmp_path: Path, kept: StoredTorrents
) -> None:
    gate = trio.Event()
    async with open_api(tmp_path, kept, gate=gate, capacity=1) as node:
        node.session.mailbox.max_in_flight = 1
        answers: dict[int, httpx.Response] = {}

        async def add_one(number: int) -> None:
            torrent = make_torrent({"f": payload(100, seed=number)}, name=f"f{number}")
            answers[number] = await post(node, torrent)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(add_one, 0)
            await node.eventually(lambda: node.session.statistics().in_flight == 1, "one in hand")
            nursery.start_soon(add_one, 1)
            await node.eventually(lambda: node.session.statistics().depth == 1, "one in line")
            await add_one(2)
            assert_unavailable(answers[2])
            assert "full" in answers[2].json()["detail"]
            assert node.session.statistics().rejected == 1
            gate.set()
        assert [answers[number].status_code for number in (0, 1)] == [201, 201]
        await add_one(2)
        assert answers[2].status_code == 201
        assert len(await rows(node)) == len(kept.intents) == 3


async def test_asker_of_a_crashing_session_is_told_at_once_and_may_ask_again(
    tmp_path: Path, kept: StoredTorrents
) -> None:
    gate = trio.Event()
    async with open_api(tmp_path, kept, gate=gate) as node:
        answers: list[httpx.Response] = []

        async def ask() -> None:
            answers.append(await post(node))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await node.eventually(lambda: node.session.statistics().in_flight >= 1, "one in hand")
            node.crash("session")
        assert_unavailable(answers[0])
        gate.set()
        await node.eventually(lambda: len(node.engines) == 2 and node.session.running, "a new session")

        async def settled() -> bool:
            answers.append(await post(node))
            return answers[-1].status_code in (201, 409)

        await node.eventually(settled, "an answer for good")
        assert len(await rows(node)) == len(kept.intents) == 1
