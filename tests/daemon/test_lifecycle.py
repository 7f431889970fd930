"""A whole daemon in a process of its own: how it comes up, what it leaves while it runs, and how it goes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.daemon import Daemon, daemon
from tests.support.processes import living_below
from tests.support.torrents import make_torrent, payload
from tests.support.watching import until_loaded

WISH: dict[str, Any] = {
    "tags": ["films", "hd"],
    "category": "tv",
    "sequential": True,
    "start_paused": True,
    "max_download_bps": 5_000_000,
    "exclude": ["*.nfo"],
}


def release(number: int) -> bytes:
    """A torrent with a file that `WISH` leaves out."""
    return make_torrent({"film.mkv": payload(40_000, seed=number), "film.nfo": b"words"}, name=f"release-{number}")


@pytest.mark.drill
async def test_the_node_announces_itself_and_takes_it_back(home: Path, fresh_database_url: str) -> None:
    async with daemon(home / "node", database_url=fresh_database_url) as node:
        runtime = json.loads((node.data_dir / "runtime.json").read_text())
        credentials = node.data_dir / "credentials.json"

        assert runtime == {"pid": node.pid, "url": node.url, "epoch": 1}
        assert credentials.stat().st_mode & 0o777 == 0o600
        assert json.loads(credentials.read_text())["api_url"] == node.url
        assert await node.stop() == 0
        assert not (node.data_dir / "runtime.json").exists()

        await node.start()
        assert json.loads((node.data_dir / "runtime.json").read_text())["epoch"] == 2


async def test_a_disk_that_keeps_the_announcement_does_not_turn_a_stop_into_a_failure(
    home: Path, fresh_database_url: str
) -> None:
    (home / "node" / "runtime.json").mkdir(parents=True)
    async with daemon(home / "node", database_url=fresh_database_url) as node:
        assert await node.stop() == 0


async def test_nothing_answers_without_the_key(home: Path, fresh_database_url: str) -> None:
    async with daemon(home / "node", database_url=fresh_database_url) as node, httpx.AsyncClient() as stranger:
        answer = await stranger.get(f"{node.url}/v1/torrents")

        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith("application/problem+json")


async def test_an_orderly_stop_takes_the_embedded_database_along(home: Path) -> None:
    async with daemon(home / "node") as node:
        assert living_below(node.data_dir / "postgres") != []

        assert await node.stop() == 0

        assert living_below(node.data_dir) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_either_signal_stops_in_order(home: Path, fresh_database_url: str, number: signal.Signals) -> None:
    async with daemon(home / "node", database_url=fresh_database_url) as node:
        os.kill(node.pid, number)

        assert await node.exited(within=10) == 0

        told = [json.loads(line) for line in node.log.read_text().splitlines()]
        way_down = told[[line["event"] for line in told].index("stopping") :]
        assert [line for line in way_down if line["level"] != "info"] == [], "an orderly stop is nothing to warn of"


async def test_an_open_stream_is_told_and_does_not_hold_up_the_stop(home: Path, fresh_database_url: str) -> None:
    async with (
        daemon(home / "node", database_url=fresh_database_url) as node,
        await node.api.lines("/v1/events") as lines,
    ):
        os.kill(node.pid, signal.SIGTERM)

        seen = [line async for line in lines]

        assert "event: closing" in seen
        assert await node.exited(within=5) == 0


@pytest.mark.drill
async def test_everything_acknowledged_is_there_after_a_kill(home: Path) -> None:
    node = Daemon(home / "node")
    try:
        api = await node.start()
        before = [(await api.add(release(number), **WISH)).json() for number in range(5)]
        await node.kill()

        api = await node.start()

        after = {row["id"]: row for row in await until_loaded(node)}
        assert set(after) == {row["id"] for row in before}
        for row in before:
            kept = ("info_hash", "name", "tags", "category", "sequential", "rate_limit", "download_dir", "added_at")
            assert {name: after[row["id"]][name] for name in kept} == {name: row[name] for name in kept}
        detail = await api.detail(before[0]["id"])
        assert {file["path"]: file["selected"] for file in detail["files"]} == {"film.mkv": True, "film.nfo": False}
    finally:
        await node.close()


@pytest.mark.drill
async def test_ids_of_events_grow_across_a_kill(home: Path, fresh_database_url: str) -> None:
    node = Daemon(home / "node", database_url=fresh_database_url)
    try:
        ids = []
        for number in range(2):
            api = await node.start()
            async with await api.events(event="torrent_added") as events:
                await api.add(release(10 + number))
                ids.append((await anext(events))["id"])
            await node.kill()
        first, second = (tuple(int(part) for part in event_id.split("-")) for event_id in ids)
        assert first[0] < second[0]
    finally:
        await node.close()
