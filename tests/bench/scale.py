"""Many torrents: adding, memory, restart, stop, and how the API answers while every torrent changes."""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import trio

from tests.bench.load import Target, send
from tests.bench.options import Options
from tests.bench.report import Report, percentile
from tests.support.daemon import Daemon
from tests.support.payloads import Torrent, small_torrent
from tests.support.processes import cpu_seconds, living_below, memory
from tests.support.swarm import open_peer
from tests.support.waiting import eventually
from tests.support.watching import until_listed, until_loaded

CONNECTIONS = 16
PAGE = 200
KIB = 1024
CHANGING = Path(__file__).with_name("changing_daemon.py")
FORGETTING = 62.0
"""Seconds after which the daemon no longer counts a stall as recent."""

CHANGE_EVERY = 1.0
"""Seconds between two changes of everything."""


async def measure_scale(options: Options) -> Report:
    """Run every stage on one data directory."""
    report = Report("scale", {"torrents": options.torrents, "connections": CONNECTIONS})
    torrents = await trio.to_thread.run_sync(make_torrents, options)
    bare = await _bare_memory(options, torrents)
    node = Daemon(options.folder / "node")
    try:
        empty = await _add_all(report, node, torrents)
        await _tell_memory(report, node, empty, bare, len(torrents))
        await _restarts(report, node, options)
        assert await node.stop() == 0
        node.program = [sys.executable, str(CHANGING)]
        await node.start()
        await until_loaded(node, within=60)
        await _while_all_change(report, node, options)
    finally:
        await node.close()
    return report


def make_torrents(options: Options) -> list[Torrent]:
    """One 16 KiB file each; the payload exists nowhere but on the seeder's side, which is not used."""
    root = options.folder / "payload"
    return [
        small_torrent({f"file-{number}": 16 * KIB}, name=f"file-{number}", seed=number, root=root)
        for number in range(options.torrents)
    ]


def wish_for(torrent: Torrent) -> dict[str, Any]:
    """The body of an add: a stopped torrent, as in the figures of the other clients."""
    return {"metainfo": base64.b64encode(torrent.metainfo).decode(), "start_paused": True, "tags": ["bench"]}


async def _bare_memory(options: Options, torrents: Sequence[Torrent]) -> tuple[int, int]:
    """Resident bytes of a bare session without and with the same stopped torrents."""
    async with open_peer(options.folder / "bare") as peer:
        empty = memory(peer.pid)["rss"]
        await peer.leech(torrents, options.folder / "nowhere", paused=True)
        await until_calm(peer.pid)
        return empty, memory(peer.pid)["rss"]


async def _add_all(report: Report, node: Daemon, torrents: Sequence[Torrent]) -> int:
    """Add everything over HTTP; returns the resident bytes before."""
    await node.start()
    empty = memory(node.pid)["rss"]
    target = target_of(node)
    requests = [target.post("/v1/torrents", wish_for(torrent)) for torrent in torrents]
    cpu, database = cpu_seconds(node.pid), database_cpu(node)
    outcome = await send(target, requests, connections=CONNECTIONS, labels=["add"] * len(requests))
    outcome.expect(201)
    latencies = outcome.latencies["add"]
    report.tell(
        "durable adds",
        len(torrents) / outcome.seconds,
        "/s",
        target=500,
        direction=">=",
        note=f"{outcome.seconds:.1f} s; CPU: daemon {cpu_seconds(node.pid) - cpu:.1f} s, "
        f"PostgreSQL {database_cpu(node) - database:.1f} s, load generator {outcome.cpu_seconds:.1f} s",
    )
    _tell_latencies(report, "add", latencies)
    report.tell("longest loop stall while adding", await longest_stall(node), "ms")
    await until_listed(node, len(torrents))
    return empty


