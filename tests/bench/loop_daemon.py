"""The daemon, its event loop noted: `python loop_daemon.py serve …`. Or a bare loop beside it:
`python loop_daemon.py`, which ends when its standard input does.

Every gap above 2 ms in which a loop served nobody is written down in the file that `BENCH_READINGS` names, one JSON
object per line: when it ended, how long it was, and for how long of it the loop's own thread had a processor.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import trio
import trio.abc

from revaer.cli.main import main
from revaer.daemon import wiring
from revaer.session.port import Engine, EngineFactory, EngineSettings

NOTED = 0.002
TICK = 0.01


class LoopNotes(trio.abc.Instrument):
    """Measures gaps in the way of the daemon's own watch, and the processor time of the loop's thread in them."""

    def __init__(self, place: Path) -> None:
        self._stream = place.open("a", buffering=1)
        self._at, self._cpu = time.monotonic(), time.thread_time()

    def before_io_wait(self, timeout: float) -> None:
        """Note the end of a pass."""
        self._note(0.0)

    def after_io_wait(self, timeout: float) -> None:
        """Note the begin of a pass."""
        self._note(timeout)

    def _note(self, wanted: float) -> None:
        now, cpu = time.monotonic(), time.thread_time()
        gap = now - self._at - wanted
        if gap > NOTED:
            self._stream.write(json.dumps({"at": now, "gap": gap, "cpu": cpu - self._cpu}) + "\n")
        self._at, self._cpu = now, cpu


def noted(opens: EngineFactory) -> EngineFactory:
    """Begin to note when an engine is opened."""

    async def open_noted(settings: EngineSettings, *, state_dir: Path) -> Engine:
        trio.lowlevel.add_instrument(LoopNotes(Path(os.environ["BENCH_READINGS"])))
        return await opens(settings, state_dir=state_dir)

    return open_noted


async def bare() -> None:
    """Do nothing but wake up, until standard input ends."""
    trio.lowlevel.add_instrument(LoopNotes(Path(os.environ["BENCH_READINGS"])))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_tick)
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()


async def _tick() -> None:
    while True:
        await trio.sleep(TICK)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        vars(wiring)["ENGINES"] = {name: noted(opens) for name, opens in wiring.ENGINES.items()}
        main()
    else:
        trio.run(bare)
