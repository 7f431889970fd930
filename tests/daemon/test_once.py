"""`Idempotency-Key` over restarts: an answer is kept, and a call that was cut off makes nothing twice."""

from __future__ import annotations

import base64
import random
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from revaer.database.service import open_database
from tests.support.daemon import Daemon, daemon
from tests.support.problem_documents import assert_problem
from tests.support.torrents import make_torrent, payload
from tests.support.waiting import eventually

METAINFO = [make_torrent({"film.mkv": payload(50_000, seed=seed)}, name=f"Film {seed}") for seed in range(7)]


async def add(node: Daemon, key: str, number: int = 0, **options: Any) -> httpx.Response:
    """POST /v1/torrents with a key."""
    body = {"metainfo": base64.b64encode(METAINFO[number]).decode(), **options}
    return await node.api.http.post("/v1/torrents", json=body, headers={"idempotency-key": key})


async def forget_answers(url: str) -> None:
    """Leave the database as a daemon does that dies after the work and before it notes the answer."""
    async with open_database(data_dir=Path("unused"), url=url, on_status=lambda _: None) as database:
        with trio.fail_after(20):
            await database.wait_available()
        cut = "UPDATE idempotency_keys SET status = NULL, content_type = NULL, headers = NULL"
        assert await database.execute(cut) > 0
        await database.execute("DELETE FROM idempotency_parts")


async def ids(node: Daemon) -> list[str]:
    """The torrents that are there."""
    rows = (await node.api.http.get("/v1/torrents", params={"limit": 1000})).json()["torrents"]
    return [row["id"] for row in rows]


@pytest.mark.drill
async def test_an_answer_outlives_a_kill(home: Path, fresh_database_url: str) -> None:
    async with daemon(home / "node", database_url=fresh_database_url, engine="simulated") as node:
        first = await add(node, "k")
        assert first.status_code == 201, first.text
        issued = await node.api.http.post("/v1/keys", json={"scopes": ["read"]}, headers={"idempotency-key": "k"})
        assert issued.status_code == 201
        await node.kill()
        await node.start()
        again = await add(node, "k")
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["location"] == first.headers["location"]
        assert again.headers["idempotency-replayed"] == "true"
        refused = await node.api.http.post("/v1/keys", json={"scopes": ["read"]}, headers={"idempotency-key": "k"})
        assert refused.status_code == 409
        assert refused.json()["context"]["location"] == issued.headers["location"]
        assert_problem(await add(node, "k", 1), 409, "conflict")


@pytest.mark.drill
async def test_what_a_call_made_before_it_was_cut_off_is_its_answer(home: Path, fresh_database_url: str) -> None:
    async with daemon(home / "node", database_url=fresh_database_url, engine="simulated") as node:
        first = await add(node, "k")
        keys = await node.api.http.post("/v1/keys", json={"scopes": ["read"]}, headers={"idempotency-key": "k"})
        many = [{"metainfo": base64.b64encode(METAINFO[number]).decode()} for number in (1, 2)]
        bulk = await node.api.http.post("/v1/torrents/bulk", json={"torrents": many}, headers={"idempotency-key": "k"})
        assert (first.status_code, keys.status_code, bulk.status_code) == (201, 201, 200)
        await node.kill()
        await forget_answers(fresh_database_url)
        await node.start()

        again = await add(node, "k")
        assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
        assert again.headers["location"] == first.headers["location"]
        refused = await node.api.http.post("/v1/keys", json={"scopes": ["read"]}, headers={"idempotency-key": "k"})
        assert assert_problem(refused, 409, "conflict")["context"]["location"] == keys.headers["location"]
        repeated = await node.api.http.post(
            "/v1/torrents/bulk", json={"torrents": many}, headers={"idempotency-key": "k"}
        )
        assert [row["id"] for row in repeated.json()["results"]] == [row["id"] for row in bulk.json()["results"]]
        assert [row["status"] for row in repeated.json()["results"]] == [201, 201]
        assert len(await ids(node)) == 3
        assert len((await node.api.http.get("/v1/keys")).json()["keys"]) == 2
        other = await add(node, "another", 0)
        assert assert_problem(other, 409, "conflict")["context"]["id"] == first.json()["id"]


@pytest.mark.drill
async def test_killed_at_any_moment_it_makes_each_torrent_once(home: Path, fresh_database_url: str) -> None:
    chance = random.Random(5)
    async with daemon(home / "node", database_url=fresh_database_url, engine="simulated") as node:
        answered: dict[int, str] = {}
        for number in range(len(METAINFO)):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_try, node, number, answered)
                await trio.sleep(chance.uniform(0.0, 0.03))
                await node.kill()
            await node.start()
            again = await add(node, f"key-{number}", number)
            assert again.status_code == 201, f"{again.text}\n{node.log_tail()}"
            assert answered.setdefault(number, again.json()["id"]) == again.json()["id"]

        async def listed() -> bool:
            return sorted(await ids(node)) == sorted(answered.values())

        await eventually(listed, "each torrent is there once")


async def _try(node: Daemon, number: int, answered: dict[int, str]) -> None:
    try:
        answer = await add(node, f"key-{number}", number)
    except httpx.HTTPError:
        return
    if answer.status_code == 201:
        answered[number] = answer.json()["id"]
