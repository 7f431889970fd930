"""The watch over the event loop names what the loop was doing, and does not flood the log."""

from __future__ import annotations

import sys
import threading

import pytest
import trio
from structlog.dev import ConsoleRenderer
from structlog.testing import capture_logs

from revaer.quiet import Quiet
from revaer.telemetry.loopwatch import LoopWatch, Stall
from revaer.telemetry.witness import FRAMES, LOOK_SECONDS, Sample, StallLog, Witness, describe_stack


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_stalled_loop_is_seen_by_the_name_of_its_task() -> None:
    """The task that holds the loop is named, with the place where it stands."""
    watch = LoopWatch()
    witness = Witness(watch)

    async def hold_the_loop() -> None:
        seen = threading.Event()

        def poll() -> None:
            while witness.sample is None and not seen.wait(0.01):
                pass

        thread = threading.Thread(target=poll)
        thread.start()
        thread.join(10)
        seen.set()

    with watch.watching(), witness.watching():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hold_the_loop)

    assert witness.sample is not None
    assert "hold_the_loop" in str(witness.sample.task)
    assert any("test_witness.py" in place and "hold_the_loop" in place for place in witness.sample.stack)
    assert len(witness.sample.stack) <= FRAMES


def watched(clock: Clock) -> tuple[LoopWatch, Witness]:
    watch = LoopWatch(clock=clock)
    witness = Witness(watch, clock=clock)
    witness._loop = threading.get_ident()
    return watch, witness


def test_loop_that_is_well_is_left_alone() -> None:
    clock = Clock()
    watch, witness = watched(clock)
    watch.after_io_wait(0.0)
    clock.now = LOOK_SECONDS / 2
    witness.look()
    assert witness.sample is None

    watch.before_io_wait(0.0)
    clock.now = 10.0
    witness.look()
    assert witness.sample is None, "a loop that waits for its sockets is not busy"


def test_each_pass_is_looked_at_once() -> None:
    clock = Clock()
    watch, witness = watched(clock)
    watch.after_io_wait(0.0)
    clock.now = 1.0
    witness.look()
    first = witness.sample
    clock.now = 2.0
    witness.look()
    assert first is not None
    assert witness.sample is first
    assert first.mark == 0.0


def test_stall_is_told_with_what_the_loop_did_in_it() -> None:
    stalls = StallLog(lambda: Sample(7.0, "the task", ("a.py:1 f",)))
    with capture_logs() as lines:
        stalls.take(Stall(0.5, "busy", 7.0))
    (line,) = lines
    assert (line["event"], line["seconds"], line["kind"], line["task"], line["places"]) == (
        "loop_stalled",
        0.5,
        "busy",
        "the task",
        ["a.py:1 f"],
    )


def test_stall_can_be_told_to_people() -> None:
    """The renderer of text has words of its own."""
    with capture_logs() as lines:
        StallLog(lambda: Sample(7.0, "the task", ("a.py:1 f",))).take(Stall(0.5, "busy", 7.0))
    (line,) = lines
    assert "a.py:1 f" in str(ConsoleRenderer(colors=False)(None, "warning", dict(line)))


async def test_stall_that_cannot_be_told_ends_the_watch_and_nothing_else() -> None:
    def fail(_stall: Stall) -> None:
        raise LookupError("a fault of ours")

    moments = iter(range(1000))
    watch = LoopWatch(on_stall=fail, clock=lambda: float(next(moments)))
    with watch.watching():
        for _ in range(3):
            await trio.lowlevel.checkpoint()
    assert watch.longest > 0


@pytest.mark.parametrize("stall", [Stall(0.5, "busy", 8.0), Stall(0.5, "late", 8.0)])
def test_stall_without_a_sample_of_its_own_names_no_task(stall: Stall) -> None:
    stalls = StallLog(lambda: Sample(7.0, "another", ()))
    with capture_logs() as lines:
        stalls.take(stall)
    assert (lines[0]["task"], lines[0]["places"]) == (None, [])


def test_short_stalls_are_counted_and_not_told() -> None:
    with capture_logs() as lines:
        StallLog().take(Stall(0.099, "busy", 0.0))
    assert lines == []


def test_many_stalls_are_one_line_and_a_number() -> None:
    clock = Clock()
    stalls = StallLog(quiet=Quiet(10.0, clock=clock))
    with capture_logs() as lines:
        for _ in range(20):
            stalls.take(Stall(0.2, "late", 0.0))
        clock.now = 11.0
        stalls.take(Stall(0.2, "late", 0.0))
    assert [line["untold"] for line in lines] == [0, 19]


def test_stack_outside_of_a_task_has_no_task() -> None:
    task, places = describe_stack(sys._getframe())
    assert task is None
    assert "test_stack_outside_of_a_task_has_no_task" in places[0]


def test_late_wakeup_is_told_apart_from_a_busy_pass() -> None:
    clock = Clock()
    stalls: list[Stall] = []
    watch = LoopWatch(on_stall=stalls.append, clock=clock)
    watch.before_io_wait(1.0)
    clock.now = 1.5
    watch.after_io_wait(1.0)
    clock.now = 1.7
    watch.before_io_wait(0.0)
    assert [(stall.kind, round(stall.seconds, 3)) for stall in stalls] == [("late", 0.5), ("busy", 0.2)]
    assert watch.longest == 0.5


def test_stall_is_forgotten_after_a_minute() -> None:
    clock = Clock()
    watch = LoopWatch(clock=clock)
    watch.after_io_wait(0.0)
    clock.now = 0.3
    watch.before_io_wait(0.0)
    assert watch.longest_recent() == 0.3
    clock.now = 61.0
    assert watch.longest_recent() == 0.0
    assert watch.longest == 0.3
