"""Many subscribers to the events of one node: what they cost, and how late the last of them hears."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from tests.bench.load import Target
from tests.bench.options import Options
from tests.bench.report import Report, percentile
from tests.bench.scale import until_running
from tests.support.daemon import Daemon
from tests.support.processes import cpu_seconds, memory
from tests.support.watching import until_loaded

SCRIPT = Path(__file__).with_name("subscriber_process.py")
TICKING = Path(__file__).with_name("ticking_daemon.py")
SUBSCRIBERS = 500
PER_KEY = 32
"""Streams that one key may hold."""

BATCH = 10
"""Torrents of a batch of progress."""

SETTLING = 2.0
DELAY_GOAL = 250.0
MEMORY_GOAL = 100.0


class Subscribers:
    """The readers in their process."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._received = b""

    async def ready(self) -> None:
        """Wait until every stream has begun."""
        assert await self._line() == "ready"

    async def stretch(self) -> dict[str, Any]:
        """What came since the last time."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(b"tell\n")
        found: dict[str, Any] = await self._line()
        return found

    async def _line(self) -> Any:
        assert self._process.stdout is not None
        while b"\n" not in self._received:
            part = await self._process.stdout.receive_some()
            assert part, "the subscribers ended"
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        return json.loads(line)


async def measure_fanout(report: Report, node: Daemon, options: Options) -> None:
    """Start the node with torrents that tick, have subscribers listen, and take their figures."""
    node.program, node.variables["BENCH_TICKING"] = [sys.executable, str(TICKING)], str(BATCH)
    await node.start()
    await until_loaded(node, within=60)
    await until_running(node)
    keys = [await _key(node) for _ in range(-(-SUBSCRIBERS // PER_KEY))]
    before, cpu = memory(node.pid)["rss"], cpu_seconds(node.pid)
    await trio.sleep(options.seconds / 4)
    alone = (cpu_seconds(node.pid) - cpu) / (options.seconds / 4)
    heads = [Target(node.url, keys[number // PER_KEY]).get("/v1/events").decode() for number in range(SUBSCRIBERS)]
    async with subscribed(node, heads) as subscribers:
        await trio.sleep(SETTLING)
        await subscribers.stretch()
        cpu = cpu_seconds(node.pid)
        await trio.sleep(options.seconds)
        used = cpu_seconds(node.pid) - cpu
        found = await subscribers.stretch()
        after = memory(node.pid)["rss"]
    _tell(report, found, used / found["seconds"], alone)
    report.tell(
        "RSS per subscriber",
        (after - before) / SUBSCRIBERS / 1024,
        "KiB",
        target=MEMORY_GOAL,
        note=f"{before / 1024**2:.0f} MiB without, {after / 1024**2:.0f} MiB with all of them",
    )
    assert await node.stop() == 0


@asynccontextmanager
async def subscribed(node: Daemon, heads: list[str]) -> AsyncIterator[Subscribers]:
    """The readers, ready, for the length of a block."""
    target = Target(node.url, node.api.key)
    job = {"host": target.host, "port": target.port, "requests": heads}
    async with trio.open_nursery() as nursery:
        run = partial(trio.run_process, [sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process = await nursery.start(run)
        await process.stdin.send_all(json.dumps(job).encode() + b"\n")
        subscribers = Subscribers(process)
        with trio.fail_after(60):
            await subscribers.ready()
        yield subscribers
        await process.stdin.send_all(b"\n")


def _tell(report: Report, found: dict[str, Any], cores: float, alone: float) -> None:
    frames, seconds = found["frames"], found["seconds"]
    note = f"{frames / SUBSCRIBERS / seconds:.0f} frames/s each, {found['bytes'] / seconds / 1e6:.1f} MB/s in all"
    report.tell(f"{SUBSCRIBERS} subscribers, publication to arrival: p50", percentile(found["delays_ms"], 0.5), "ms")
    report.tell(
        f"{SUBSCRIBERS} subscribers, publication to arrival: p99",
        percentile(found["delays_ms"], 0.99),
        "ms",
        target=DELAY_GOAL,
        note=note,
    )
    report.tell(f"{SUBSCRIBERS} subscribers, publication to arrival: longest", max(found["delays_ms"]), "ms")
    report.tell(
        f"CPU with {SUBSCRIBERS} subscribers",
        cores,
        "cores",
        note=f"daemon only; {alone:.2f} without, readers {found['cpu_seconds'] / seconds:.2f}",
    )
    share = found["slowest"] / (frames / SUBSCRIBERS)
    report.tell("frames that the slowest of them got", share, "x", note="of the mean")


async def _key(node: Daemon) -> str:
    answer = await node.api.http.post("/v1/keys", json={"scopes": ["read"], "label": "bench"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["api_key"])
