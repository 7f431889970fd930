"""The control plane: how fast a change holds in the engine, how a transfer follows it, what a key costs, and whether
anything is lost when changes come thick and fast."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from tests.bench.load import Target, send
from tests.bench.options import Options
from tests.bench.report import Report, percentile
from tests.bench.throttled import JUDGED, Change, Followed, followed
from tests.support.daemon import Daemon
from tests.support.payloads import MIB, Torrent, large_torrent
from tests.support.swarm import Peer, open_peer
from tests.support.tracker import open_tracker
from tests.support.waiting import eventually
from tests.support.watching import add

WATCHED = Path(__file__).with_name("watched_daemon.py")
CHANGES = 500
PATCHES = 1_000
WRITERS = 8
PAIRS = 3_000
LOW, HIGH = 5 * MIB, 20 * MIB
CYCLES = 4
PHASE = 5.0
"""Seconds between two changes of the limit of a transfer."""

LEAD = 3.0
"""Seconds at the lower limit before the first of them."""


async def measure_control(options: Options) -> Report:
    """Measure everything on one data directory, and the transfer beside a bare session."""
    report = Report("control", {"changes": CHANGES, "patches": PATCHES, "MiB": options.size >> 20})
    seeds = options.folder / "seeds"
    torrent = await trio.to_thread.run_sync(lambda: large_torrent(options.size, name="payload.bin", seed=1, root=seeds))
    bare = await _bare_transfer(torrent, options.folder, seeds)
    readings = options.folder / "readings"
    node = Daemon(
        options.folder / "node",
        profile={"max_download_bps": LOW, "limit_local_peers": True},
        changeset={"app_profile": {"auth_mode": "none", "local_networks": ["127.0.0.0/8"]}},
        program=[sys.executable, str(WATCHED)],
        variables={"BENCH_READINGS": str(readings), "REVAER_LOG_LEVEL": "warning"},
    )
    try:
        await node.start()
        await _transfer(report, node, readings, torrent, seeds, bare)
        await _keys(report, node)
        await _rapid(report, node, readings)
    finally:
        await node.close()
    return report


async def _bare_transfer(torrent: Torrent, folder: Path, seeds: Path) -> list[Followed]:
    """A bare session whose limit changes in the same way."""
    async with _seeder(torrent, folder / "bare-s", seeds) as (seeder, url), open_peer(folder / "bare-l") as leecher:
        await leecher.tell("settings", settings={"download_rate_limit": LOW})
        await leecher.leech([torrent], folder / "bare", trackers=[url])

        async def limit(rate: int) -> None:
            await leecher.tell("settings", settings={"download_rate_limit": rate})

        found = await _cycles(seeder, limit)
    await trio.Path(folder / "bare" / "payload.bin").unlink()
    return found


async def _transfer(
    report: Report, node: Daemon, readings: Path, torrent: Torrent, seeds: Path, bare: Sequence[Followed]
) -> None:
    """The daemon's transfer, and how long changes take while it runs."""
    async with _seeder(torrent, node.data_dir.with_suffix(".seeder"), seeds) as (seeder, url):
        key = await add(node, torrent, trackers=[url])
        ours = await _cycles(seeder, lambda rate: _limit(node, rate))
        _tell_followed(report, "daemon", ours, target=0.25)
        _tell_followed(report, "bare session", bare)
        before = (await seeder.status())["uploaded"]
        answered, effective = await _changes(node, readings)
        moved = (await seeder.status())["uploaded"] - before
        assert moved > 0, "nothing was transferred meanwhile"
        await node.api.remove(key, delete_data=True)
    note = f"{len(effective)} changes, {moved / MIB:.0f} MiB moved meanwhile"
    report.tell("PATCH to effective: p50", percentile(effective, 0.5), "ms", target=50, note=note)
    report.tell("PATCH to effective: p99", percentile(effective, 0.99), "ms", target=250)
    report.tell("PATCH to effective: longest", max(effective), "ms")
    report.tell("PATCH to answer: p50", percentile(answered, 0.5), "ms")
    report.tell("PATCH to answer: p99", percentile(answered, 0.99), "ms")


@asynccontextmanager
async def _seeder(torrent: Torrent, folder: Path, seeds: Path) -> AsyncIterator[tuple[Peer, str]]:
    async with open_tracker() as tracker, open_peer(folder) as seeder:
        await seeder.seed([torrent], seeds, trackers=[tracker.url])
        yield seeder, tracker.url


async def _cycles(seeder: Peer, limit: Callable[[int], Awaitable[None]]) -> list[Followed]:
    """Go up and down while the seeder notes what is read."""

    async def moving() -> bool:
        return bool((await seeder.status())["uploaded"] > MIB)

    await eventually(moving, "the transfer", within=30)
    found: dict[str, Any] = {}
    changes: list[Change] = []

    async def sample() -> None:
        found.update(await seeder.tell("sample", seconds=LEAD + (2 * CYCLES + 0.5) * PHASE, every=0.01))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sample)
        await trio.sleep(LEAD)
        for number in range(2 * CYCLES):
            changes.append(Change(time.monotonic(), LOW if number % 2 else HIGH))
            await limit(changes[-1].limit)
            await trio.sleep(max(0.0, changes[-1].at + PHASE - time.monotonic()))
    return followed(found["samples"], changes, PHASE)


