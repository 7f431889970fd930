"""Replay of many events out of the journal: how long a reader that was away waits, and what that takes."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any, TypeVar

import trio

from tests.bench.following import follow_events, follow_socket
from tests.bench.report import Report
from tests.bench.scale import until_calm, until_running
from tests.support.daemon import Daemon
from tests.support.processes import cpu_seconds, memory

EVENTS = 100_000
GOAL_SECONDS = 5.0
SAMPLE = 0.05
MARK = '"timestamp":"'
BEGINNING = "1-0"
"""The id before the first event of the first start."""

T = TypeVar("T")


async def fill_journal(report: Report, node: Daemon, count: int) -> None:
    """Resume and pause all torrents in turn until there are enough events; they run in the end."""
    seconds: list[float] = []
    while await _events_so_far(node) < EVENTS * count / 10_000 + count or len(seconds) % 2 == 0:
        action = {"type": ("resume", "pause")[len(seconds) % 2]}
        body = {"action": action, "filter": {"tags": ["bench"]}}
        began = time.perf_counter()
        answer = await node.api.http.post("/v1/torrents/actions", json=body, timeout=300)
        assert answer.status_code == 200, answer.text
        seconds.append(time.perf_counter() - began)
    report.tell_median("one durable action on all", seconds, "s", note="resume or pause, by a filter")


async def measure_replay(report: Report, node: Daemon, count: int) -> None:
    """Start the node anew, so that nothing is in memory, and replay over either transport once it has come to rest:
    bringing back thousands of running torrents takes the processor for longer than a replay does."""
    await node.start()
    await until_running(node)
    await until_calm(node.pid)
    events = EVENTS * count // 10_000
    goal = GOAL_SECONDS * events / EVENTS
    over_sse = follow_events(node, f"/v1/events?last_event_id={BEGINNING}", mark=MARK, events=events)
    await _tell(report, node, f"replay of {events:,} events, SSE", over_sse, goal)
    message = {"op": "subscribe", "since": BEGINNING}
    over_socket = follow_socket(node, message, mark='"op":"event"', events=events)
    await _tell(report, node, f"replay of {events:,} events, WebSocket", over_socket, goal)


async def _tell(report: Report, node: Daemon, what: str, following: Awaitable[Any], goal: float) -> None:
    before, cpu, began = memory(node.pid)["rss"], cpu_seconds(node.pid), time.perf_counter()
    found, peak = await _watched(node, following)
    used, seconds = cpu_seconds(node.pid) - cpu, time.perf_counter() - began
    one = found[0] if isinstance(found, list) else found
    note = f"{one['bytes'] / 1024**2:.0f} MiB; daemon's CPU {used:.1f} s of {seconds:.1f}"
    report.tell(what, one["seconds"], "s", target=goal, note=note)
    report.tell(f"{what}: RSS", (peak - before) / 1024**2, "MiB", note=f"at most, over {before / 1024**2:.0f} before")


async def _watched(node: Daemon, following: Awaitable[T]) -> tuple[T, int]:
    """Await something, and note the largest resident memory meanwhile."""
    peak = 0

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, memory(node.pid)["rss"])
            await trio.sleep(SAMPLE)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        found = await following
        nursery.cancel_scope.cancel()
    return found, peak


async def _events_so_far(node: Daemon) -> float:
    """How many events were published that the journal keeps."""
    total = await node.api.metric("revaer_events_published_total")
    return total - await node.api.metric("revaer_events_published_total", kind="progress")