async def _tell_memory(report: Report, node: Daemon, empty: int, bare: tuple[int, int], count: int) -> None:
    await until_calm(node.pid)
    full = memory(node.pid)["rss"]
    ours, theirs = (full - empty) / count, (bare[1] - bare[0]) / count
    report.tell("RSS, daemon", full / KIB**2, "MiB", note=f"{empty / KIB**2:.0f} MiB without torrents")
    report.tell("RSS, bare session", bare[1] / KIB**2, "MiB", note=f"{bare[0] / KIB**2:.0f} MiB without torrents")
    report.tell(
        "RSS per torrent over a bare session's",
        (ours - theirs) / KIB,
        "KiB",
        target=10,
        note=f"growth per torrent: daemon {ours / KIB:.1f} KiB, bare {theirs / KIB:.1f} KiB",
    )
    report.tell(
        "RSS difference in all, per torrent", (full - bare[1]) / count / KIB, "KiB", note="with both programs' own"
    )
    report.tell(
        "RSS, PostgreSQL",
        _database_memory(node) / KIB**2,
        "MiB",
        note="its pages, shared ones counted anew for each process",
    )


async def _restarts(report: Report, node: Daemon, options: Options) -> None:
    """Stop and start again, several times."""
    stops, readies, lists, restored = [], [], [], []
    for _ in range(options.runs):
        began = time.perf_counter()
        code = await node.stop()
        stops.append(time.perf_counter() - began)
        assert code == 0, node.log_tail()
        began = time.perf_counter()
        await node.start()
        readies.append(time.perf_counter() - began)
        await until_listed(node, options.torrents, within=60)
        lists.append(time.perf_counter() - began)
        await eventually(lambda: _restored(node), node.log_tail, within=60, every=0.05)
        restored.append(time.perf_counter() - began)
        await until_calm(node.pid)
    report.tell_median("clean stop", stops, "s", target=2)
    report.tell_median("restart until ready", readies, "s")
    report.tell_median("restart until the full list is served", lists, "s", target=3)
    report.tell_median("restart until every torrent is restored", restored, "s")
    report.tell("RSS after restarts", memory(node.pid)["rss"] / KIB**2, "MiB")


