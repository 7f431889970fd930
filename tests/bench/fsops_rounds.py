"""Ours against theirs, turn and turn about: a machine that others use, too, is fair only within a round."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.report import Report

TARGET = 0.9
"""What share of the tools' speed is wanted."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: seconds by the clock, and of the processor."""

    seconds: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement of each side, taken one after the other."""

    ours: Sample
    theirs: Sample


def alternate(ours: Callable[[], Sample], theirs: Callable[[], Sample], rounds: int) -> list[Round]:
    """Measure both sides in every round, each goes first in every second one; a first round is not counted."""
    found = []
    for number in range(rounds + 1):
        sides = [ours, theirs] if number % 2 else [theirs, ours]
        samples = {}
        for side in sides:
            # What an earlier measurement left to be written must not be paid for by this one.
            os.sync()
            samples[side] = side()
        found.append(Round(samples[ours], samples[theirs]))
    return found[1:]


def tell_rounds(report: Report, name: str, found: Sequence[Round], *, amount: float = 0.0, wanted: bool = True) -> None:
    """Take the median of the rounds' ratios.

    Args:
        report: where to.
        name: what was measured.
        found: the rounds.
        amount: bytes or files of one measurement, for the rate in the note.
        wanted: whether the target counts.
    """
    ours = statistics.median(each.ours.seconds for each in found)
    theirs = statistics.median(each.theirs.seconds for each in found)
    cpu = statistics.median(each.theirs.cpu / max(each.ours.cpu, 1e-9) for each in found)
    rate = f", {_rate(amount, ours)} against {_rate(amount, theirs)}" if amount else ""
    report.tell_median(
        name,
        [each.theirs.seconds / each.ours.seconds for each in found],
        "x",
        target=TARGET if wanted else None,
        direction=">=",
        note=f"{ours:.3f} s against {theirs:.3f} s{rate}; by processor time {cpu:.2f}",
    )


def run_tool(command: Sequence[str | Path], *, cwd: Path, durable: bool) -> Sample:
    """Run a tool as a person would, and with `durable` have its result on the disk before the clock stops."""
    before, began = _children(), time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if durable:
        subprocess.run(["sync", "-f", cwd], check=True)
    return Sample(time.perf_counter() - began, _children() - before)


def run_beside(commands: Sequence[Sequence[str]], *, cwd: Path, inputs: Sequence[bytes]) -> Sample:
    """Run several tools at the same time, each with its input."""
    before, began = _children(), time.perf_counter()
    running = [
        subprocess.Popen(command, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) for command in commands
    ]
    for process, content in zip(running, inputs, strict=True):
        assert process.stdin is not None
        process.stdin.write(content)
        process.stdin.close()
    codes = [process.wait() for process in running]
    assert not any(codes), codes
    return Sample(time.perf_counter() - began, _children() - before)


def cpu_now() -> float:
    """Processor seconds of this process and of the children that it waited for."""
    return time.process_time() + _children()


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _rate(amount: float, seconds: float) -> str:
    rate = amount / seconds
    return f"{rate / 1e6:,.0f} MB/s" if rate > 1e6 else f"{rate:,.0f} files/s"
