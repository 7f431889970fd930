"""A backup of the running node, a fresh node made of it, and both held against each other."""

from __future__ import annotations

import os
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import trio

from tests.runbook.payloads import digests
from tests.runbook.scene import Scene
from tests.support.daemon import Daemon
from tests.support.payloads import MIB
from tests.support.waiting import NeverCameTrue, eventually
from tests.support.watching import until_loaded

SHOWN = (
    "id",
    "info_hash",
    "name",
    "tags",
    "category",
    "added_at",
    "completed_at",
    "progress",
    "trackers",
    "rate_limit",
)
"""What of a torrent must be the same in the fresh node."""

STOPS_WITHIN = 25.0
"""Seconds that an orderly stop may take."""


async def backup_and_restore(scene: Scene) -> None:
    """Back up, refuse what must be refused, restore into a fresh directory, and go on with that node."""
    notes, first = scene.notes, scene.node
    file = scene.folder / "node.backup"
    await scene.succeeds("a secret is stored", "secrets", "set", "proxy-password", stdin=b"hush-hush\n")
    before = await _portrait(first)
    made = await scene.succeeds("the running node is backed up", "backup", str(file), "--output", "json")
    notes.note(f"{file.stat().st_size} bytes for {made.document['torrents']} torrents")
    notes.equal("the backup has every torrent", made.document["torrents"], len(before["torrents"]))
    notes.equal("only its owner may read it", oct(stat.S_IMODE(file.stat().st_mode)), oct(0o600))
    notes.holds("the secret is not in it in plain", b"hush-hush" not in file.read_bytes(), "it is")
    await _refusals(scene, file)

    await stop_in_order(scene)
    second = scene.make_node("restored")
    restored = await scene.run_on(second.data_dir, "restore", str(file), "--map", f"{first.data_dir}={second.data_dir}")
    notes.holds("it is restored into an empty directory", restored.code == 0, restored.err)
    await trio.to_thread.run_sync(_bring_payload, first.data_dir, second.data_dir)
    scene.node = second
    await scene.start()
    await until_loaded(second, within=60)
    _hashed_nothing(scene)
    await _compare(scene, before, await _settled_portrait(second, before), first.data_dir)


async def _refusals(scene: Scene, file: Path) -> None:
    cut, other = scene.folder / "cut.backup", scene.folder / "other"
    await trio.Path(cut).write_bytes((await trio.Path(file).read_bytes())[:-100])
    await scene.succeeds("the backup reads back whole", "restore", str(file), "--check")
    await scene.ends(2, "a second backup does not take its place", "backup", str(file))
    await scene.ends(2, "a restore over a node is refused", "restore", str(file))
    refused = await scene.run_on(other, "restore", str(cut))
    scene.notes.holds("a backup that is cut off is refused", refused.code == 2, f"{refused.code} {refused.err}")
    scene.notes.holds("and changes nothing", not other.exists(), other)


async def stop_in_order(scene: Scene) -> None:
    """SIGTERM, and what must come of it."""
    began = time.monotonic()
    code = await scene.node.stop(within=60)
    seconds = time.monotonic() - began
    scene.notes.equal("SIGTERM ends the daemon with exit code 0", code, 0)
    scene.notes.holds(f"within {STOPS_WITHIN:.0f} s", seconds <= STOPS_WITHIN, f"{seconds:.1f} s")
    left = (scene.node.data_dir / "runtime.json").exists()
    scene.notes.holds("runtime.json is gone with it", not left, "it is there")


def _bring_payload(old: Path, new: Path) -> None:
    """Payload and library are not in a backup; here they come along as hard links."""
    for name in ("downloads", "library"):
        shutil.copytree(old / name, new / name, copy_function=os.link, dirs_exist_ok=True)


async def _portrait(node: Daemon) -> dict[str, Any]:
    """All that must be the same."""
    http = node.api.http
    config = (await http.get("/v1/config")).json()
    jobs = (await http.get("/v1/fsops", params={"limit": "1000"})).json()["jobs"]
    rows = await node.api.all()
    return {
        "torrents": {row["id"]: {name: row.get(name) for name in SHOWN} for row in rows},
        "states": {row["id"]: row["state"]["kind"] for row in rows},
        "library": {row["id"]: row.get("library_path") for row in rows},
        "configuration": {
            name: config[name] for name in ("revision", "app_profile", "engine_profile", "label_policies")
        },
        "secrets": sorted(config["secrets"]),
        "keys": (await http.get("/v1/keys")).json()["keys"],
        "history": (await http.get("/v1/config/history")).json()["revisions"],
        "jobs": {job["torrent_id"]: job["state"] for job in jobs},
        "epoch": (await node.api.health())["events"]["epoch"],
    }


async def _settled_portrait(node: Daemon, was: dict[str, Any]) -> dict[str, Any]:
    """The same once the engine has told of every torrent, or when that takes too long."""
    now: dict[str, Any] = {}

    async def alike() -> bool:
        now.update(await _portrait(node))
        return all(now[part] == was[part] for part in ("torrents", "states"))

    with suppress(NeverCameTrue):
        await eventually(alike, "the same torrents", within=60, every=0.2)
    return now


async def _compare(scene: Scene, was: dict[str, Any], now: dict[str, Any], old: Path) -> None:
    notes, new = scene.notes, scene.node.data_dir
    notes.keep_json("node.json", was)
    notes.keep_json("restored.json", now)
    for part in ("torrents", "states", "configuration", "secrets", "keys", "history", "jobs"):
        notes.equal(f"{part}: the same in the fresh node", now[part], was[part])
    moved = {key: path and path.replace(str(old), str(new)) for key, path in was["library"].items()}
    notes.equal("library paths follow --map", now["library"], moved)
    notes.holds("event ids go on growing", now["epoch"] > was["epoch"], f"epoch {now['epoch']} after {was['epoch']}")
    await scene.succeeds("the admin key came along", "config", "get")
    notes.equal(
        "the library is the same, file by file",
        *[await trio.to_thread.run_sync(_published, home) for home in (new, old)],
    )
    await scene.succeeds("and hashes to what was published", "fsops", "verify")


def _hashed_nothing(scene: Scene) -> None:
    """The daemon has read far less since its start than hashing the payload would take."""
    read = int(psutil.Process(scene.node.pid).io_counters().read_chars)
    size = sum(path.stat().st_size for path in scene.downloads.rglob("*") if path.is_file())
    found = f"{read / MIB:.0f} MiB were read, the payload is {size / MIB:.0f} MiB"
    scene.notes.holds("no payload is hashed again", read < size / 2, found)


def _published(home: Path) -> dict[str, str]:
    return {path: digest for path, digest in digests(home / "library").items() if not path.startswith(".revaer")}