async def _while_all_change(report: Report, node: Daemon, options: Options) -> None:
    """Read pages and details while a queue move each second has the engine report every torrent as changed."""
    target = target_of(node)
    keys = [row["id"] for row in await node.api.all()]
    await _resume_all(report, node, keys)
    await _let_stalls_pass(report, node)
    pages = await pages_of(node, PAGE)
    details = [target.get(f"/v1/torrents/{key}") for key in keys[:: max(1, len(keys) // 200)]]
    requests, labels = [], []
    for number, detail in enumerate(details):
        requests += [target.get(pages[number % len(pages)]), detail]
        labels += ["page", "detail"]
    idle = await send(target, requests, connections=1, labels=labels, seconds=options.seconds / 4)
    async with changing(node, keys):
        began, cpu = time.perf_counter(), cpu_seconds(node.pid)
        published = await _progress_events(node)
        busy = await send(target, requests, connections=1, labels=labels, seconds=options.seconds)
        seconds = time.perf_counter() - began
        used = (cpu_seconds(node.pid) - cpu) / seconds
        published = (await _progress_events(node) - published) / seconds
        longest = await longest_stall(node)
    for name, outcome, wanted in (("nothing changes", idle, None), ("all change", busy, 10.0)):
        outcome.expect(200)
        _tell_latencies(report, f"page of {PAGE}, {name}", outcome.latencies["page"], target=wanted)
        _tell_latencies(report, f"detail, {name}", outcome.latencies["detail"], target=wanted)
    report.tell("longest loop stall while all change", longest, "ms", target=20, note="as the daemon saw it")
    report.tell("changes shown", published, "/s", note="progress of single torrents")
    report.tell("CPU while all change and are read", used, "cores", note="daemon only")


async def _resume_all(report: Report, node: Daemon, keys: Sequence[str]) -> None:
    """Let every torrent run, with one durable action each."""
    target = target_of(node)
    requests = [target.post(f"/v1/torrents/{key}/action", {"type": "resume"}) for key in keys]
    outcome = await send(target, requests, connections=CONNECTIONS, labels=["action"] * len(requests))
    outcome.expect(200)
    report.tell("durable actions (resume)", len(keys) / outcome.seconds, "/s")


async def _let_stalls_pass(report: Report, node: Daemon) -> None:
    """Wait until the daemon has forgotten the stalls of what came before; measure what idling costs meanwhile."""
    await until_calm(node.pid)
    cpu, began = cpu_seconds(node.pid), time.perf_counter()
    await trio.sleep(FORGETTING)
    report.tell("CPU, idle", (cpu_seconds(node.pid) - cpu) / (time.perf_counter() - began), "cores", note="all running")
    report.tell("longest loop stall, idle", await longest_stall(node), "ms")


@asynccontextmanager
async def changing(node: Daemon, keys: Sequence[str]) -> AsyncIterator[None]:
    """Have every torrent of a `CHANGING` node change once a second for the length of a block."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_change_everything, node, keys)
        await eventually(lambda: _all_upload(node), "the first change of all", within=30)
        yield
        nursery.cancel_scope.cancel()


async def _change_everything(node: Daemon, keys: Sequence[str]) -> None:
    """Send the first torrent to the end of the queue, and so on: each move changes all positions."""
    for number in range(10**9):
        answer = await node.api.act(keys[number % len(keys)], "queue", position="bottom")
        assert answer.is_success, answer.text
        await trio.sleep(CHANGE_EVERY)


async def _all_upload(node: Daemon) -> bool:
    """Whether (nearly) every torrent shows that it has uploaded something."""
    rows = await node.api.all()
    return bool(sum(row["totals"]["uploaded_bytes"] > 0 for row in rows) >= 0.9 * len(rows))


async def _progress_events(node: Daemon) -> float:
    """How many changes of single torrents were published as progress so far."""
    return await node.api.metric("revaer_events_published_total", kind="progress")


async def pages_of(node: Daemon, limit: int) -> list[str]:
    """The paths of up to 50 pages, from the beginning of the list."""
    paths = [f"/v1/torrents?limit={limit}"]
    while len(paths) < 50:
        cursor = (await node.api.http.get(paths[-1])).json().get("next")
        if cursor is None:
            break
        paths.append(f"/v1/torrents?limit={limit}&cursor={cursor}")
    return paths


async def until_running(node: Daemon, *, within: float = 180.0) -> None:
    """Wait until the engine has every torrent of a node whose torrents all run, and is done looking at them."""
    waiting = {"queued", "checking"}

    async def all_run() -> bool:
        return not any(row["state"]["kind"] in waiting for row in await node.api.all())

    await eventually(all_run, node.log_tail, within=within, every=0.5)


async def _restored(node: Daemon) -> bool:
    return all(row["state"]["kind"] == "stopped" for row in await node.api.all())


async def longest_stall(node: Daemon) -> float:
    """The longest gap of the last minute, in milliseconds, as the daemon itself saw it."""
    return 1000 * await node.api.metric("revaer_loop_stall_longest_seconds")


async def until_calm(pid: int, *, within: float = 60.0) -> None:
    """Wait until a process uses less than a tenth of a core over half a second."""
    last = [cpu_seconds(pid), trio.current_time()]

    def is_quiet() -> bool:
        now = [cpu_seconds(pid), trio.current_time()]
        share = (now[0] - last[0]) / (now[1] - last[1]) if now[1] > last[1] else 1.0
        last[:] = now
        return share < 0.1

    await eventually(is_quiet, "quiet", within=within, every=0.5)


def target_of(node: Daemon) -> Target:
    """The load generator's view of a daemon."""
    return Target(node.url, node.api.key)


def _tell_latencies(report: Report, what: str, latencies: Sequence[float], *, target: float | None = None) -> None:
    report.tell(f"{what}: p50", percentile(latencies, 0.5), "ms", note=f"{len(latencies)} requests")
    report.tell(f"{what}: p99", percentile(latencies, 0.99), "ms", target=target)


def _database_processes(node: Daemon) -> list[psutil.Process]:
    return [process for process in living_below(node.data_dir) if process.name() == "postgres"]


def database_cpu(node: Daemon) -> float:
    """The CPU seconds that the daemon's own PostgreSQL has used."""
    return sum(cpu_seconds(process.pid) for process in _database_processes(node))


def _database_memory(node: Daemon) -> int:
    return sum(int(process.memory_info().rss) for process in _database_processes(node))
