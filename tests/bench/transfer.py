"""One large download on loopback: the daemon against a bare libtorrent session, alternating, from the same seeder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from tests.bench.options import Options
from tests.bench.report import Report
from tests.support.daemon import Daemon
from tests.support.payloads import MIB, Torrent, large_torrent
from tests.support.processes import cpu_seconds, memory
from tests.support.swarm import Peer, open_peer
from tests.support.tracker import open_tracker
from tests.support.waiting import eventually
from tests.support.watching import add

PATIENCE = 300.0
FROM_BYTES = 4 * MIB
"""Throughput counts from the moment the seeder has sent this much, so that it excludes finding each other."""


@dataclass(frozen=True, slots=True)
class Run:
    """One download. Seconds run from the add to completion; the rate from the first 4 MiB on, in MB/s."""

    rate: float
    seconds: float
    first_data: float
    cpu: float
    rss_peak: int
    rss_anonymous: int


async def measure_transfer(options: Options) -> Report:
    """Download the payload `options.runs` times with each, and compare the medians."""
    seeds = options.folder / "seeds"
    torrent = await trio.to_thread.run_sync(lambda: large_torrent(options.size, name="payload.bin", seed=1, root=seeds))
    bare: list[Run] = []
    ours: list[Run] = []
    for number in range(options.runs):
        bare.append(await _bare_run(torrent, options.folder / f"bare-{number}", seeds))
        ours.append(await _daemon_run(torrent, options.folder / f"node-{number}", seeds))
    report = Report("transfer", {"MiB": options.size >> 20, "runs": options.runs})
    _tell(report, "daemon", ours)
    _tell(report, "bare session", bare)
    rate = _median(ours, "rate") / _median(bare, "rate")
    cpu = _median(ours, "cpu") / _median(bare, "cpu")
    report.tell("throughput, daemon / bare", rate, "x", target=0.95, direction=">=", note="of the medians")
    report.tell("CPU, daemon / bare", cpu, "x", target=1.15, note="of the medians; without PostgreSQL")
    return report


async def _bare_run(torrent: Torrent, folder: Path, seeds: Path) -> Run:
    async with open_tracker() as tracker, open_peer(folder / "s") as seeder, open_peer(folder / "l") as leecher:
        await seeder.seed([torrent], seeds, trackers=[tracker.url])
        await trio.to_thread.run_sync(claim_memory, folder, torrent.size)
        cpu, began = cpu_seconds(leecher.pid), time.time()
        await leecher.leech([torrent], folder / "downloads", trackers=[tracker.url])

        async def finished() -> bool:
            return torrent.info_hash in (await leecher.status())["finished_at"]

        await eventually(finished, "the bare session's end", within=PATIENCE, every=0.05)
        ended = float((await leecher.status())["finished_at"][torrent.info_hash])
        run = await _run(torrent, seeder, leecher.pid, began=began, ended=ended, cpu=cpu)
    await _discard(folder)
    return run


async def _daemon_run(torrent: Torrent, folder: Path, seeds: Path) -> Run:
    node = Daemon(folder / "node")
    await trio.Path(folder).mkdir(parents=True)
    try:
        async with open_tracker() as tracker, open_peer(folder / "s") as seeder:
            await seeder.seed([torrent], seeds, trackers=[tracker.url])
            api = await node.start()
            async with await api.events(event="completed") as events:
                await trio.to_thread.run_sync(claim_memory, folder, torrent.size)
                cpu, began = cpu_seconds(node.pid), time.time()
                await add(node, torrent, trackers=[tracker.url])
                with trio.fail_after(PATIENCE):
                    await anext(events)
                ended = time.time()
            run = await _run(torrent, seeder, node.pid, began=began, ended=ended, cpu=cpu)
    finally:
        await node.close()
    await _discard(folder)
    return run


def claim_memory(folder: Path, size: int) -> None:
    """Have as many bytes of memory as the payload's pages will take, and free them again.

    A virtual machine gives free memory back to its host after some seconds, and each page is then taken anew when it is
    first written: that took three times as long as the copying. It would be charged to whoever starts more slowly.
    """
    scratch = folder / "scratch"
    with scratch.open("wb") as file:
        for _ in range(0, size + size // 4, MIB):
            file.write(bytes(MIB))
    scratch.unlink()


async def _run(torrent: Torrent, seeder: Peer, pid: int, *, began: float, ended: float, cpu: float) -> Run:
    used = cpu_seconds(pid) - cpu
    resident = memory(pid)
    first = float((await seeder.status())["first_data_at"])
    return Run(
        rate=(torrent.size - FROM_BYTES) / (ended - first) / 1e6,
        seconds=ended - began,
        first_data=first - began,
        cpu=used,
        rss_peak=resident["peak"],
        rss_anonymous=resident["anonymous"],
    )


def _tell(report: Report, who: str, runs: Sequence[Run]) -> None:
    report.tell_median(f"{who}: throughput", [run.rate for run in runs], "MB/s")
    report.tell_median(f"{who}: first 4 MiB", [run.first_data for run in runs], "s")
    report.tell_median(f"{who}: add to completion", [run.seconds for run in runs], "s")
    report.tell_median(f"{who}: CPU", [run.cpu for run in runs], "s")
    report.tell_median(f"{who}: peak RSS", [run.rss_peak / MIB for run in runs], "MiB")
    report.tell_median(f"{who}: anonymous RSS", [run.rss_anonymous / MIB for run in runs], "MiB", note="at the end")


def _median(runs: Sequence[Run], name: str) -> float:
    values = sorted(float(getattr(run, name)) for run in runs)
    return values[len(values) // 2]


async def _discard(folder: Path) -> None:
    """Free the disk between runs."""
    for path in sorted(await trio.to_thread.run_sync(lambda: list(folder.rglob("payload.bin")))):
        await trio.Path(path).unlink()
