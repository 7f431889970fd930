"""How a real daemon comes to its setup, and back to it: by itself, by a token, by a changeset, through kills."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import trio

from revaer.daemon.credentials import Credentials, write_credentials
from tests.support.daemon import LOOPBACK, Daemon
from tests.support.database_gate import open_gate
from tests.support.torrents import make_torrent, payload
from tests.support.waiting import eventually
from tests.support.watching import until_loaded


@pytest.fixture
def at(home: Path, fresh_database_url: str) -> Any:
    """Make a daemon on the test's directory and database; it runs for the length of a block."""

    @asynccontextmanager
    async def make(**options: Any) -> AsyncIterator[Daemon]:
        node = Daemon(home / "node", database_url=fresh_database_url, engine="simulated", **options)
        try:
            yield node
        finally:
            await node.close()

    return make


async def command(node: Daemon, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command on the node."""
    words = [sys.executable, "-m", "revaer.cli.main", "--data-dir", str(node.data_dir), *arguments]
    return await trio.run_process(words, stdin=stdin, capture_stdout=True, capture_stderr=True, check=False)


async def revision(node: Daemon) -> int:
    """The revision in force."""
    return int((await node.api.http.get("/v1/config")).json()["revision"])


def listening(node: Daemon) -> list[str]:
    """The addresses that the daemon's process listens on, one per port."""
    connections = psutil.Process(node.pid).net_connections("tcp")
    return [connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN]


def problem(answer: httpx.Response) -> str:
    """The kind of a problem document."""
    return str(answer.json()["type"]).rpartition("/")[2]


async def test_a_fresh_node_sets_itself_up_once(at: Any) -> None:
    async with at() as node:
        api = await node.start()
        (key,) = (await api.http.get("/v1/keys")).json()["keys"]
        assert key["id"] == node.key().partition(":")[0]
        assert key.get("expires_at") is None
        assert await api.metric("revaer_config_revision") == 1
        tripped = {one["guardrail"] for one in (await api.health())["guardrails"]}
        assert {"key_without_expiry", "key_without_rate_limit", "global_download_cap"} <= tripped
        assert await api.metric("revaer_guardrail_violations_total", guardrail="key_without_expiry") == 1
        used = node.key()
        assert await node.stop() == 0

        await node.start()

        assert (node.key(), await revision(node)) == (used, 1)
        assert len(node.told("setup_token_used")) == 1


async def test_an_admin_key_of_an_older_version_goes_on(at: Any) -> None:
    old = "rk_older:a-secret-that-a-script-somewhere-has"
    async with at() as node:
        node.data_dir.mkdir()
        write_credentials(node.data_dir / "credentials.json", Credentials("http://127.0.0.1:7070", old))

        api = await node.start()

        assert node.key() == old
        assert (await api.http.get("/v1/keys")).status_code == 200


@pytest.mark.drill
@pytest.mark.parametrize("moment", ["admin_key_made", "setup_token_used"])
async def test_a_kill_in_the_middle_of_the_setup_locks_nobody_out(at: Any, moment: str) -> None:
    async with at() as node:
        node.spawn()
        await eventually(lambda: node.told(moment), moment, within=30, every=0.001)
        await node.kill()
        left = node.key()

        api = await node.start()

        assert left in (node.key(), "")
        assert (await api.http.get("/v1/keys")).status_code == 200
        assert await revision(node) == 1


@pytest.mark.drill
async def test_a_changeset_holds_once_and_never_fights_later_edits(at: Any) -> None:
    changeset = {"fs_policy": {"flatten": True}, "label_policies": {"tags": {"hd": {"max_upload_bps": 7}}}}
    async with at(changeset=changeset, profile={"max_upload_bps": 5_000_000}) as node:
        api = await node.start()
        config = (await api.http.get("/v1/config")).json()
        assert config["engine_profile"]["max_upload_bps"] == 5_000_000
        assert config["fs_policy"]["flatten"] is True
        await api.http.patch("/v1/config", json={"engine_profile": {"max_upload_bps": 6_000_000}})
        await node.stop()

        node.profile["max_upload_bps"] = 7_000_000
        api = await node.start()
        assert (await api.http.get("/v1/config")).json()["engine_profile"]["max_upload_bps"] == 6_000_000
        await node.stop()

        node.variables["REVAER_BOOTSTRAP_FILE"] = str(node.data_dir / "gone.json")
        await node.start()
        assert await revision(node) == 2


async def test_a_changeset_that_does_not_fit_this_machine_names_the_pointer(at: Any) -> None:
    async with at(profile={"download_root": "/no/such/directory"}) as node:
        node.spawn()

        assert await node.exited() == 2
        assert "/engine_profile/download_root" in node.log_tail()


async def test_a_key_file_that_others_may_read_refuses_a_changeset_with_secrets(at: Any, home: Path) -> None:
    key_file = home / "shared.key"
    key_file.write_text("whatever\n")
    key_file.chmod(0o644)
    variables = {"REVAER_SECRET_KEY_FILE": str(key_file)}
    async with at(changeset={"secrets": {"a": "planted"}}, variables=variables) as node:
        node.spawn()

        assert await node.exited() == 2
        assert f"chmod 600 {key_file}" in node.log_tail()
        assert not (node.data_dir / "secret.key").exists()


@pytest.mark.drill
async def test_a_fresh_node_whose_database_comes_late_sets_itself_up_then(home: Path, fresh_database_url: str) -> None:
    """Until then it serves what it can, and its engine is offline: nobody has said yet where it may be seen."""
    async with open_gate(fresh_database_url) as gate:
        gate.shut()
        node = Daemon(home / "node", database_url=gate.url)
        try:
            api = await node.start()
            assert problem(await api.http.get("/v1/torrents")) == "setup-required"
            assert len(listening(node)) == 1, "the API, and nobody for peers"

            await gate.open()

            async def works() -> bool:
                api.http.headers["x-revaer-api-key"] = node.key()
                return (await api.http.get("/v1/keys")).status_code == 200

            await eventually(works, lambda: f"the setup\n{node.log_tail()}", within=30)

            async def online() -> bool:
                told = (await api.health())["engine"]["listening"]
                return len(told) == 1 and told[0].startswith("127.0.0.1:")

            await eventually(online, "the engine listens where the changeset says")
            assert await node.stop() == 0
        finally:
            await node.close()


@pytest.mark.drill
async def test_the_whole_way_by_token_and_back_by_a_reset(at: Any, home: Path) -> None:
    """Off loopback is refused until the token is used; a reset leads back, stops torrents, and keeps payload."""
    changeset = home / "changeset.json"
    changeset.write_text(json.dumps({"engine_profile": dict(LOOPBACK)}))
    async with at(setup="token", bind="0.0.0.0") as node:
        api = await node.start()
        assert listening(node) == ["127.0.0.1"], "whatever was asked for"
        assert node.key() == ""
        assert len(node.told("setup_pending")) == 1
        assert node.told("setup_loopback_refused")[0]["address"] == "0.0.0.0"
        waiting = await api.http.get("/v1/torrents")
        assert (waiting.status_code, problem(waiting)) == (409, "setup-required")
        assert (await api.http.get("/.well-known/revaer.json")).json()["mode"] == "setup"
        assert await api.metric("revaer_guardrail_violations_total", guardrail="setup_listener") == 1

        done = await command(node, "setup", "--file", str(changeset))
        assert done.returncode == 0, done.stderr
        assert len(node.told("setup_token_issued")) == len(node.told("setup_token_used")) == 1
        await eventually(lambda: listening(node) == ["0.0.0.0"], "the address that was asked for")
        assert (await command(node, "ls")).returncode == 0

        file = node.data_dir / "downloads" / "film.mkv"
        file.write_bytes(payload(40_000))
        api.http.headers["x-revaer-api-key"] = node.key()
        added = await api.add(make_torrent({"film.mkv": payload(40_000)}, name="film.mkv"), seed_mode=True)
        assert added.status_code == 201, added.text
        reset = await api.http.post("/admin/factory-reset", json={"confirm": "factory reset"})
        assert reset.status_code == 200, reset.text
        assert reset.json()["api_keys"] == []
        await eventually(lambda: listening(node) == ["127.0.0.1"], "back on loopback")
        await eventually(lambda: node.told("torrents_stopped"), "torrents stopped")
        assert len(node.told("setup_pending")) == 2
        assert await node.stop() == 0

        node.setup = "auto"
        api = await node.start()
        again = await api.http.get("/v1/config")
        assert problem(again) == "setup-required", "a reset is not undone by a restart"
        assert (await command(node, "setup", "--file", str(changeset))).returncode == 0
        api.http.headers["x-revaer-api-key"] = node.key()
        (row,) = await until_loaded(node)
        assert (row["id"], row["state"]["kind"]) == (added.json()["id"], "completed")
        assert file.read_bytes() == payload(40_000)
