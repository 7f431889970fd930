"""Run benchmarks: `python -m tests.bench [transfer|scale|bulk|control|api|fsops|all] [--torrents N] [--runs N] …`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import trio

from tests.bench.api import measure_api
from tests.bench.bulk import measure_bulk
from tests.bench.control import measure_control
from tests.bench.fsops import PARTS, measure_fsops
from tests.bench.options import Options
from tests.bench.report import Report
from tests.bench.scale import measure_scale
from tests.bench.transfer import measure_transfer

BENCHES: Mapping[str, Callable[[Options], Awaitable[Report]]] = {
    "transfer": measure_transfer,
    "scale": measure_scale,
    "bulk": measure_bulk,
    "control": measure_control,
    "api": measure_api,
    "fsops": measure_fsops,
}
"""Every benchmark by the name it is asked for with; it is handed the options and returns its report."""

SIZES = {"fsops": 2048}
USUAL_SIZE = 1024
"""Payload in MiB, unless the command line says otherwise."""


def main() -> int:
    """Measure, show and save; returns 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the running daemon.")
    parser.add_argument("bench", nargs="?", default="all", choices=[*BENCHES, "all"])
    parser.add_argument(
        "--torrents", type=int, default=10_000, help="torrents in `scale`, `bulk`, `api`; jobs in `fsops`"
    )
    parser.add_argument("--runs", type=int, default=5, help="alternating runs, restarts in `scale`")
    parser.add_argument("--size", type=int, metavar="MIB", help="payload; 2048 in `fsops`, otherwise 1024 by default")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long `scale` and `api` let all change")
    parser.add_argument("--parts", default="", help=f"of `fsops`, with commas: {', '.join(PARTS)}; all by default")
    parser.add_argument("--folder", type=Path, help="where the payload goes; a temporary folder by default")
    arguments = parser.parse_args()
    names = list(BENCHES) if arguments.bench == "all" else [arguments.bench]
    return max(_run(name, arguments) for name in names)


def _run(name: str, arguments: argparse.Namespace) -> int:
    folder = Path(tempfile.mkdtemp(prefix=f"revaer-bench-{name}-", dir=arguments.folder))
    size = (arguments.size or SIZES.get(name, USUAL_SIZE)) << 20
    parts = tuple(filter(None, arguments.parts.split(",")))
    options = Options(folder, arguments.torrents, arguments.runs, size, arguments.seconds, parts)
    try:
        report = trio.run(BENCHES[name], options)
    finally:
        shutil.rmtree(folder)
    report.show(sys.stdout)
    sys.stdout.write(f"  figures appended to {report.save()}\n")
    return int(any(figure.met is False for figure in report.figures))


if __name__ == "__main__":
    sys.exit(main())
