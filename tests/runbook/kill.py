"""SIGKILL in the middle of a download: nothing that was accepted is lost, nothing that was verified comes twice."""

from __future__ import annotations

import time
from functools import partial

import trio

from tests.runbook.scene import Scene
from tests.support.payloads import MIB, Torrent, large_torrent
from tests.support.watching import until_complete, until_listed, until_settled, until_verified, verified_bytes

NAME = "long.bin"
SIZE = 96 * MIB
PACE = 16 * MIB
KILL_AT = 24 * MIB


async def kill_and_resume(scene: Scene) -> None:
    """Kill the daemon while it downloads, start it, and see the download through."""
    notes, node = scene.notes, scene.node
    torrent = await trio.to_thread.run_sync(partial(large_torrent, SIZE, name=NAME, seed=3, root=scene.seeds))
    given = (await scene.seeder.status())["uploaded"]
    key = await scene.add(torrent, "--no-process", "--tag", "kept", upload_bps=PACE)
    await until_verified(node, key, KILL_AT, within=120)
    before = {row["id"]: (row["tags"], row.get("category")) for row in await node.api.all()}
    epoch = (await node.api.health())["events"]["epoch"]

    await node.kill()
    await scene.seeder.tell("pause")
    await scene.ends(3, "while the daemon is gone, commands end with 3", "ls")
    began = time.monotonic()
    await scene.start()
    notes.note(f"ready again {time.monotonic() - began:.1f} s after the start")

    rows = {row["id"]: (row["tags"], row.get("category")) for row in await until_listed(node, len(before), within=60)}
    notes.equal("every torrent is there, with its labels", rows, before)
    await _has_what_the_disk_has(scene, torrent, key)
    later = (await node.api.health())["events"]["epoch"]
    notes.holds("event ids go on growing", later > epoch, f"epoch {later} after {epoch}")

    await scene.seeder.tell("resume")
    await until_complete(node, key, within=120)
    whole = await trio.to_thread.run_sync(torrent.whole_pieces, scene.downloads)
    notes.holds("the download goes on to its end, and every piece is right", all(whole), f"{whole.count(False)} wrong")
    again = (await scene.seeder.status())["uploaded"] - given - SIZE
    notes.holds("what was there did not come again, but for pieces under way", again <= PACE, f"{again} bytes more")
    notes.note(f"{max(again, 0) / MIB:.1f} MiB came twice")


async def _has_what_the_disk_has(scene: Scene, torrent: Torrent, key: str) -> None:
    """What the daemon claims against what an independent look at the disk finds; nothing moves meanwhile."""
    claimed = verified_bytes(await until_settled(scene.node, key, within=60))
    on_disk = await trio.to_thread.run_sync(torrent.whole_bytes, scene.downloads)
    found = f"{claimed} claimed, {on_disk} on disk"
    scene.notes.holds("it claims no piece that is not whole on disk", claimed <= on_disk, found)
    scene.notes.holds("it knows of 95 % of what is whole on disk, or more", claimed >= 0.95 * on_disk, found)
    scene.notes.note(f"at the kill {on_disk / MIB:.0f} MiB were whole on disk, {claimed / MIB:.0f} MiB were known of")
