"""The lane for blocking calls."""

import threading

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import BlockingLane, LaneExpired


class Gate:
    """A blocking call that tells when it began and ends when it is let."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()

    def __call__(self, value: object = None) -> object:
        self.entered.set()
        assert self.release.wait(10)
        return value

    async def wait_entered(self) -> None:
        await trio.to_thread.run_sync(self.entered.wait, 10)


async def idle(lane: BlockingLane) -> None:
    """Wait until the last thread has left the lane: a call behind it has then run."""
    await lane.run(lambda: None)


async def test_returns_what_the_call_returns() -> None:
    lane = BlockingLane("disk")
    assert await lane.run(divmod, 7, 2) == (3, 1)


async def test_error_of_the_call_reaches_the_caller() -> None:
    lane = BlockingLane("disk")
    with pytest.raises(ZeroDivisionError):
        await lane.run(divmod, 7, 0)
    assert lane.statistics().calls == 1


async def test_runs_off_the_trio_thread() -> None:
    assert await BlockingLane("disk").run(threading.get_ident) != threading.get_ident()


async def test_one_worker_runs_one_call_at_a_time() -> None:
    lane, gate = BlockingLane("disk"), Gate()
    order: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lane.run, gate)
        await gate.wait_entered()
        nursery.start_soon(lane.run, order.append, "second")
        await wait_all_tasks_blocked()
        assert (lane.statistics().running, lane.statistics().waiting) == (1, 1)
        assert order == []
        gate.release.set()
    assert order == ["second"]
    assert lane.statistics().waiting == 0


async def test_two_workers_run_two_calls_together() -> None:
    lane = BlockingLane("disk", workers=2)
    barrier = threading.Barrier(2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lane.run, barrier.wait, 10)
        nursery.start_soon(lane.run, barrier.wait, 10)
    assert not barrier.broken


async def test_call_over_its_deadline_is_abandoned_and_keeps_its_place() -> None:
    lane, gate = BlockingLane("disk"), Gate()
    with pytest.raises(LaneExpired) as caught:
        await lane.run(gate, within=0.05)
    assert (caught.value.lane, caught.value.within) == ("disk", 0.05)
    figures = lane.statistics()
    assert (figures.running, figures.abandoned, figures.calls) == (1, 1, 0)
    gate.release.set()
    await idle(lane)
    assert lane.statistics().calls == 2


async def test_call_whose_deadline_passes_in_line_never_begins() -> None:
    lane, gate, late = BlockingLane("disk"), Gate(), Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lane.run, gate)
        await gate.wait_entered()
        with pytest.raises(LaneExpired):
            await lane.run(late, within=0.01)
        gate.release.set()
    await idle(lane)
    assert not late.entered.is_set()
    assert lane.statistics().abandoned == 0


async def test_cancelled_caller_leaves_its_call_behind() -> None:
    lane, gate = BlockingLane("disk"), Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lane.run, gate)
        await gate.wait_entered()
        nursery.cancel_scope.cancel()
    assert lane.statistics().abandoned == 1
    gate.release.set()
    await idle(lane)


async def test_figures_add_up() -> None:
    lane = BlockingLane("disk")
    for _ in range(3):
        await lane.run(lambda: None)
    figures = lane.statistics()
    assert figures.calls == 3
    assert 0.0 <= figures.longest_seconds <= figures.busy_seconds
    assert (figures.running, figures.waiting, figures.abandoned) == (0, 0, 0)
