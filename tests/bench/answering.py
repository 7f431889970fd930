"""Requests per second on the lightest call that takes a key, against a bare handler of the same framework."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio

from tests.bench.load import Target, send
from tests.bench.options import Options
from tests.bench.report import Report
from tests.bench.scale import CONNECTIONS, target_of
from tests.support.daemon import Daemon
from tests.support.processes import cpu_seconds

SCRIPT = Path(__file__).with_name("bare_quart.py")
LIGHTEST = "/v1/torrents?limit=1"
SHARE_GOAL = 0.85
ROUND_SECONDS = 2.0


async def measure_answering(report: Report, node: Daemon, options: Options) -> None:
    """Put load on one and the other in turn. Both answer with the same bytes."""
    body = (await node.api.http.get(LIGHTEST)).content
    path = options.folder / "body.json"
    await trio.Path(path).write_bytes(body)
    rates: dict[str, list[float]] = {"daemon": [], "bare": []}
    costs: dict[str, list[float]] = {"daemon": [], "bare": []}
    async with _bare(path) as (bare, bare_pid):
        sides = (("daemon", target_of(node), LIGHTEST, node.pid), ("bare", bare, "/", bare_pid))
        for _ in range(options.runs):
            for name, target, place, pid in sides:
                cpu = cpu_seconds(pid)
                request = target.get(place)
                outcome = await send(target, [request], connections=CONNECTIONS, seconds=ROUND_SECONDS)
                outcome.expect(200)
                rates[name].append(outcome.requests / outcome.seconds)
                costs[name].append(1000 * (cpu_seconds(pid) - cpu) / outcome.requests)
    ratios = [ours / theirs for ours, theirs in zip(rates["daemon"], rates["bare"], strict=True)]
    used = [theirs / ours for ours, theirs in zip(costs["daemon"], costs["bare"], strict=True)]
    report.tell_median(f"lightest call with a key, {CONNECTIONS} connections", rates["daemon"], "/s")
    report.tell_median("bare Quart handler", rates["bare"], "/s")
    report.tell_median("daemon / bare handler", ratios, "x", target=SHARE_GOAL, direction=">=")
    report.tell_median("the same by processor time", used, "x", note="the bare handler's over the daemon's")
    report.tell_median("processor time of a request", costs["daemon"], "ms")


@asynccontextmanager
async def _bare(body: Path) -> AsyncIterator[tuple[Target, int]]:
    """A bare handler in its own process, and its id."""
    async with trio.open_nursery() as nursery:
        command = [sys.executable, str(SCRIPT), str(body)]
        run = partial(trio.run_process, command, stdout=subprocess.PIPE, check=False)
        process: trio.Process = await nursery.start(run)
        assert process.stdout is not None
        line = (await process.stdout.receive_some()).decode().strip()
        yield Target(line if "://" in line else f"http://{line}", ""), process.pid
        process.terminate()
