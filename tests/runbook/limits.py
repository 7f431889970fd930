"""Limits: of rates, seen in a transfer, and of the calls of a key."""

from __future__ import annotations

from functools import partial

import httpx
import trio

from tests.runbook.scene import Scene
from tests.support.payloads import MIB, large_torrent
from tests.support.waiting import eventually

NAME = "wide.bin"
SIZE = 256 * MIB
LOW, HIGH = 4 * MIB, 12 * MIB
MEASURED = 4.0
"""Seconds over which a rate is measured."""

SETTLING = 1.0
"""Seconds after a change that are not measured."""

FROM, TO = 0.6, 1.15
"""What share of a cap may be used: a busy machine takes less, and the cap is one."""

CAP = "/engine_profile/max_download_bps"
LOCAL = "/engine_profile/limit_local_peers"
CALLS = 3


async def throttle(scene: Scene) -> None:
    """Change the cap of a running transfer up and down, and measure at the other end of it."""
    torrent = await trio.to_thread.run_sync(partial(large_torrent, SIZE, name=NAME, seed=4, root=scene.seeds))
    await scene.succeeds("a cap for peers on loopback too is set", "config", "set", f"{LOCAL}=true", f"{CAP}={LOW}")
    try:
        given = (await scene.seeder.status())["uploaded"]
        key = await scene.add(torrent, "--no-process")

        async def moving() -> bool:
            return bool((await scene.seeder.status())["uploaded"] > given + MIB)

        await scene.notes.until("data moves", moving)
        slow = await _measured(scene, LOW)
        await scene.succeeds("the cap is raised while data moves", "config", "set", f"{CAP}={HIGH}")
        fast = await _measured(scene, HIGH)
        await scene.succeeds("the cap is lowered while data moves", "config", "set", f"{CAP}={LOW}")
        again = await _measured(scene, LOW)
        found = f"{slow / MIB:.2f}, {fast / MIB:.2f}, {again / MIB:.2f} MiB/s"
        scene.notes.holds("the transfer follows up and down", fast > 1.5 * max(slow, again), found)
        await scene.succeeds("the torrent goes, with its payload", "rm", key, "--delete-data", "--yes")
        gone = not await trio.Path(scene.downloads / NAME).exists()
        scene.notes.holds("its payload is gone", gone, scene.downloads / NAME)
    finally:
        await scene.revaer("config", "set", f"{LOCAL}=null", f"{CAP}=null")


async def _measured(scene: Scene, cap: int) -> float:
    """The mean rate of a few seconds at this cap, bytes per second, as the seeder's kernel counts what was read."""
    samples: list[tuple[float, int]] = (await scene.seeder.tell("sample", seconds=SETTLING + MEASURED, every=0.05))[
        "samples"
    ]
    first = next(sample for sample in samples if sample[0] >= samples[0][0] + SETTLING)
    last = samples[-1]
    rate = (last[1] - first[1]) / (last[0] - first[0])
    found = f"{rate / MIB:.2f} MiB/s at a cap of {cap / MIB:.0f} MiB/s"
    scene.notes.note(found)
    scene.notes.holds(
        f"the transfer uses a cap of {cap // MIB} MiB/s, and keeps to it", FROM <= rate / cap <= TO, found
    )
    return rate


async def key_limit(scene: Scene) -> None:
    """A key with a tight limit: the first calls pass, the next is told to wait, and nobody else notices."""
    notes, saved = scene.notes, scene.folder / "tight.json"
    tight = ("--scope", "read", "--label", "tight", "--rate-limit", f"{CALLS}/1h")
    issued = await scene.succeeds(
        f"a key is issued that may make {CALLS} calls in an hour",
        *("keys", "issue", *tight, "--save", str(saved), "--output", "json"),
    )
    before = await scene.node.api.metric("revaer_rate_limited_total")
    for number in range(CALLS):
        await scene.succeeds(f"call {number + 1} passes", "ls", credentials=saved)
    refused = await scene.ends(3, f"call {CALLS + 1} ends with exit code 3", "ls", credentials=saved)
    notes.holds("the command says that it was too many calls", "Too many requests" in refused.err, refused.err)

    answer = await _get_with(scene, saved)
    notes.equal("over HTTP the answer is 429", answer.status_code, 429)
    notes.holds(
        "it is a problem of the type rate-limited", answer.json()["type"].endswith("/rate-limited"), answer.text
    )
    wait = int(answer.headers["retry-after"])
    notes.holds("Retry-After says when to come back", 0 < wait <= 3600, wait)
    limits = {name: answer.headers.get(f"x-ratelimit-{name}") for name in ("limit", "remaining", "reset")}
    notes.holds("the limit, nothing remaining, and the reset are in the headers", limits["remaining"] == "0", limits)
    counted = await scene.node.api.metric("revaer_rate_limited_total") - before
    notes.equal("the metrics count both refusals", counted, 2.0)
    await scene.succeeds("other keys are not affected", "ls")
    await scene.succeeds("the key is revoked", "keys", "revoke", issued.document["id"])

    async def turned_away() -> bool:
        return (await _get_with(scene, saved)).status_code == 401

    await eventually(turned_away, "the key stops to work", within=30)
    await scene.ends(3, "a revoked key is refused, with exit code 3", "ls", credentials=saved)


async def _get_with(scene: Scene, credentials: object) -> httpx.Response:
    key = httpx.Response(200, content=await trio.Path(str(credentials)).read_bytes()).json()["api_key"]
    return await scene.node.api.http.get("/v1/torrents", headers={"x-revaer-api-key": key})
