"""Many torrents with few calls: durable adds, a thousand per request, durable actions on all by a filter, and how the
loop fares meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from tests.bench.load import send
from tests.bench.options import Options
from tests.bench.report import Report, percentile
from tests.bench.scale import database_cpu, longest_stall, make_torrents, target_of, until_calm, wish_for
from tests.support.daemon import Daemon
from tests.support.payloads import Torrent
from tests.support.processes import cpu_seconds
from tests.support.watching import until_listed

PORTION = 1_000
GOAL_SECONDS = 2.0
ACTION_SECONDS = 3.0


async def measure_bulk(options: Options) -> Report:
    """Add everything with `POST /v1/torrents/bulk`, one request after the other; each run on a fresh data directory."""
    report = Report("bulk", {"torrents": options.torrents, "portion": PORTION})
    torrents = await trio.to_thread.run_sync(make_torrents, options)
    seconds: list[float] = []
    for run in range(options.runs):
        node = Daemon(options.folder / f"node-{run}")
        try:
            seconds.append(await add_all_in_bulk(report, node, torrents))
            for kind in ("resume", "pause"):
                await _act_on_all(report, node, kind, goal=ACTION_SECONDS * len(torrents) / 10_000)
        finally:
            await node.close()
    goal = GOAL_SECONDS * options.torrents / 10_000
    report.tell_median("durable bulk adds of all", seconds, "s", target=goal)
    return report


async def add_all_in_bulk(report: Report, node: Daemon, torrents: Sequence[Torrent]) -> float:
    """Start a node and add everything; returns the seconds that the adds took."""
    await node.start()
    target = target_of(node)
    bodies = [
        {"torrents": [wish_for(torrent) for torrent in torrents[start : start + PORTION]]}
        for start in range(0, len(torrents), PORTION)
    ]
    requests = [target.post("/v1/torrents/bulk", body) for body in bodies]
    cpu, database = cpu_seconds(node.pid), database_cpu(node)
    outcome = await send(target, requests, connections=1, labels=["bulk"] * len(requests))
    outcome.expect(200)
    report.tell("one request of bulk: p50", percentile(outcome.latencies["bulk"], 0.5), "ms")
    report.tell(
        "longest loop stall while adding",
        await longest_stall(node),
        "ms",
        note=f"CPU: daemon {cpu_seconds(node.pid) - cpu:.1f} s, PostgreSQL {database_cpu(node) - database:.1f} s",
    )
    await until_listed(node, len(torrents))
    report.tell("dropped alerts", await node.api.metric("revaer_engine_alerts_dropped_total"), "")
    return outcome.seconds


async def _act_on_all(report: Report, node: Daemon, kind: str, *, goal: float) -> None:
    """Do one action on every torrent, named by a filter."""
    target = target_of(node)
    request = target.post("/v1/torrents/actions", {"filter": {"tags": "bench"}, "action": {"type": kind}})
    cpu, database = cpu_seconds(node.pid), database_cpu(node)
    outcome = await send(target, [request], connections=1, labels=[kind])
    outcome.expect(200)
    report.tell(
        f"durable {kind} of all, by a filter",
        outcome.seconds,
        "s",
        target=goal,
        note=f"CPU: daemon {cpu_seconds(node.pid) - cpu:.1f} s, PostgreSQL {database_cpu(node) - database:.1f} s",
    )
    await until_calm(node.pid)
