"""A torrent with an archive inside, from the add to the library, through the daemon that users run."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.support.daemon import Daemon, daemon
from tests.support.payloads import Torrent, torrent_of
from tests.support.swarm import open_peer
from tests.support.torrents import payload
from tests.support.tracker import open_tracker
from tests.support.waiting import eventually
from tests.support.watching import add, until_complete, until_failed

INSIDE = {"season/one.mkv": payload(90_000, seed=7), "season/one.srt": b"words\n" * 50}
BESIDE = {"about.nfo": b"about it\n" * 20}


def zipped(contents: Mapping[str, bytes]) -> bytes:
    """Pack files into an archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tree(root: Path) -> dict[str, bytes]:
    """Read every file below a directory."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def a_show(root: Path, name: str = "Show") -> Torrent:
    return torrent_of({"show.zip": zipped(INSIDE), **BESIDE}, name=name, root=root)


async def seen_until(events: Any, torrent_id: str, kind: str) -> list[dict[str, Any]]:
    """Read events of a torrent up to the first one of a kind."""
    seen: list[dict[str, Any]] = []
    with trio.fail_after(60):
        async for envelope in events:
            event = envelope["event"]
            if event.get("torrent_id") == torrent_id:
                seen.append(event)
                if event["type"] == kind or (kind == "seeding" and _state(event) == kind):
                    return seen
    raise AssertionError(f"the stream ended before {kind}")


def _state(event: Mapping[str, Any]) -> str | None:
    return event["state"]["kind"] if event["type"] == "state_changed" else None


async def test_torrent_with_an_archive_becomes_a_library_entry(home: Path) -> None:
    torrent = a_show(home / "seeds")
    async with daemon(home / "node") as node, open_tracker() as tracker, open_peer(home / "peer") as seeder:
        await seeder.seed([torrent], home / "seeds", trackers=[tracker.url])
        async with await node.api.events() as events:
            key = await add(node, torrent, trackers=[tracker.url])
            seen = await seen_until(events, key, "seeding")
        kinds = [event["type"] for event in seen]
        entry = node.data_dir / "library" / "Show"
        assert kinds.index("completed") < kinds.index("fsops_started") < kinds.index("fsops_completed")
        assert seen[kinds.index("completed")]["state"]["kind"] == "processing"
        assert seen[kinds.index("fsops_completed")]["artifact_path"] == str(entry)
        assert [_state(event) for event in seen if _state(event) is not None][-2:] == ["processing", "seeding"]
        assert seen[-1]["library_path"] == str(entry), "state and library path change together"
        assert await trio.to_thread.run_sync(tree, entry) == INSIDE | BESIDE
        await told_by_the_api(node, key, entry)


async def told_by_the_api(node: Daemon, key: str, entry: Path) -> None:
    """Hold every call about post-processing against what happened."""
    detail = await node.api.detail(key)
    assert detail["library_path"] == str(entry)
    assert detail["fsops"]["state"] == "completed"
    job = (await node.api.http.get(f"/v1/torrents/{key}/fsops")).json()
    assert {file["path"] for file in job["files"]} == set(INSIDE | BESIDE)
    assert [step["name"] for step in job["steps"]][-1] == "finalise"
    assert [one["torrent_id"] for one in (await node.api.http.get("/v1/fsops")).json()["jobs"]] == [key]
    plan = (await node.api.http.get(f"/v1/torrents/{key}/fsops/plan")).json()
    assert plan["steps"], plan
    report = (await node.api.http.post("/v1/fsops/verify", json={"wait_seconds": 20})).json()
    assert (report["finished"], report["findings"], report["entries"]) == (True, [], 1)
    health = await node.api.health()
    assert health["fsops"] == {"queue": 0, "running": 0, "failed": 0, "paused": False}
    assert health["components"]["fsops"]["state"] in ("up", "degraded")
    assert await node.api.metric("revaer_fsops_jobs", state="completed") == 1
    assert await node.api.metric("revaer_fsops_step_duration_seconds_count", step="publish", outcome="done") == 1
    refused = await node.api.http.post(f"/v1/torrents/{key}/fsops/cancel")
    assert refused.status_code == 409, refused.text


async def test_torrent_that_is_not_to_be_processed_seeds_at_once(home: Path) -> None:
    torrent = a_show(home / "node" / "downloads")
    async with daemon(home / "node") as node:
        key = await add(node, torrent, seed_mode=True, process=False)
        detail = await until_complete(node, key)
        assert "library_path" not in detail
        assert "fsops" not in detail
        answer = await node.api.http.get(f"/v1/torrents/{key}/fsops")
        assert (answer.status_code, answer.json()["type"]) == (404, "https://revaer.dev/problems/not-found")
        assert (await node.api.http.post(f"/v1/torrents/{key}/fsops/retry")).status_code == 200
        await eventually(lambda: _in_library(node, key), node.log_tail, within=30)


async def _in_library(node: Daemon, key: str) -> bool:
    return "library_path" in await node.api.detail(key)


async def test_failure_says_what_to_do_and_a_retry_heals_it(home: Path) -> None:
    torrent = a_show(home / "node" / "downloads")
    obstacle = home / "node" / "library" / "Show"
    await trio.Path(obstacle).mkdir(parents=True)
    async with daemon(home / "node") as node:
        key = await add(node, torrent, seed_mode=True)
        failed = await until_failed(node, key)
        assert f"revaer fsops retry {key}" in failed["state"]["message"]
        assert failed["fsops"]["error"]["retryable"] is False
        await trio.Path(obstacle).rmdir()
        assert (await node.api.http.post(f"/v1/torrents/{key}/fsops/retry")).json()["state"] in ("queued", "running")
        assert (await until_complete(node, key))["library_path"] == str(obstacle)


@pytest.mark.drill
@pytest.mark.parametrize("mode", ["move", "copy"])
async def test_payload_goes_into_the_library_as_the_policy_says(home: Path, mode: str) -> None:
    torrent = torrent_of(BESIDE, name="Notes", root=home / "node" / "downloads")
    async with daemon(home / "node", changeset={"fs_policy": {"move_mode": mode}}) as node:
        key = await add(node, torrent, seed_mode=True)
        done = await until_complete(node, key)
        entry = node.data_dir / "library" / "Notes"
        assert done["state"]["kind"] == ("completed" if mode == "move" else "seeding")
        assert await trio.to_thread.run_sync(tree, entry) == BESIDE
        is_left = await trio.Path(node.data_dir / "downloads" / "Notes").exists()
        assert is_left == (mode == "copy")
        await node.stop()
        await node.start()
        assert (await until_complete(node, key))["library_path"] == str(entry)
        assert (await node.api.remove(key, delete_data=True)).status_code < 300
        assert await trio.to_thread.run_sync(tree, entry) == BESIDE


@pytest.mark.drill
async def test_queue_is_paused_over_a_restart_and_says_so(home: Path) -> None:
    torrent = a_show(home / "node" / "downloads")
    async with daemon(home / "node") as node:
        assert (await node.api.http.post("/v1/fsops/pause")).json()["paused"] is True
        key = await add(node, torrent, seed_mode=True)
        await eventually(lambda: _waits(node, key), node.log_tail, within=20)
        await node.stop()
        await node.start()
        await eventually(lambda: _waits(node, key), node.log_tail, within=20)
        assert (await node.api.http.post("/v1/fsops/resume")).json()["paused"] is False
        await until_complete(node, key)


async def _waits(node: Daemon, key: str) -> bool:
    state = (await node.api.detail(key))["state"]
    return state["kind"] == "processing" and "paused" in state.get("message", "")
