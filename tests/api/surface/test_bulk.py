"""Many torrents with one call: one result for each, in order, and everything that was accepted is durable."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.api.surface.conftest import refused
from tests.session.conftest import StoredTorrents
from tests.support.session_api import FILM, OTHER, add, open_api, rows
from tests.support.torrents import info_hashes, magnet_for, make_torrent
from tests.support.whole_node import WholeNode


def wish(metainfo: bytes = FILM, **options: Any) -> dict[str, Any]:
    return {"metainfo": base64.b64encode(metainfo).decode(), **options}


def other(number: int) -> bytes:
    return make_torrent({f"file {number}": bytes(100)}, name=f"torrent {number}")


async def bulk(node: WholeNode, *items: Any, **headers: str) -> list[dict[str, Any]]:
    """Add many; the call itself must be answered."""
    answer = await node.http.post("/v1/torrents/bulk", json={"torrents": items}, headers=headers)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    assert len(results) == len(items)
    return results


async def test_many_are_added_in_order_and_listed_with_the_answer(node: WholeNode, kept: StoredTorrents) -> None:
    items = [wish(other(number), start_paused=True) for number in range(250)]
    results = await bulk(node, *items)
    assert {result["status"] for result in results} == {201}
    assert [result["info_hash"] for result in results] == [info_hashes(other(number))[0] for number in range(250)]
    walked = (await node.http.get("/v1/torrents", params={"limit": "1000"})).json()["torrents"]
    assert [row["id"] for row in walked] == [result["id"] for result in results]
    assert {row["id"] for row in walked} == kept.intents.keys()


async def test_options_of_each_hold_for_it_alone(node: WholeNode) -> None:
    results = await bulk(
        node,
        wish(FILM, tags=["a"], name="One", start_paused=True),
        {"magnet": magnet_for(OTHER), "category": "b", "sequential": True},
    )
    first, second = await rows(node)
    assert [first["id"], second["id"]] == [result["id"] for result in results]
    assert (first["tags"], first["name"], first["state"]["kind"], first["sequential"]) == (
        ["a"],
        "One",
        "stopped",
        False,
    )
    assert (second["tags"], second["category"], second["sequential"]) == ([], "b", True)


async def test_each_refusal_is_a_problem_with_its_place_in_the_body(node: WholeNode) -> None:
    known = (await add(node, OTHER)).rpartition("/")[2]
    results = await bulk(
        node,
        wish(),
        wish(tags=["a", "a"], nonsense=1),
        wish(OTHER),
        {"metainfo": "!"},
        {"metainfo": base64.b64encode(b"rubbish").decode()},
        {},
        "x",
        wish(other(1), download_dir="/nowhere"),
        wish(other(2), private=True),
        wish(),
    )
    assert [result["status"] for result in results] == [201, 422, 409, 422, 422, 422, 422, 422, 422, 409]
    pointers = [
        [param["pointer"] for param in result.get("problem", {}).get("invalid_params", [])] for result in results
    ]
    assert pointers == [
        [],
        ["/torrents/1/tags", "/torrents/1/nonsense"],
        [],
        ["/torrents/3/metainfo"],
        ["/torrents/4/metainfo"],
        ["/torrents/5"],
        ["/torrents/6"],
        ["/torrents/7/download_dir"],
        ["/torrents/8/private"],
        [],
    ]
    assert results[2]["id"] == results[2]["problem"]["context"]["id"] == known
    assert results[9]["id"] == results[0]["id"]
    assert {row["id"] for row in await rows(node)} == {known, results[0]["id"]}
    assert {result["problem"]["type"] for result in results if "problem" in result} == {
        "https://revaer.dev/problems/validation",
        "https://revaer.dev/problems/conflict",
    }


async def test_problems_name_the_request(node: WholeNode) -> None:
    (result,) = await bulk(node, {}, **{"x-request-id": "my-request"})
    assert result["problem"]["instance"] == "my-request"


async def test_what_was_added_is_there_after_a_restart(tmp_path: Path, kept: StoredTorrents) -> None:
    async with open_api(tmp_path, kept) as node:
        results = await bulk(node, *(wish(other(number)) for number in range(20)))
    async with open_api(tmp_path, kept) as node:
        assert [row["id"] for row in await rows(node)] == [result["id"] for result in results]


async def test_everything_is_told(node: WholeNode) -> None:
    async with await node.stream(event="torrent_added") as events:
        results = await bulk(node, wish(FILM), wish(OTHER), **{"x-request-id": "my-request"})
        told = [await anext(events) for _ in range(2)]
    assert [envelope["event"]["torrent_id"] for envelope in told] == [result["id"] for result in results]
    assert {envelope["request_id"] for envelope in told} == {"my-request"}


async def test_database_that_is_away_refuses_each(node: WholeNode, kept: StoredTorrents) -> None:
    kept.is_away = True
    results = await bulk(node, wish(FILM), wish(OTHER))
    assert [result["status"] for result in results] == [503, 503]
    assert await rows(node) == []


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/torrents"]),
        ({"torrents": []}, ["/torrents"]),
        ({"torrents": {}}, ["/torrents"]),
        ({"torrents": [{}] * 1001}, ["/torrents"]),
        ({"torrents": [{}], "more": 1}, ["/more"]),
        ([], [""]),
    ],
)
async def test_senseless_calls_are_refused_whole(node: WholeNode, body: Any, pointers: list[str]) -> None:
    refused(await node.http.post("/v1/torrents/bulk", json=body), 422, *pointers)


async def test_calls_that_cannot_be_read_are_refused(node: WholeNode) -> None:
    refused(await node.http.post("/v1/torrents/bulk", content=b"{}", headers={"content-type": "text/plain"}), 415)
    refused(await node.http.post("/v1/torrents/bulk?x=1", json={"torrents": [{}]}), 400, "/query/x")
    refused(await node.http.get("/v1/torrents/bulk"), 400, "/path/id")
