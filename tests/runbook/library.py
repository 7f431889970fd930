"""The library's volume is taken away and given back: health says so, jobs wait, nothing is written beneath."""

from __future__ import annotations

from functools import partial

import trio

from tests.runbook.scene import Scene
from tests.support.payloads import MIB, large_torrent
from tests.support.watching import until_complete, until_component

NAME = "later.bin"


async def library_away(scene: Scene) -> None:
    """Move the library aside, finish a download meanwhile, and move it back."""
    notes, node = scene.notes, scene.node
    torrent = await trio.to_thread.run_sync(partial(large_torrent, 4 * MIB, name=NAME, seed=5, root=scene.seeds))
    away = scene.folder / "library.away"
    before = _listed(scene)
    scene.library.rename(away)
    try:
        degraded = await until_component(node, "fsops", "degraded", within=60)
        notes.holds("`fsops` is degraded, and names the library", str(scene.library) in degraded["reason"], degraded)
        health = await node.api.http.get("/health")
        found = (health.status_code, health.json()["status"])
        notes.equal("the node is degraded and serves", found, (200, "degraded"))
        told = await scene.succeeds("`revaer health` ends with 0", "health")
        notes.holds("and shows the reason", str(scene.library) in told.out, told.out)
        state = await node.api.metric("revaer_health_state", component="fsops")
        notes.equal("the metric for alerts says degraded", state, 2.0)
        await scene.snapshot("away")

        key = await scene.add(torrent)

        async def waits() -> bool:
            return bool((await node.api.detail(key))["state"]["kind"] == "processing")

        await notes.until("a download that finishes now waits in `processing`", waits)
        there = await trio.Path(scene.library).exists()
        notes.holds("nothing is written where the library should be", not there, scene.library)
    finally:
        away.rename(scene.library)
    await until_component(node, "fsops", "up", within=60)
    notes.holds("with the library back, `fsops` is up by itself", True)
    done = await until_complete(node, key, within=120)
    notes.equal("the job went on by itself", done["library_path"], str(scene.library / NAME))
    notes.equal("the entries are those before, and the new one", _listed(scene), sorted([*before, NAME]))
    await scene.succeeds("the library hashes to what was published", "fsops", "verify")


def _listed(scene: Scene) -> list[str]:
    return sorted(path.name for path in scene.library.iterdir() if path.name != ".revaer")
