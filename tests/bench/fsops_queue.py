"""The queue of post-processing: what jobs that wait cost, how fast they enter and are worked off, and whether the event
loop stalls meanwhile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from tests.bench.load import Target, send
from tests.bench.loop_gaps import Gap, bare_loop, gaps, noted_daemon, tell_gaps
from tests.bench.options import Options
from tests.bench.report import Report
from tests.bench.scale import CONNECTIONS, make_torrents, target_of, wish_for
from tests.support.daemon import Daemon
from tests.support.processes import cpu_seconds, memory
from tests.support.waiting import eventually

KIB = 1 << 10
MIB = 1 << 20
PATIENCE = 300.0
REST = 1.0


@dataclass(frozen=True, slots=True)
class _Added:
    """What it took to add complete torrents until they were seeding, or had a job that waits."""

    seconds: float
    cpu: float
    rss: int
    gaps: Sequence[Gap]


async def measure_queue(report: Report, options: Options) -> None:
    """Complete torrents whose queue is paused, against complete torrents without a job; then some of the jobs run."""
    torrents = await trio.to_thread.run_sync(make_torrents, options)
    folder, count = options.folder / "queue", len(torrents)
    complete = {"seed_mode": True, "start_paused": False}
    wishes = [wish_for(each) | complete for each in torrents]
    payload = options.folder / "payload"
    without = await _without(folder / "without", payload, [wish | {"process": False} for wish in wishes])
    node = await _daemon(folder / "queued", payload)
    try:
        await node.start()
        async with bare_loop(folder / "beside"):
            began = time.monotonic()
            queued = await _add(node, folder / "queued.readings", wishes, jobs=True)
            _tell_added(report, queued, without, count)
            await _work_off(report, node, folder / "queued.readings", options.seconds)
            tell_gaps(report, "a bare loop beside the queue", gaps(folder / "beside", began))
    finally:
        await node.close()


async def _daemon(folder: Path, payload: Path) -> Daemon:
    """Describe a daemon that has the files of all torrents already."""
    await trio.Path(folder).mkdir(parents=True)
    await trio.Path(payload).rename(folder / "downloads")
    return noted_daemon(folder, folder.with_suffix(".readings"))


async def _without(folder: Path, payload: Path, wishes: Sequence[dict[str, Any]]) -> _Added:
    node = await _daemon(folder, payload)
    try:
        await node.start()
        return await _add(node, folder.with_suffix(".readings"), wishes, jobs=False)
    finally:
        await node.close()
        await trio.Path(folder / "downloads").rename(payload)


def _tell_added(report: Report, queued: _Added, without: _Added, count: int) -> None:
    report.tell(
        f"{count} torrents added until each has a job that waits",
        queued.seconds,
        "s",
        note=f"{without.seconds:.1f} s without jobs; processor time {queued.cpu:.1f} against {without.cpu:.1f} s",
    )
    report.tell(
        "RSS per queued job",
        (queued.rss - without.rss) / count / KIB,
        "KiB",
        target=1,
        note=f"{count} jobs: {queued.rss / MIB:.0f} MiB against {without.rss / MIB:.0f} MiB with the torrents alone",
    )
    tell_gaps(report, "torrents without jobs added", without.gaps)
    tell_gaps(report, "torrents with jobs added", queued.gaps, wanted=True)


async def _work_off(report: Report, node: Daemon, readings: Path, seconds: float) -> None:
    """Let jobs of one small file each run for a while."""
    began, cpu = time.monotonic(), cpu_seconds(node.pid)
    assert (await node.api.http.post("/v1/fsops/resume")).status_code == 200
    await trio.sleep(seconds)
    done = await node.api.metric("revaer_fsops_jobs", state="completed")
    passed = time.monotonic() - began
    failed = await node.api.metric("revaer_fsops_jobs", state="failed")
    used = (cpu_seconds(node.pid) - cpu) / passed
    report.tell(
        "jobs of one small file", done / passed, "/s", note=f"one at a time; {used:.2f} cores; {failed:.0f} failed"
    )
    tell_gaps(report, "jobs of one small file", gaps(readings, began), wanted=True)


async def _add(node: Daemon, readings: Path, wishes: Sequence[dict[str, Any]], *, jobs: bool) -> _Added:
    assert (await node.api.http.post("/v1/fsops/pause")).status_code == 200
    target: Target = target_of(node)
    requests = [target.post("/v1/torrents", wish) for wish in wishes]
    began, cpu = time.monotonic(), cpu_seconds(node.pid)
    outcome = await send(target, requests, connections=CONNECTIONS, labels=["add"] * len(requests))
    outcome.expect(201)
    count = len(wishes) if jobs else 0
    await eventually(lambda: _settled(node, len(wishes), count), node.log_tail, within=PATIENCE, every=REST)
    seconds, used = time.monotonic() - began, cpu_seconds(node.pid) - cpu
    found = gaps(readings, began)
    await trio.sleep(REST)
    return _Added(seconds, used, memory(node.pid)["rss"], found)


async def _settled(node: Daemon, torrents: int, jobs: int) -> bool:
    # The list is expensive, and the heap grows by it: nobody asks for it too early, and both cases do at the end.
    if await node.api.metric("revaer_fsops_jobs", state="queued") != jobs:
        return False
    wanted = "processing" if jobs else "seeding"
    return [row["state"]["kind"] for row in await node.api.all()] == [wanted] * torrents
