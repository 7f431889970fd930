"""Back to the beginning, and the end: factory reset, another setup, an orderly stop."""

from __future__ import annotations

from pathlib import Path

import trio

from tests.runbook.copies import stop_in_order
from tests.runbook.payloads import digests
from tests.runbook.scene import Scene
from tests.support.processes import living_below
from tests.support.watching import until_loaded

PAUSED = frozenset({"stopped", "completed"})
"""States of torrents that neither download nor seed."""


async def factory_reset(scene: Scene) -> None:
    """Reset, see that it holds over a restart and that no payload is touched, and set the node up again."""
    notes, node = scene.notes, scene.node
    rows = await node.api.all()
    revision = (await node.api.http.get("/v1/config")).json()["revision"]
    payload = {root: await trio.to_thread.run_sync(digests, root) for root in (scene.downloads, scene.library)}
    await scene.ends(2, "without --confirm it is refused", "factory-reset")
    await scene.succeeds("with --confirm it is done", "factory-reset", "--confirm", "--output", "json")
    await _is_closed(scene, "is back in its setup")
    await stop_in_order(scene)
    await scene.start()
    await _is_closed(scene, "stays there over a restart")

    await scene.succeeds("the node is set up again", "setup", "--file", str(scene.write_changeset()))
    scene.take_key()
    after = await until_loaded(node, within=60)
    known = [sorted(row["id"] for row in some) for some in (after, rows)]
    notes.equal("every torrent is still there", *known)
    states = {row["state"]["kind"] for row in after}
    notes.holds("none of them runs: what is whole is `completed`, the rest `stopped`", states <= PAUSED, states)
    config = (await node.api.http.get("/v1/config")).json()
    notes.holds("revisions go on growing", config["revision"] > revision, config["revision"])
    notes.equal("secrets are gone", list(config["secrets"]), [])
    keys = (await node.api.http.get("/v1/keys")).json()["keys"]
    notes.equal("there is one key, the new one", len(keys), 1)
    for root, was in payload.items():
        found = await trio.to_thread.run_sync(digests, root)
        notes.equal(f"no file in {root.name} was touched", found, was)


async def _is_closed(scene: Scene, what: str) -> None:
    answer = await scene.node.api.http.get("/v1/torrents")
    scene.notes.equal(f"the node {what}: 409 under /v1", answer.status_code, 409)
    await scene.ends(2, "commands say that it is not set up, with exit code 2", "ls")


async def orderly_stop(scene: Scene) -> None:
    """The end: nothing of the node is left running."""
    await stop_in_order(scene)
    left = [process.pid for process in await trio.to_thread.run_sync(living_below, scene.folder)]
    errors = [line for log in sorted(scene.out.glob("*.log")) for line in _errors(log)]
    scene.notes.holds("the logs have no error", not errors, errors)
    scene.notes.equal("no process is left, the database server neither", left, [])


def _errors(log: Path) -> list[str]:
    """The lines of a log that are worse than warnings, or no lines of the daemon's log at all."""
    fine = ('"level":"info"', '"level":"warning"', '"level":"debug"')
    return [
        line[:300] for line in log.read_text("utf-8", "replace").splitlines() if not any(one in line for one in fine)
    ]
