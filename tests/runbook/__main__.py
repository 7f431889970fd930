"""The automated runbook: `just runbook`. A real node is operated as docs/runbook.md says, on loopback and as any user.

It leaves `artifacts/runbook/`: a summary, the log of each daemon, and a folder per step with what the commands wrote,
the health page and the metrics. The exit code is 0 when every step held, 1 when one did not.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import trio

from tests.runbook.outcome import Outcome
from tests.runbook.running import planned, run_steps
from tests.runbook.scene import open_scene
from tests.runbook.steps import STEPS
from tests.runbook.summary import all_held, as_line, write_summary
from tests.support.daemon import OWN_VARIABLES

OUT = Path("artifacts/runbook")


def main() -> int:
    """Run all steps, show and save what became of them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="just runbook", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="where the artifacts go; what is there goes")
    parser.add_argument("--folder", type=Path, help="where the nodes live meanwhile; a temporary folder by default")
    arguments = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(OWN_VARIABLES)]:
        del os.environ[name]
    out: Path = arguments.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    folder = Path(tempfile.mkdtemp(prefix="revaer-runbook-", dir=arguments.folder))
    outcomes = planned(STEPS)
    caught = trio.run(_run, folder, out, outcomes)
    about = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores."
    write_summary(out, outcomes, about)
    sys.stdout.write(f"{'every step is ok' if all_held(outcomes) else 'not every step is ok'}: {out / 'summary.md'}\n")
    return 128 + caught if caught else int(not all_held(outcomes))


async def _run(folder: Path, out: Path, outcomes: Sequence[Outcome]) -> int:
    """Run until all is done or a signal comes; returns its number, or 0."""
    caught = 0
    async with trio.open_nursery() as nursery:

        async def give_way(*, task_status: trio.TaskStatus[None]) -> None:
            nonlocal caught
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                task_status.started()
                async for number in signals:
                    caught = number
                    nursery.cancel_scope.cancel()

        await nursery.start(give_way)
        async with open_scene(folder, out) as scene:
            await run_steps(scene, STEPS, outcomes, _tell)
        nursery.cancel_scope.cancel()
    return caught


def _tell(outcome: Outcome) -> None:
    sys.stdout.write(as_line(outcome) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
