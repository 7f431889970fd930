"""Says what the event loop was doing when it stalled.

A thread looks at the watch's marks twenty times a second. When the loop has been busy for too long, it takes one look
at the loop's stack: that costs the loop nothing as long as it is well.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_stack
from types import FrameType
from typing import TYPE_CHECKING

import structlog

from revaer.quiet import Quiet
from revaer.telemetry.loopwatch import LoopWatch, Stall

if TYPE_CHECKING:
    from collections.abc import Iterator

log = structlog.get_logger("revaer.telemetry")

LOOK_SECONDS = 0.05
TOLD_SECONDS = 0.1
"""Shorter stalls are only counted."""

FRAMES = 10


@dataclass(frozen=True, slots=True)
class Sample:
    """What the loop did: the name of the task, and where it was, innermost first. `mark` tells the pass apart."""

    mark: float
    task: str | None
    stack: tuple[str, ...]


class Witness:
    """Watches the loop from a thread of its own.

    Args:
        watch: the watch over the loop.
        clock: the watch's clock.
    """

    def __init__(self, watch: LoopWatch, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self.sample: Sample | None = None
        self._watch = watch
        self._clock = clock
        self._loop = 0
        self._seen: float | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the loop of the calling thread inside the block."""
        self._loop = threading.get_ident()
        over = threading.Event()
        thread = threading.Thread(target=self._run, args=(over,), name="witness", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def look(self) -> None:
        """Look once: take a sample when the loop has been busy for too long, one for each pass."""
        mark = self._watch.busy_since
        if mark is None or mark == self._seen or self._clock() - mark < LOOK_SECONDS:
            return
        self._seen = mark
        frame = sys._current_frames().get(self._loop)  # noqa: SLF001  # the one way to see another thread's stack
        if frame is not None and self._watch.busy_since == mark:
            self.sample = Sample(mark, *describe_stack(frame))

    def _run(self, over: threading.Event) -> None:
        while not over.wait(LOOK_SECONDS):
            self.look()


class StallLog:
    """Tells of stalls in the log, and does not flood it.

    Args:
        sample: the newest sample.
        quiet: holds lines back.
    """

    def __init__(self, sample: Callable[[], Sample | None] = lambda: None, *, quiet: Quiet | None = None) -> None:
        self._sample = sample
        self._quiet = quiet or Quiet()

    def take(self, stall: Stall) -> None:
        """Tell of a stall."""
        if stall.seconds < TOLD_SECONDS:
            return
        untold = self._quiet.untold()
        if untold is None:
            return
        sample = self._sample()
        if sample is None or sample.mark != stall.mark:
            sample = Sample(stall.mark, None, ())
        log.warning(
            "loop_stalled",
            seconds=round(stall.seconds, 3),
            kind=stall.kind,
            task=sample.task,
            places=list(sample.stack),
            untold=untold,
        )


def describe_stack(frame: FrameType) -> tuple[str | None, tuple[str, ...]]:
    """Return the name of the trio task on a stack, and its innermost places as `file:line function`."""
    places: list[str] = []
    task: str | None = None
    for each, line in walk_stack(frame):
        code = each.f_code
        if code.co_name == "unrolled_run" and "trio" in code.co_filename:
            # The one local of trio that names the task; without it the stack must do.
            task = getattr(each.f_locals.get("task"), "name", None)
            break
        if len(places) < FRAMES:
            places.append(f"{'/'.join(Path(code.co_filename).parts[-3:])}:{line} {code.co_name}")
    return task, tuple(places)
