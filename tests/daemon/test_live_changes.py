"""Changes of the configuration in a real daemon: they hold at once, and nothing that runs is dropped for them."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.daemon import Daemon, daemon
from tests.support.torrents import make_torrent, payload
from tests.support.waiting import eventually


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])


async def patch(node: Daemon, **documents: Any) -> dict[str, Any]:
    """Change the configuration; return the answer."""
    answer = await node.api.http.patch("/v1/config", json=documents)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def applied(node: Daemon, consumer: str) -> float:
    """How many changes a consumer has applied."""
    return await node.api.metric("revaer_config_apply_seconds_count", consumer=consumer)


async def test_a_change_reaches_engine_log_and_metrics_without_a_restart(home: Path, fresh_database_url: str) -> None:
    async with daemon(home / "node", database_url=fresh_database_url, variables={"REVAER_LOG_LEVEL": ""}) as node:
        before = {name: await applied(node, name) for name in ("config", "session", "throttle")}
        port = free_port()

        answer = await patch(
            node,
            engine_profile={"listen_port": port, "max_download_bps": 5_000_000, "max_upload_bps": 5_000_000},
            app_profile={"telemetry": {"format": "console"}},
        )

        async def everywhere() -> bool:
            return all([await applied(node, name) > count for name, count in before.items()])

        await eventually(everywhere, lambda: f"everybody has it\n{node.log_tail()}")
        assert await node.api.metric("revaer_config_revision") == answer["revision"]
        assert await node.api.metric("revaer_config_apply_seconds_sum", consumer="throttle") < 2.0

        async def listens() -> bool:
            return f"127.0.0.1:{port}" in (await node.api.health())["engine"]["listening"]

        await eventually(listens, "the engine listens there")
        tripped = {one["guardrail"] for one in (await node.api.health())["guardrails"]}
        assert not tripped & {"global_download_cap", "global_upload_cap"}
        await patch(node, engine_profile={"max_active": 7})
        await eventually(lambda: "[info     ] config_adopted" in node.log.read_text(), "lines for people")


@pytest.mark.drill
async def test_the_listener_moves_under_open_streams(home: Path, fresh_database_url: str) -> None:
    changeset = {"app_profile": {"http_port": 0}}
    async with daemon(
        home / "node", database_url=fresh_database_url, engine="simulated", changeset=changeset, port=None
    ) as node:
        port = free_port()
        old = node.url
        async with await node.api.events(event="torrent_added") as events:
            answer = await patch(node, app_profile={"http_port": port})

            url = f"http://127.0.0.1:{port}"
            assert (answer["rebind"], answer["listener"]) == (True, {"url": url})
            async with httpx.AsyncClient(base_url=url, headers={"x-revaer-api-key": node.key()}) as http:
                added = await http.post("/v1/torrents", json={"magnet": f"magnet:?xt=urn:btih:{'a' * 40}"})
                assert added.status_code == 201, added.text
                assert (await anext(events))["event"]["torrent_id"] == added.json()["id"]
            files = [node.data_dir / "runtime.json", node.data_dir / "credentials.json"]
            await eventually(lambda: all(url in file.read_text() for file in files), "the address in both files")
            assert old not in files[0].read_text()
        assert await node.stop() == 0

        await node.start()
        assert node.url == url


async def test_download_and_record_directories_are_those_of_the_profile(home: Path, fresh_database_url: str) -> None:
    places = {name: home / name for name in ("payload", "records", "later")}
    for place in places.values():
        place.mkdir()
    profile = {"download_root": str(places["payload"]), "resume_dir": str(places["records"])}
    async with daemon(home / "node", database_url=fresh_database_url, engine="simulated", profile=profile) as node:
        metainfo = make_torrent({"film.mkv": payload(40_000)}, name="film.mkv")
        added = (await node.api.add(metainfo, start_paused=True)).json()
        assert added["download_dir"] == profile["download_root"]
        await eventually(lambda: list(places["records"].glob("*.intent")), "a copy of the intent")
        await patch(node, engine_profile={"download_root": str(places["later"]), "resume_dir": None})
        magnet = await node.api.add(magnet=f"magnet:?xt=urn:btih:{'b' * 40}", start_paused=True)
        assert magnet.json()["download_dir"] == str(places["later"])
        copy = places["records"] / f"{magnet.json()['id']}.intent"
        await eventually(copy.exists, "a copy at the old place: records move at the next start only")


async def test_labels_and_torrents_have_caps_and_goals_of_their_own(home: Path, fresh_database_url: str) -> None:
    async with daemon(home / "node", database_url=fresh_database_url) as node:
        http = node.api.http
        films = {"seed_time_limit": 0, "max_upload_bps": 50_000}
        assert (await http.put("/v1/categories/films", json=films)).status_code == 201
        wishes: dict[str, dict[str, Any]] = {
            "by-label": {"category": "films"},
            "by-request": {"seed_ratio_limit": 0.0},
            "on-and-on": {},
        }
        ids = {}
        for number, (name, wish) in enumerate(wishes.items()):
            content = payload(40_000, seed=number)
            (node.data_dir / "downloads" / name).write_bytes(content)
            added = await node.api.add(make_torrent({name: content}, name=name), **wish)
            ids[name] = added.json()["id"]

        for name in ("by-label", "by-request"):
            ended = await until_state(node, ids[name], "completed")
            assert ended["state"]["message"], "the rule that stopped it is named"
        assert (await until_state(node, ids["on-and-on"], "seeding"))["state"].get("message") is None


async def until_state(node: Daemon, torrent_id: str, state: str) -> dict[str, Any]:
    """Wait until a torrent is in a state; return it."""
    seen: dict[str, Any] = {}

    async def there() -> bool:
        seen.update(await node.api.detail(torrent_id))
        return bool(seen["state"]["kind"] == state)

    await eventually(there, lambda: f"{state}: {seen['state']}\n{node.log_tail()}", within=20)
    return seen


@pytest.mark.drill
async def test_a_daemon_without_its_database_starts_from_its_copy(home: Path) -> None:
    """Keys, mode and limits come from the copy; what needs the database says so."""
    node = Daemon(home / "node", engine="simulated")
    try:
        await node.start()
        await patch(node, engine_profile={"max_upload_bps": 4_000_000})
        await eventually(
            lambda: '"revision' in (text := (node.data_dir / "configuration.json").read_text()) and "4000000" in text,
            "the copy",
        )
        assert await node.stop() == 0

        node.database_url = "postgresql://nobody@127.0.0.1:1/none"
        api = await node.start()

        config = await api.http.get("/v1/config")
        assert (config.status_code, config.json()["engine_profile"]["max_upload_bps"]) == (200, 4_000_000)
        refused = await api.http.patch("/v1/config", json={"engine_profile": {"dht": False}})
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
        assert (await api.component("config_watcher"))["state"] == "degraded"
        assert json.loads((node.data_dir / "credentials.json").read_text())["api_url"] == node.url
    finally:
        await node.close()
