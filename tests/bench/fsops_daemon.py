"""Post-processing in the daemon: from `completed` to the library entry, what it does to memory, and whether the event
loop stalls meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from tests.bench.fsops_payloads import Tree, big_tree, make_archives, packed_tree, small_tree, tree_of
from tests.bench.load import Target, send
from tests.bench.options import Options
from tests.bench.report import Report
from tests.bench.scale import CONNECTIONS, make_torrents, target_of, wish_for
from tests.support.daemon import Daemon
from tests.support.processes import memory
from tests.support.torrents import encode
from tests.support.waiting import eventually

PROGRAM = Path(__file__).with_name("loop_daemon.py")
MIB = 1 << 20
PIECE = 1 << 20
PATIENCE = 900.0
REST = 1.0
LOOKS = 0.2
"""Seconds between two looks of somebody who watches the job."""

STALL = 20
"""Milliseconds that the event loop may serve nobody."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Milliseconds in which a loop served nobody, and for how many of them its thread had a processor."""

    at: float
    wall: float
    cpu: float


async def measure_daemon(report: Report, options: Options) -> None:
    """Have torrents processed that are complete when they are added, and note what the loop does."""
    folder = options.folder / "daemon"
    readings, beside = folder / "readings", folder / "beside"
    node = Daemon(
        folder / "node",
        program=[sys.executable, str(PROGRAM)],
        variables={"BENCH_READINGS": str(readings), "REVAER_LOG_LEVEL": "warning"},
    )
    trees = await trio.to_thread.run_sync(_make_trees, node.data_dir / "downloads", options)
    try:
        await node.start()
        await _tell_growth(report, node, trees)
        async with _bare_loop(beside):
            began = time.monotonic()
            for what, mode, chosen in (
                ("10,000 files, hard links", "hardlink", trees.linked),
                ("10,000 files, copies", "copy", trees.copied),
                ("large files, copies", "copy", [trees.large]),
                ("archives, extracted", "copy", [trees.packed]),
            ):
                await _phase(report, node, readings, what, mode, chosen)
            _tell_gaps(report, "a bare loop beside it", _gaps(beside, began))
        _tell_gaps(report, "all of it", _gaps(readings, began), wanted=True)
    finally:
        await node.close()


@dataclass(frozen=True, slots=True)
class _Trees:
    plain: Tree
    linked: Sequence[Tree]
    copied: Sequence[Tree]
    large: Tree
    packed: Tree


