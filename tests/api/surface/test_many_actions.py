"""One action on many torrents, named by ids or by a filter: one result for each."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from revaer.api.many import RESULTS_AT_ONCE, results_reply
from tests.api.surface.conftest import refused
from tests.session.conftest import StoredTorrents
from tests.support.session_api import add, rows, show, until
from tests.support.torrents import info_hashes, make_torrent
from tests.support.whole_node import WholeNode

NOBODY = "01890000-0000-7000-8000-000000000000"


def other(number: int) -> bytes:
    return make_torrent(
        {f"file {number}.mkv": bytes(100)}, name=f"torrent {number}", trackers=[f"http://{number}.test/a"]
    )


async def some(node: WholeNode, count: int = 3, **options: Any) -> list[str]:
    """Add torrents; returns their ids, when all are under way."""
    paths = [await add(node, other(number), **options) for number in range(count)]
    for path in paths:
        await until(node, path, "downloading")
    return [path.rpartition("/")[2] for path in paths]


async def act(
    node: WholeNode, kind: str, *, ids: Any = None, filter_: Any = None, **fields: Any
) -> list[dict[str, Any]]:
    """Do an action; the call itself must be answered."""
    body = {"action": {"type": kind, **fields}} | ({"filter": filter_} if ids is None else {"ids": ids})
    answer = await node.http.post("/v1/torrents/actions", json=body)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def states(node: WholeNode) -> list[str]:
    return [row["state"]["kind"] for row in await rows(node)]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("pause", {}),
        ("resume", {}),
        ("reannounce", {}),
        ("recheck", {}),
        ("sequential", {"enable": True}),
        ("rate", {"download_bps": 5_000}),
        ("piece_deadline", {"piece": 0, "deadline_ms": 10}),
        ("queue", {"position": "top"}),
        ("queue", {"position": 1}),
        ("remove", {}),
        ("remove", {"delete_data": True}),
    ],
)
async def test_every_action_is_done_on_all(node: WholeNode, kind: str, fields: dict[str, Any]) -> None:
    keys = await some(node)
    status = 204 if kind == "remove" else 200
    assert await act(node, kind, ids=keys, **fields) == [{"id": key, "status": status} for key in keys]
    if kind == "remove":
        assert await rows(node) == []


async def test_action_is_applied_and_listed_with_the_answer(node: WholeNode, kept: StoredTorrents) -> None:
    keys = await some(node)
    await act(node, "pause", ids=keys[:2])
    assert await states(node) == ["stopped", "stopped", "downloading"]
    assert [intent.options.paused for intent in kept.intents.values()] == [True, True, False]


async def test_moved_torrents_are_where_they_should_be(node: WholeNode) -> None:
    keys = await some(node)
    await act(node, "move", ids=keys, download_dir=str(node.root / "library"))
    assert {row["download_dir"] for row in await rows(node)} == {str(node.root / "library")}


async def test_torrents_are_named_by_hash_too_and_unknown_ones_disturb_no_other(node: WholeNode) -> None:
    first, second = await some(node, 2)
    v1 = info_hashes(other(1))[0]
    assert v1 is not None
    results = await act(node, "pause", ids=[first.upper(), NOBODY, v1.upper(), "f" * 40])
    assert [(result["id"], result["status"]) for result in results] == [
        (first, 200),
        (NOBODY, 404),
        (second, 200),
        ("f" * 40, 404),
    ]
    assert results[1]["problem"]["type"] == "https://revaer.dev/problems/not-found"


async def test_torrent_that_is_named_twice_has_two_results(node: WholeNode) -> None:
    (key,) = await some(node, 1)
    results = await act(node, "pause", ids=[key, info_hashes(other(0))[0]])
    assert results == [{"id": key, "status": 200}] * 2


async def test_refusals_carry_the_reason(node: WholeNode) -> None:
    keys = await some(node, 2)
    results = await act(node, "piece_deadline", ids=keys, piece=5, deadline_ms=1)
    assert [result["status"] for result in results] == [409, 409]
    assert "piece 5" in results[0]["problem"]["detail"]


@pytest.mark.parametrize(
    ("filter_", "chosen"),
    [
        ({"tags": "even"}, [0, 2]),
        ({"tags": ["even", "third"]}, [0]),
        ({"category": ["x", "y"]}, [0, 1]),
        ({"category": "x,y"}, [0, 1]),
        ({"name": "TORRENT 2"}, [2]),
        ({"tracker": "1.test"}, [1]),
        ({"extension": "mkv"}, [0, 1, 2, 3]),
        ({"state": ["downloading", "stopped"]}, [0, 1, 2, 3]),
        ({"state": "failed"}, []),
        ({"tags": "even", "category": "x"}, [0]),
    ],
)
async def test_filter_chooses_what_the_list_would(node: WholeNode, filter_: dict[str, Any], chosen: list[int]) -> None:
    keys = []
    labels: list[dict[str, Any]] = [
        {"tags": ["even", "third"], "category": "x"},
        {"category": "y"},
        {"tags": ["even"]},
        {"tags": ["third"]},
    ]
    for number, options in enumerate(labels):
        path = await add(node, other(number), **options)
        await until(node, path, "downloading")
        keys.append(path.rpartition("/")[2])
    results = await act(node, "pause", filter_=filter_)
    assert results == [{"id": keys[number], "status": 200} for number in chosen]
    query = {name: value if isinstance(value, str) else ",".join(value) for name, value in filter_.items()}
    if "state" not in filter_:
        listed = (await node.http.get("/v1/torrents", params=query)).json()["torrents"]
        assert [row["id"] for row in listed] == [keys[number] for number in chosen]


async def test_places_in_the_queue_keep_the_order(node: WholeNode) -> None:
    keys = await some(node, 5)

    def queue() -> list[int]:
        torrents = sorted(node.engine._torrents.values(), key=lambda torrent: torrent.position)
        return [keys.index(torrent.spec.torrent_id) for torrent in torrents]

    await act(node, "queue", ids=[keys[3], keys[1]], position="top")
    assert queue() == [1, 3, 0, 2, 4]


async def test_actions_on_many_are_told_with_the_id_of_their_request(node: WholeNode) -> None:
    keys = await some(node, 2)
    async with await node.stream(event="state_changed", torrent=",".join(keys)) as events:
        body = {"action": {"type": "pause"}, "ids": keys}
        await node.http.post("/v1/torrents/actions", json=body, headers={"x-request-id": "my-request"})
        told = [await anext(events) for _ in range(2)]
    assert {envelope["request_id"] for envelope in told} == {"my-request"}


async def test_database_that_is_away_refuses_each(node: WholeNode, kept: StoredTorrents) -> None:
    keys = await some(node, 2)
    kept.is_away = True
    assert [result["status"] for result in await act(node, "pause", ids=keys)] == [503, 503]
    assert await states(node) == ["downloading", "downloading"]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/action"]),
        ({"action": {"type": "pause"}}, [""]),
        ({"action": {"type": "pause"}, "ids": [NOBODY], "filter": {"name": "x"}}, [""]),
        ({"action": {"type": "pause"}, "ids": []}, ["/ids"]),
        ({"action": {"type": "pause"}, "ids": [NOBODY, NOBODY]}, ["/ids"]),
        ({"action": {"type": "pause"}, "ids": [f"{number:040x}" for number in range(1001)]}, ["/ids"]),
        ({"action": {"type": "pause"}, "ids": ["x", NOBODY, "y"]}, ["/ids/0", "/ids/2"]),
        ({"action": {"type": "pause"}, "filter": {}}, ["/filter"]),
        ({"action": {"type": "pause"}, "filter": {"name": None}}, ["/filter"]),
        ({"action": {"type": "pause"}, "filter": {"state": "resting"}}, ["/filter/state"]),
        ({"action": {"type": "pause"}, "filter": {"tags": "a,,b"}}, ["/filter/tags"]),
        ({"action": {"type": "pause"}, "filter": {"ids": [NOBODY]}}, ["/filter/ids"]),
        ({"action": {"type": "nonsense"}, "ids": [NOBODY]}, ["/action/type"]),
        ({"action": {"type": "rate"}, "ids": [NOBODY]}, ["/action"]),
        ({"action": {"type": "queue", "position": -1}, "ids": [NOBODY]}, ["/action/position"]),
        ({"action": {"type": "queue", "position": "first"}, "ids": [NOBODY]}, ["/action/position"]),
        ({"action": {"type": "queue"}, "ids": [NOBODY]}, ["/action/position"]),
        ({"action": {"type": "pause"}, "filter": {"tags": 5}}, ["/filter/tags"]),
        ({"action": {"type": "pause"}, "filter": {"tags": ["a", 5]}}, ["/filter/tags", "/filter/tags/1"]),
        ({"action": {"type": "rate", "download_bps": -1}, "ids": [NOBODY]}, ["/action/download_bps"]),
        ({"action": {"type": "move", "download_dir": "/nowhere"}, "ids": [NOBODY]}, ["/action/download_dir"]),
        ({"action": "pause", "ids": [NOBODY]}, ["/action"]),
        ({"type": "pause", "ids": [NOBODY]}, ["/action", "/type"]),
    ],
)
async def test_senseless_calls_are_refused_whole(node: WholeNode, body: Any, pointers: list[str]) -> None:
    (key,) = await some(node, 1)
    refused(await node.http.post("/v1/torrents/actions", json=body), 422, *pointers)
    assert (await show(node, f"/v1/torrents/{key}"))["state"]["kind"] == "downloading"


@pytest.mark.parametrize("count", [0, 1, RESULTS_AT_ONCE, 5 * RESULTS_AT_ONCE + 1])
async def test_results_are_written_in_turns_with_others(count: int) -> None:
    turns: list[int] = []

    async def beside() -> None:
        while True:
            turns.append(1)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(beside)
        reply = await results_reply({"status": 204, "id": str(number)} for number in range(count))
        nursery.cancel_scope.cancel()
    assert json.loads(reply.body) == {"results": [{"status": 204, "id": str(number)} for number in range(count)]}
    assert len(turns) >= count // RESULTS_AT_ONCE
