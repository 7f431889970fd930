"""What reading costs while every torrent changes once a second: pages, walks, filters, sorts, details, snapshots."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.bench.following import follow_socket
from tests.bench.load import Outcome, Target, send
from tests.bench.options import Options
from tests.bench.report import Report, percentile
from tests.bench.scale import PAGE, changing, longest_stall, pages_of, target_of
from tests.support.daemon import Daemon
from tests.support.processes import cpu_seconds

MOST = 1000
"""Rows of the largest page."""

WALKS = 20
SNAPSHOTS = 10
WALK_GOAL = 300.0
SNAPSHOT_GOAL = 200.0
DETAIL_GOAL = 5.0

SORTS = ("name", "-progress", "ratio", "size", "-state")
FILTERS = ("state=downloading,seeding,stopped,queued", "tags=bench", "name=file-99", "extension=bin", "category=none")
CODINGS = ("identity", "gzip", "zstd")


async def measure_reading(report: Report, node: Daemon, keys: Sequence[str], options: Options) -> None:
    """Read in every way, first with nothing changing, then while all change."""
    target = target_of(node)
    pages, walk = await pages_of(node, PAGE), await pages_of(node, MOST)
    details = [f"/v1/torrents/{key}" for key in keys[:: max(1, len(keys) // 200)]]
    calls = [("page", pages[number % len(pages)], detail) for number, detail in enumerate(details)]
    mixed = [(label, path) for label, page, detail in calls for label, path in ((label, page), ("detail", detail))]
    await _tell_bytes(report, target, pages[0], walk)
    idle = await _read(node, mixed, seconds=options.seconds / 4)
    _tell_calls(report, "nothing changes", idle, {})
    async with changing(node, keys):
        busy = await _read(node, mixed, seconds=options.seconds)
        _tell_calls(report, "all change", busy, {"detail": DETAIL_GOAL})
        await _tell_walks(report, target, walk, len(keys))
        await _tell_snapshots(report, node, len(keys))
        chosen = [("sort", f"/v1/torrents?limit={PAGE}&sort={sort}") for sort in SORTS]
        chosen += [("filter", f"/v1/torrents?limit={PAGE}&{one}") for one in FILTERS]
        chosen += [("filter and sort", f"/v1/torrents?limit={PAGE}&tags=bench&sort=-{SORTS[0]}")]
        _tell_calls(report, "all change", await _read(node, chosen, seconds=options.seconds / 2), {})
        report.tell("longest loop stall while all change", await longest_stall(node), "ms", note="as the daemon saw it")


class _Reading:
    """What one stretch of requests, one at a time, came to."""

    def __init__(self, outcome: Outcome, cpu: float) -> None:
        outcome.expect(200)
        self.latencies = outcome.latencies
        self.cpu = cpu
        self.requests = outcome.requests


async def _read(node: Daemon, calls: Sequence[tuple[str, str]], *, seconds: float) -> _Reading:
    target = target_of(node)
    cpu, began = cpu_seconds(node.pid), time.perf_counter()
    requests = [target.get(path) for _, path in calls]
    outcome = await send(target, requests, connections=1, labels=[label for label, _ in calls], seconds=seconds)
    return _Reading(outcome, (cpu_seconds(node.pid) - cpu) / (time.perf_counter() - began))


def _tell_calls(report: Report, when: str, reading: _Reading, goals: dict[str, float]) -> None:
    for label, latencies in reading.latencies.items():
        name = f"page of {PAGE}" if label == "page" else label
        note = f"{len(latencies)} requests, one at a time; daemon's CPU {reading.cpu:.2f} cores"
        report.tell(f"{name}, {when}: p50", percentile(latencies, 0.5), "ms", note=note)
        report.tell(f"{name}, {when}: p99", percentile(latencies, 0.99), "ms", target=goals.get(label))


async def _tell_bytes(report: Report, target: Target, page: str, walk: Sequence[str]) -> None:
    """Bytes of whole answers, heads included, by coding; and what each coding costs in time."""
    for coding in CODINGS:
        requests = [target.get(path, accept_encoding=coding) for path in (page, *walk)]
        labels = ["page", *(str(number) for number in range(len(walk)))]
        outcome = await send(target, requests, connections=1, labels=labels)
        outcome.expect(200)
        whole = sum(size for label, size in outcome.sizes.items() if label != "page")
        seconds = sum(latencies[0] for label, latencies in outcome.latencies.items() if label != "page")
        report.tell(f"page of {PAGE}, {coding}", outcome.sizes["page"] / 1024, "KiB")
        report.tell(f"full walk, {coding}", whole / 1024, "KiB", note=f"{seconds:.0f} ms with nothing changing")


async def _tell_walks(report: Report, target: Target, walk: Sequence[str], count: int) -> None:
    """Walk over the whole list, page after page; the places of the pages are known and do not move."""
    totals = []
    for _ in range(WALKS):
        labels = [str(number) for number in range(len(walk))]
        outcome = await send(target, [target.get(path) for path in walk], connections=1, labels=labels)
        outcome.expect(200)
        totals.append(sum(latencies[0] for latencies in outcome.latencies.values()))
    goal = WALK_GOAL * count / 10_000
    report.tell_median("full walk, all change", totals, "ms", target=goal, note=f"{len(walk)} pages of up to {MOST}")


async def _tell_snapshots(report: Report, node: Daemon, count: int) -> None:
    """Take the snapshot of a WebSocket, from the subscription to its last chunk."""
    found = await follow_socket(node, {"op": "subscribe", "snapshot": True}, until='"last":true', times=SNAPSHOTS)
    goal = SNAPSHOT_GOAL * count / 10_000
    seconds = [1000 * one["seconds"] for one in found]
    size = found[-1]["bytes"] / 1024
    report.tell_median("WebSocket snapshot, all change", seconds, "ms", target=goal, note=f"{size:,.0f} KiB")
