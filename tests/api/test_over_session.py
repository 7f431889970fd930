"""The API over the real session: what a client asks for over HTTP is done, and every refusal says why."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from actors import Answer, Handled, Request, later
from revaer.resume.messages import PersistIntent, ResumeMessage
from revaer.session.simulated import open_simulated
from tests.session.conftest import FakeStore, StoredTorrents
from tests.support.problem_documents import assert_problem
from tests.support.problems import assert_unavailable
from tests.support.torrents import info_hashes, magnet_for, make_torrent, payload
from tests.support.whole_node import WholeNode, open_node

FILES = {"film.mkv": payload(200_000), "sample/film.mkv": payload(40_000, seed=1), "film.nfo": b"about it" * 10}
FILM = make_torrent(FILES, name="Film")
OTHER = make_torrent({"other.bin": payload(50_000, seed=2)}, name="Other")
NOBODY = "01900000-0000-7000-8000-000000000000"

OpenNode = Callable[..., AbstractAsyncContextManager[WholeNode]]


class SlowStore(FakeStore):
    """Lets new intents wait until it is let go, and loading until those before it are done, as the real one does."""

    def __init__(self, kept: StoredTorrents, gate: trio.Event) -> None:
        super().__init__(kept)
        self.gate = gate
        self.waiting = 0

    async def handle(self, message: ResumeMessage) -> Handled:
        if self.gate.is_set() or not (isinstance(message, PersistIntent) or self.waiting):
            return await super().handle(message)
        self.waiting += 1

        async def answer_later() -> Any:
            await self.gate.wait()
            self.waiting -= 1
            reply = await super(SlowStore, self).handle(message)
            return reply.value if isinstance(reply, Answer) else None

        return later(message, answer_later) if isinstance(message, Request) else None


@pytest.fixture
def kept() -> StoredTorrents:
    return StoredTorrents()


@pytest.fixture
def open_api(tmp_path: Path, kept: StoredTorrents) -> OpenNode:
    def start(**options: Any) -> AbstractAsyncContextManager[WholeNode]:
        store = options.pop("store", lambda: FakeStore(kept))
        return open_node(tmp_path, engine=open_simulated, store=store, serves=True, **options)

    return start


@pytest.fixture
async def node(open_api: OpenNode) -> AsyncIterator[WholeNode]:
    async with open_api() as opened:
        yield opened


async def post(node: WholeNode, metainfo: bytes = FILM, **options: Any) -> httpx.Response:
    return await node.http.post("/v1/torrents", json={"metainfo": base64.b64encode(metainfo).decode(), **options})


async def add(node: WholeNode, metainfo: bytes = FILM, **options: Any) -> str:
    """Add a torrent that must be accepted; returns its path."""
    answer = await post(node, metainfo, **options)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def act(node: WholeNode, path: str, kind: str, **fields: Any) -> httpx.Response:
    return await node.http.post(f"{path}/action", json={"type": kind, **fields})


async def show(node: WholeNode, path: str) -> dict[str, Any]:
    answer = await node.http.get(path)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def until(node: WholeNode, path: str, state: str) -> dict[str, Any]:
    async def there() -> bool:
        return bool((await show(node, path))["state"]["kind"] == state)

    await node.eventually(there, state)
    return await show(node, path)


async def rows(node: WholeNode) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await show(node, "/v1/torrents"))["torrents"]
    return listed


# What works.


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


# What is refused.


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
    open_api: OpenNode, kept: StoredTorrents
) -> None:
    gate = trio.Event()
    async with open_api(store=lambda: SlowStore(kept, gate), capacity=1) as node:
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
    open_api: OpenNode, kept: StoredTorrents
) -> None:
    gate = trio.Event()
    async with open_api(store=lambda: SlowStore(kept, gate)) as node:
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
