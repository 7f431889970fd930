"""The heap keeper: the old generation stays small, and full collections wait until nobody is there."""

from __future__ import annotations

import gc

import pytest
import trio
from trio.testing import MockClock

from revaer.daemon.heap import (
    COLLECT_FROM,
    FREEZE_FROM,
    IDLE_SECONDS,
    OLDEST,
    TICK_SECONDS,
    YOUNG,
    HeapKeeper,
    keep_heap,
)


class FakeCollector:
    """A heap of numbers, and a diary of what was done to it."""

    def __init__(self) -> None:
        self.containers = 0
        self.allocated = 1_000
        self.diary: list[str] = []

    def old(self) -> int:
        return self.containers

    def blocks(self) -> int:
        return self.allocated

    def collect(self, generation: int) -> None:
        self.diary.append(f"collect {generation}")

    def freeze(self) -> None:
        self.diary.append("freeze")
        self.containers = 0

    def unfreeze(self) -> None:
        self.diary.append("unfreeze")

    def done(self) -> list[str]:
        """What was done since the last look."""
        done, self.diary = self.diary, []
        return done


class Machine:
    """A clock and a processor that are turned by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.used = 0.0

    def turn(self, *, share: float) -> None:
        """Let a tick pass in which a share of the processor was used."""
        self.now += TICK_SECONDS
        self.used += share * TICK_SECONDS


EVERYTHING = ["unfreeze", f"collect {OLDEST}", "freeze"]


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def collector() -> FakeCollector:
    return FakeCollector()


@pytest.fixture
def keeper(collector: FakeCollector, machine: Machine) -> HeapKeeper:
    made = HeapKeeper(collector, clock=lambda: machine.now, cpu=lambda: machine.used)
    assert collector.done() == ["freeze"]
    return made


def idle(keeper: HeapKeeper, machine: Machine, seconds: float) -> None:
    """Tick through an idle time."""
    for _ in range(int(seconds / TICK_SECONDS)):
        machine.turn(share=0.01)
        keeper.tick()


def test_small_old_generation_is_left_alone(keeper: HeapKeeper, collector: FakeCollector) -> None:
    collector.containers = COLLECT_FROM - 1
    keeper.tick()
    assert collector.done() == []


def test_grown_old_generation_is_collected_and_frozen(keeper: HeapKeeper, collector: FakeCollector) -> None:
    collector.containers = COLLECT_FROM
    keeper.tick()
    assert collector.done() == [f"collect {OLDEST}", "freeze"]


def test_burst_is_frozen_without_a_visit(keeper: HeapKeeper, collector: FakeCollector) -> None:
    collector.containers = FREEZE_FROM
    keeper.tick()
    assert collector.done() == [f"collect {YOUNG}", "freeze"]


def test_grown_heap_is_collected_whole_only_after_a_long_idle_time(
    keeper: HeapKeeper, collector: FakeCollector, machine: Machine
) -> None:
    collector.allocated = 2_000
    idle(keeper, machine, IDLE_SECONDS - 1)
    machine.turn(share=0.5)
    keeper.tick()
    idle(keeper, machine, IDLE_SECONDS - 1)
    assert collector.done() == []
    idle(keeper, machine, 2)
    assert collector.done() == EVERYTHING


def test_heap_that_did_not_grow_is_never_collected_whole(
    keeper: HeapKeeper, collector: FakeCollector, machine: Machine
) -> None:
    collector.allocated = 1_400
    idle(keeper, machine, 3 * IDLE_SECONDS)
    assert collector.done() == []


def test_runaway_heap_is_collected_whole_at_once(
    keeper: HeapKeeper, collector: FakeCollector, machine: Machine
) -> None:
    collector.allocated = 4_000
    machine.turn(share=1.0)
    keeper.tick()
    assert collector.done() == EVERYTHING
    machine.turn(share=1.0)
    keeper.tick()
    assert collector.done() == []


async def test_interpreter_has_its_collector_back_afterwards(autojump_clock: MockClock) -> None:
    thresholds = gc.get_threshold()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_heap)
        await trio.sleep(3 * TICK_SECONDS)
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[:2] == thresholds[:2]
        assert gc.get_threshold()[2] > thresholds[2]
        nursery.cancel_scope.cancel()
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == thresholds
