"""Gaps in which an event loop served nobody: a daemon that notes its own, and a bare loop that notes the machine's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from tests.bench.report import Report
from tests.support.daemon import Daemon

PROGRAM = Path(__file__).with_name("loop_daemon.py")

STALL = 20
"""Milliseconds that the event loop may serve nobody."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Milliseconds in which a loop served nobody, and for how many of them its thread had a processor."""

    at: float
    wall: float
    cpu: float


def noted_daemon(folder: Path, readings: Path, *, engine: str = "libtorrent") -> Daemon:
    """Describe a daemon that writes the gaps of its loop into the file `readings`."""
    return Daemon(
        folder,
        engine=engine,
        program=[sys.executable, str(PROGRAM)],
        variables={"BENCH_READINGS": str(readings), "REVAER_LOG_LEVEL": "warning"},
    )


@asynccontextmanager
async def bare_loop(readings: Path) -> AsyncIterator[None]:
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


def gaps(readings: Path, since: float) -> list[Gap]:
    """Read what was noted after a time of the monotonic clock."""
    lines = [json.loads(line) for line in readings.read_text().splitlines()]
    return [Gap(each["at"], 1000 * each["gap"], 1000 * each["cpu"]) for each in lines if each["at"] >= since]


def tell_gaps(report: Report, what: str, found: Sequence[Gap], *, wanted: bool = False) -> None:
    """Tell the longest of some gaps; with `wanted` the target counts."""
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
