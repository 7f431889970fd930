"""Ending processes that a test has started, and those that they have left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

GRACE = 4.0
"""Seconds a left-over database may take for its fast shutdown before it is killed."""


def living_below(folder: Path) -> list[psutil.Process]:
    """Find the processes that work in `folder`, or were started for it, other than this one."""
    found = []
    mark = str(folder)
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and (
                process.cwd().startswith(mark) or any(mark in argument for argument in process.cmdline())
            ):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def end_all_below(folder: Path) -> list[str]:
    """End what works in `folder`: databases by their fast shutdown, everything by force when that takes too long.

    Returns:
        The names of what was found.
    """
    found = living_below(folder)
    names = [_name(process) for process in found]
    for process in found:
        _signal(process, signal.SIGINT)
    _, stubborn = psutil.wait_procs(found, timeout=GRACE)
    for process in [*stubborn, *living_below(folder)]:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=GRACE)
    return names


def cpu_seconds(pid: int) -> float:
    """User and system time that one process has used so far, its threads included and its children not."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def memory(pid: int) -> dict[str, int]:
    """Resident memory of one process in bytes: `rss` now, `peak` ever, `anonymous` without what files back."""
    wanted = {"VmRSS": "rss", "VmHWM": "peak", "RssAnon": "anonymous"}
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    pairs = (line.split(":", 1) for line in lines)
    return {wanted[name]: int(value.split()[0]) * 1024 for name, value in pairs if name in wanted}


def wait_gone(pids: Iterable[int], *, within: float) -> None:
    """Block until none of `pids` runs. Raises AssertionError after `within` seconds."""
    deadline = time.monotonic() + within
    left = set(pids)
    while left := {pid for pid in left if psutil.pid_exists(pid)}:
        if time.monotonic() > deadline:
            raise AssertionError(f"still running: {sorted(left)}")
        time.sleep(0.01)


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _name(process: psutil.Process) -> str:
    try:
        return f"{process.name()}({process.pid})"
    except psutil.NoSuchProcess:
        return f"gone({process.pid})"