def _tell_followed(report: Report, who: str, found: Sequence[Followed], *, target: float | None = None) -> None:
    for name, limit in (("5 to 20 MiB/s", HIGH), ("20 to 5 MiB/s", LOW)):
        chosen = [one for one in found if one.limit == limit]
        report.tell_median(f"{who}, {name}: mean of {JUDGED:.0f} s / limit", [one.share for one in chosen], "x")
        report.tell_median(f"{who}, {name}: cv of 200 ms windows", [one.cv for one in chosen], "")
        report.tell_median(f"{who}, {name}: silent windows", [100 * one.silent for one in chosen], "%")
    off = [abs(one.share - 1) for one in found]
    report.tell(f"{who}: mean of {JUDGED:.0f} s off the limit, worst", max(off), "x", target=target)


async def _changes(node: Daemon, readings: Path) -> tuple[list[float], list[float]]:
    """Change the limit again and again; milliseconds until the answer, and until the engine was found to have it."""
    answered, effective = [], []
    with readings.open() as stream:
        for number in range(CHANGES):
            rate = (LOW, HIGH)[number % 2] + number
            began = time.monotonic()
            await _limit(node, rate)
            answered.append(1000 * (time.monotonic() - began))
            effective.append(1000 * (await _read_back(stream, rate) - began))
    return answered, effective


async def _read_back(stream: Any, rate: int) -> float:
    """When a limit was first read back from the engine, by the monotonic clock."""
    with trio.fail_after(30):
        while True:
            for line in stream:
                reading = json.loads(line)
                if reading.get("download_bps") == rate:
                    return float(reading["at"])
            await trio.sleep(0.002)


async def _limit(node: Daemon, rate: int) -> None:
    answer = await node.api.http.patch("/v1/config", json={"engine_profile": {"max_download_bps": rate}})
    assert answer.status_code == 200, answer.text


async def _keys(report: Report, node: Daemon) -> None:
    """The same call with and without a key, in turn, on a node where callers on loopback need none."""
    requests = [
        Target(node.url, node.api.key).get("/v1/torrents?limit=1"),
        Target(node.url, "").get("/v1/torrents?limit=1"),
    ]
    outcome = await send(
        Target(node.url, ""), requests * PAIRS, connections=1, labels=["with a key", "without a key"] * PAIRS
    )
    outcome.expect(200)
    medians = {label: statistics.median(values) for label, values in outcome.latencies.items()}
    for label, value in medians.items():
        report.tell(f"request {label}: p50", value, "ms", note=f"{PAIRS} requests")
    report.tell("what a key costs", medians["with a key"] - medians["without a key"], "ms", target=0.2)


async def _rapid(report: Report, node: Daemon, readings: Path) -> None:
    """Many patches at once; then everybody must be at the last of them, and the history must have them all."""
    target = Target(node.url, node.api.key)
    first = int((await _config(node))["revision"]) + 1
    patches = [
        target.patch("/v1/config", {"engine_profile": {"max_download_bps": HIGH + n, "connections_limit": 1_000 + n}})
        for n in range(PATCHES)
    ]
    outcome = await send(target, patches, connections=WRITERS, labels=["patch"] * PATCHES)
    outcome.expect(200)
    history = await _history(node, first)
    last = max(history)
    wanted = history[last]

    expected = {"API": (last, *wanted), "config": last, "governor": wanted[0], "session": wanted[1]}

    async def settled() -> bool:
        return await _standing(node, readings) == expected

    began = time.monotonic()
    await eventually(settled, lambda: f"{expected}\n{node.log_tail()}", within=10)
    seconds = time.monotonic() - began
    assert await node.stop() == 0
    await node.start()
    kept = await _config(node)
    assert (kept["revision"], _written(kept)) == (last, wanted), "the store has something else"
    told = sorted(history.values())
    lost = PATCHES - len(set(told) & {(HIGH + n, 1_000 + n) for n in range(PATCHES)})
    report.tell("rapid patches", PATCHES / outcome.seconds, "/s", note=f"{WRITERS} writers")
    report.tell("rapid patches: p50", percentile(outcome.latencies["patch"], 0.5), "ms")
    report.tell("rapid patches: p99", percentile(outcome.latencies["patch"], 0.99), "ms")
    report.tell("rapid patches lost in the history", lost, "", target=0)
    report.tell("API, governor and session at the last of them after", seconds, "s", target=2)


async def _standing(node: Daemon, readings: Path) -> dict[str, Any]:
    """Where everybody is: the revision and both values, the revision, the cap and the other setting in the engine."""
    config = await _config(node)
    engine: dict[str, int] = {}
    for line in (await trio.Path(readings).read_text()).splitlines():
        engine.update(json.loads(line))
    return {
        "API": (int(config["revision"]), *_written(config)),
        "config": int(await node.api.metric("revaer_config_revision")),
        "governor": engine["download_bps"],
        "session": engine["connections_limit"],
    }


async def _history(node: Daemon, first: int) -> dict[int, tuple[int, int]]:
    """What every revision since the first one set, by revision. Raises AssertionError when one is missing."""
    found: dict[int, tuple[int, int]] = {}
    before: int | None = None
    while before is None or before > first:
        parameters = {"limit": "500"} | ({} if before is None else {"before": str(before)})
        page = (await node.api.http.get("/v1/config/history", params=parameters)).json()
        for entry in page["revisions"]:
            if entry["revision"] >= first:
                after = {change["pointer"]: change["after"] for change in entry["changes"]}
                found[entry["revision"]] = (
                    after["/engine_profile/max_download_bps"],
                    after["/engine_profile/connections_limit"],
                )
        before = page["revisions"][-1]["revision"]
    assert sorted(found) == list(range(first, first + len(found))), "the history has gaps"
    return found


async def _config(node: Daemon) -> dict[str, Any]:
    document: dict[str, Any] = (await node.api.http.get("/v1/config")).json()
    return document


def _written(config: dict[str, Any]) -> tuple[int, int]:
    profile = config["engine_profile"]
    return profile["max_download_bps"], profile["connections_limit"]
