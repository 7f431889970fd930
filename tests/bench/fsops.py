"""Post-processing: how fast its steps are beside the tools that people use, and what it does to the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import trio

from tests.bench.fsops_daemon import measure_daemon
from tests.bench.fsops_extract import measure_extraction
from tests.bench.fsops_hash import measure_hashing
from tests.bench.fsops_queue import measure_queue
from tests.bench.fsops_transfer import measure_transfers
from tests.bench.options import Options
from tests.bench.report import Report

STEPS: Mapping[str, Callable[[Report, Options], None]] = {
    "transfer": measure_transfers,
    "extract": measure_extraction,
    "hash": measure_hashing,
}
DAEMON: Mapping[str, Callable[[Report, Options], Awaitable[None]]] = {
    "daemon": measure_daemon,
    "queue": measure_queue,
}
PARTS = (*STEPS, *DAEMON)
"""What can be measured by itself."""


async def measure_fsops(options: Options) -> Report:
    """Measure every part, or those that were asked for."""
    report = Report("fsops", {"MiB": options.size >> 20, "rounds": options.runs})
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        raise SystemExit(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for name in options.parts or PARTS:
        if name in STEPS:
            await trio.to_thread.run_sync(STEPS[name], report, options)
        else:
            await DAEMON[name](report, options)
    return report
