"""The database is taken away and given back: transfers and reads go on, writes are refused whole."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psutil
import trio

from tests.runbook.scene import Scene
from tests.support.payloads import MIB, Torrent, large_torrent
from tests.support.postgres import server_processes
from tests.support.torrents import make_torrent, payload
from tests.support.watching import until_complete, until_component, until_verified, verified_bytes

NAME = "meanwhile.bin"
SIZE = 96 * MIB
PACE = 4 * MIB
GOES_ON = 4 * MIB
"""Bytes that must arrive while the database is away."""


async def database_away(scene: Scene) -> None:
    """Freeze the private server during a download, thaw it, then kill it."""
    notes, node = scene.notes, scene.node
    torrent = await trio.to_thread.run_sync(partial(large_torrent, SIZE, name=NAME, seed=6, root=scene.seeds))
    late = scene.folder / "late.torrent"
    late.write_bytes(make_torrent({"late": payload(1000, seed=7)}, name="late"))
    key = await scene.add(torrent, "--no-process", upload_bps=PACE)
    await until_verified(node, key, MIB, within=60)
    with _frozen(scene):
        degraded = await until_component(node, "database", "degraded", within=60)
        notes.holds("`database` is degraded, with the reason", degraded["reason"], degraded)
        await scene.snapshot("away")
        await _reads_but_does_not_write(scene, torrent, key, str(late))
    await until_component(node, "database", "up", within=90)
    notes.holds("with the server back, `database` is up by itself", True)
    await scene.succeeds("what was refused is taken now", "add", str(late), "--start-paused")
    await scene.seeder.limit(0)
    await until_complete(node, key, within=120)
    whole = await trio.to_thread.run_sync(torrent.whole_pieces, scene.downloads)
    notes.holds("the download is whole", all(whole), f"{whole.count(False)} pieces are wrong")
    await _killed(scene)


async def _reads_but_does_not_write(scene: Scene, torrent: Torrent, key: str, late: str) -> None:
    notes, api = scene.notes, scene.node.api
    had = verified_bytes(await api.detail(key))
    listed = len((await scene.succeeds("lists are answered", "ls", "--output", "json")).document["torrents"])
    health = await api.http.get("/health")
    notes.equal("the node is degraded and serves", (health.status_code, health.json()["status"]), (200, "degraded"))
    await scene.ends(3, "an add is refused, with exit code 3", "add", late, "--start-paused")
    answer = await api.http.patch("/v1/config", json={"engine_profile": {"max_upload_bps": 1_000_000}})
    notes.equal("over HTTP a change is refused with 503", answer.status_code, 503)
    notes.holds("with Retry-After", "retry-after" in answer.headers, dict(answer.headers))
    notes.equal("nothing of what was refused is there", len(await api.all()), listed)
    await until_verified(scene.node, key, min(had + GOES_ON, torrent.size), within=90)
    notes.holds("the download goes on without the database", True)


async def _killed(scene: Scene) -> None:
    """Kill the server: the daemon starts another."""
    killed = set(server_processes(scene.node.data_dir))
    for pid in killed:
        os.kill(pid, signal.SIGKILL)

    async def another() -> bool:
        pids = set(server_processes(scene.node.data_dir))
        return bool(pids) and not pids & killed and (await scene.node.api.component("database"))["state"] == "up"

    await scene.notes.until("a killed server is started again by the daemon", another, within=90)
    await scene.succeeds("and everything is there", "config", "get", "/app_profile/instance_name")


@contextmanager
def _frozen(scene: Scene) -> Iterator[None]:
    """The private server, all its processes stopped: connections stay open, and nobody answers."""
    frozen: list[psutil.Process] = []
    try:
        for pid in server_processes(scene.node.data_dir):
            postmaster = psutil.Process(pid)
            postmaster.suspend()
            frozen.append(postmaster)
            for child in postmaster.children(recursive=True):
                child.suspend()
                frozen.append(child)
        scene.notes.holds("the node runs a server of its own", frozen, "no server below the data directory")
        yield
    finally:
        for process in frozen:
            if process.is_running():
                process.resume()