def _make_trees(root: Path, options: Options) -> _Trees:
    source = packed_tree(root.with_name("packed"), options.size // 4)
    make_archives(source, root / "archives")
    trees = _Trees(
        plain=small_tree(root / "plain"),
        linked=[small_tree(root / f"linked-{number}") for number in range(options.runs)],
        copied=[small_tree(root / f"copied-{number}") for number in range(options.runs)],
        large=big_tree(root / "large", options.size // 2),
        packed=tree_of(root / "archives"),
    )
    os.sync()
    return trees


async def _tell_growth(report: Report, node: Daemon, trees: _Trees) -> None:
    """What a torrent of 10,000 files costs, unprocessed and processed."""
    empty = memory(node.pid)["rss"]
    await _add(node, trees.plain, process=False)
    await trio.sleep(REST)
    plain = memory(node.pid)["rss"]
    await _process(node, trees.linked[0])
    await trio.sleep(REST)
    processed = memory(node.pid)["rss"]
    note = f"{empty / MIB:.0f} MiB without torrents"
    report.tell("RSS growth, torrent of 10,000 files, not processed", (plain - empty) / MIB, "MiB", note=note)
    peak = f"peak {memory(node.pid)['peak'] / MIB:.0f} MiB"
    report.tell("RSS growth, another one, processed", (processed - plain) / MIB, "MiB", note=peak)


async def _phase(report: Report, node: Daemon, readings: Path, what: str, mode: str, trees: Sequence[Tree]) -> None:
    changed = await node.api.http.patch("/v1/config", json={"fs_policy": {"move_mode": mode}})
    assert changed.status_code == 200, changed.text
    began = time.monotonic()
    # One of them was processed before.
    seconds = [await _process(node, tree) for tree in trees if not (mode == "hardlink" and tree is trees[0])]
    report.tell_median(f"completed to published: {what}", seconds, "s")
    _tell_gaps(report, what, _gaps(readings, began))


async def _process(node: Daemon, tree: Tree) -> float:
    """Add a torrent and wait for its library entry; seconds from `completed` to that."""
    async with await node.api.events() as events, trio.open_nursery() as nursery:
        key = await _add(node, tree)
        nursery.start_soon(_look_on, node, key)
        at: dict[str, float] = {}
        with trio.fail_after(PATIENCE):
            async for envelope in events:
                event = envelope["event"]
                assert event["type"] != "fsops_failed", event
                if event.get("torrent_id") == key:
                    at.setdefault(event["type"], time.monotonic())
                    if event["type"] == "fsops_completed":
                        break
        nursery.cancel_scope.cancel()
    return at["fsops_completed"] - at["completed"]


async def _look_on(node: Daemon, key: str) -> None:
    while True:
        await node.api.detail(key)
        await node.api.http.get(f"/v1/torrents/{key}/fsops")
        await trio.sleep(LOOKS)


async def _add(node: Daemon, tree: Tree, **options: Any) -> str:
    """Add a torrent that is there already; nobody hashes its pieces, which nobody made."""
    files = [{"length": file.size, "path": file.path.split("/")} for file in tree.files]
    pieces = -(-tree.size // PIECE)
    info = {"name": tree.root.name, "piece length": PIECE, "files": files, "pieces": os.urandom(20 * pieces)}
    answer = await node.api.add(encode({"info": info}), seed_mode=True, **options)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@asynccontextmanager
async def _bare_loop(readings: Path) -> AsyncIterator[None]:
    """A loop that does nothing, for comparison: its gaps are the machine's."""
    await trio.Path(readings).touch()
    variables = os.environ | {"BENCH_READINGS": str(readings)}
    process = await trio.lowlevel.open_process([sys.executable, PROGRAM], stdin=subprocess.PIPE, env=variables)
    assert process.stdin is not None
    try:
        yield
    finally:
        await process.stdin.aclose()
        await process.wait()


def _gaps(readings: Path, since: float) -> list[Gap]:
    lines = [json.loads(line) for line in readings.read_text().splitlines()]
    return [Gap(each["at"], 1000 * each["gap"], 1000 * each["cpu"]) for each in lines if each["at"] >= since]


def _tell_gaps(report: Report, what: str, found: Sequence[Gap], *, wanted: bool = False) -> None:
    longest = max(found, key=lambda gap: gap.wall, default=Gap(0, 0, 0))
    busiest = max((gap.cpu for gap in found), default=0.0)
    long = sum(gap.wall > STALL for gap in found)
    report.tell(
        f"longest loop stall: {what}",
        longest.wall,
        "ms",
        target=STALL if wanted else None,
        note=f"{longest.cpu:.1f} ms of it at work; longest at work {busiest:.1f} ms; {long} above {STALL} ms",
    )


async def measure_queue(report: Report, options: Options) -> None:
    """What a job that waits costs: complete torrents whose queue is paused, against complete torrents without a job."""
    torrents = await trio.to_thread.run_sync(make_torrents, options)
    folder = options.folder / "queue"
    without = await _memory_of(folder / "without", [wish_for(each) | {"process": False} for each in torrents])
    queued = await _memory_of(folder / "queued", [wish_for(each) for each in torrents], jobs=True)
    count = len(torrents)
    report.tell(
        "RSS per queued job",
        (queued - without) / count / 1024,
        "KiB",
        note=f"{count} jobs: {queued / MIB:.0f} MiB against {without / MIB:.0f} MiB with the torrents alone",
    )


async def _memory_of(folder: Path, wishes: Sequence[dict[str, Any]], *, jobs: bool = False) -> int:
    node = Daemon(folder, engine="simulated", variables={"REVAER_LOG_LEVEL": "warning"})
    try:
        await node.start()
        assert (await node.api.http.post("/v1/fsops/pause")).status_code == 200
        target: Target = target_of(node)
        complete = {"seed_mode": True, "start_paused": False}
        requests = [target.post("/v1/torrents", wish | complete) for wish in wishes]
        outcome = await send(target, requests, connections=CONNECTIONS, labels=["add"] * len(requests))
        outcome.expect(201)
        settled: Callable[[], Any] = lambda: _settled(node, len(wishes), jobs=jobs)  # noqa: E731
        await eventually(settled, node.log_tail, within=PATIENCE, every=REST)
        await trio.sleep(REST)
        return memory(node.pid)["rss"]
    finally:
        await node.close()


async def _settled(node: Daemon, count: int, *, jobs: bool) -> bool:
    if jobs:
        return await node.api.metric("revaer_fsops_jobs", state="queued") == count
    return all(row["state"]["kind"] == "seeding" for row in await node.api.all())
