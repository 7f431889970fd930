"""`revaer backup` of a node that runs, and `revaer restore` of it: the same node again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon, daemon
from tests.support.shell import shell
from tests.support.torrents import make_torrent, payload
from tests.support.watching import until_loaded

pytestmark = pytest.mark.drill
STAYS = ("id", "info_hash", "name", "tags", "category", "added_at", "sequential", "rate_limit", "progress", "trackers")


def shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(({name: row.get(name) for name in STAYS} for row in rows), key=lambda row: str(row["id"]))


async def fill(node: Daemon) -> None:
    """Give a node torrents, a label, a secret and a history."""
    for number in range(5):
        torrent = make_torrent({"a.bin": payload(40_000, seed=number)}, name=f"one-{number}")
        answer = await node.api.add(
            torrent, tags=["x"], category="films", start_paused=True, max_upload_bps=1000 + number
        )
        assert answer.status_code == 201, answer.text
    revaer = shell(node.data_dir)
    (await revaer("secrets", "set", "proxy-password", stdin=b"hush-hush\n")).expect()
    (await revaer("config", "set", "/engine_profile/max_upload_bps=123456")).expect()


async def test_a_node_of_a_backup_is_the_node_it_was_made_of(home: Path) -> None:
    file = home / "node.revaer"
    async with daemon(home / "first") as first:
        await fill(first)
        epoch = (await first.api.health())["events"]["epoch"]
        was, history = await first.api.all(), (await first.api.http.get("/v1/config/history")).json()
        made = (await shell(first.data_dir)("backup", str(file), "--output", "json")).document

    restored = await shell(home / "second")("restore", str(file), "--map", f"{home / 'first'}={home / 'second'}")

    assert (made["torrents"], made["rows"]["secrets"]) == (5, 1)
    assert "hush-hush" not in restored.expect().out
    async with daemon(home / "second") as second:
        await until_loaded(second)
        assert shown(await second.api.all()) == shown(was)
        assert (await second.api.http.get("/v1/config/history")).json()["revisions"] == history["revisions"]
        snapshot = (await second.api.http.get("/v1/config")).json()
        assert snapshot["engine_profile"]["max_upload_bps"] == 123456
        assert str(home / "first") not in str(snapshot["effective"])
        assert (await second.api.health())["events"]["epoch"] > epoch


async def test_a_node_that_is_stopped_can_be_backed_up(home: Path) -> None:
    async with daemon(home / "node", engine="simulated") as node:
        assert (await node.api.add(make_torrent({"a": payload(1000)}, name="one"))).status_code == 201

    made = (await shell(home / "node")("backup", str(home / "file"), "--output", "json")).document

    assert made["torrents"] == 1
    assert (await shell(home / "other")("restore", str(home / "file"), "--check", "--output", "json")).document["rows"]


async def test_what_cannot_be_restored_changes_nothing(home: Path) -> None:
    async with daemon(home / "node", engine="simulated") as node:
        (await shell(node.data_dir)("backup", str(home / "file"))).expect()
        over = (await shell(node.data_dir)("restore", str(home / "file"))).expect(2)
        again = (await shell(node.data_dir)("backup", str(home / "file"))).expect(2)
    (home / "cut").write_bytes((home / "file").read_bytes()[:-100])
    cut = (await shell(home / "other")("restore", str(home / "cut"))).expect(2)
    nowhere = (await shell(home / "other")("backup", str(home / "third"))).expect(2)

    assert "there is a node in" in over.err
    assert "exists" in again.err
    assert "copy it again" in cut.err
    assert "there is no node in" in nowhere.err
    assert not (home / "other").exists()


async def test_a_restore_that_was_interrupted_keeps_the_daemon_from_starting_until_it_is_repeated(home: Path) -> None:
    async with daemon(home / "node", engine="simulated") as node:
        (await shell(node.data_dir)("backup", str(home / "file"))).expect()
    other = home / "other"
    other.mkdir()
    (other / "restoring").write_text("as a kill would leave it")
    (other / "secret.key").write_bytes((home / "node" / "secret.key").read_bytes())

    refused = (await shell(other)("serve", "--port", "0")).expect(2)
    (await shell(other)("restore", str(home / "file"))).expect()

    assert "run it again" in refused.err
    async with daemon(other, engine="simulated") as node:
        assert (await node.api.health())["status"] in {"ok", "degraded"}
