"""Post-processing in the daemon: from `completed` to the library entry, and whether the event loop stalls meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from tests.bench.fsops_payloads import Tree, big_tree, make_archives, packed_tree, small_tree, tree_of
from tests.bench.loop_gaps import bare_loop, gaps, noted_daemon, tell_gaps
from tests.bench.options import Options
from tests.bench.report import Report
from tests.support.daemon import Daemon
from tests.support.processes import memory
from tests.support.torrents import encode

MIB = 1 << 20
PIECE = 1 << 20
PATIENCE = 900.0
REST = 1.0
LOOKS = 0.2
"""Seconds between two looks of somebody who watches the job."""


async def measure_daemon(report: Report, options: Options) -> None:
    """Have torrents processed that are complete when they are added, and note what the loop does."""
    folder = options.folder / "daemon"
    readings, beside = folder / "readings", folder / "beside"
    node = noted_daemon(folder / "node", readings)
    trees = await trio.to_thread.run_sync(_make_trees, node.data_dir / "downloads", options)
    try:
        await node.start()
        await _tell_growth(report, node, trees)
        async with bare_loop(beside):
            began = time.monotonic()
            for what, mode, chosen in (
                ("10,000 files, hard links", "hardlink", trees.linked),
                ("10,000 files, copies", "copy", trees.copied),
                ("large files, copies", "copy", [trees.large]),
                ("archives, extracted", "copy", [trees.packed]),
            ):
                await _phase(report, node, readings, what, mode, chosen)
            tell_gaps(report, "a bare loop beside it", gaps(beside, began))
        tell_gaps(report, "all of it", gaps(readings, began), wanted=True)
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
    tell_gaps(report, what, gaps(readings, began))


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
