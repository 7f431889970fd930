"""The desk of looks at the disk: those who ask for the same at the same time share it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from revaer.session.disk import Disk, DiskDesk, Look

T = TypeVar("T")

GOOD = Look(identity=(1, 2), free=3)


class CountingDisk(Disk):
    """Everything is good, and looks are counted."""

    def __init__(self) -> None:
        self.looks: list[str] = []

    def look(self, directory: str) -> Look:
        self.looks.append(directory)
        return GOOD


class GatedLane:
    """Runs nothing before it is opened."""

    def __init__(self) -> None:
        self.gate = trio.Event()

    async def run(self, fn: Callable[..., T], *args: object, within: float | None = None) -> T:
        del within
        await self.gate.wait()
        return fn(*args)


@pytest.fixture
def disk() -> CountingDisk:
    return CountingDisk()


@pytest.fixture
def lane() -> GatedLane:
    return GatedLane()


@pytest.fixture
def desk(disk: CountingDisk, lane: GatedLane) -> DiskDesk:
    return DiskDesk(disk, lane, within=1.0, remember=1.0)


async def test_those_who_ask_at_the_same_time_share_one_look(
    desk: DiskDesk, disk: CountingDisk, lane: GatedLane
) -> None:
    found: list[Look] = []

    async def ask(directory: str) -> None:
        found.append(await desk.look(directory))

    async with trio.open_nursery() as nursery:
        for directory in ("/one", "/one", "/other", "/one"):
            nursery.start_soon(ask, directory)
        await wait_all_tasks_blocked()
        lane.gate.set()
    assert found == [GOOD] * 4
    assert sorted(disk.looks) == ["/one", "/other"]


async def test_who_asks_later_looks_anew(desk: DiskDesk, disk: CountingDisk, lane: GatedLane) -> None:
    lane.gate.set()
    await desk.look("/one")
    await desk.look("/one")
    assert disk.looks == ["/one", "/one"]


async def test_look_whose_asker_left_is_begun_anew(desk: DiskDesk, disk: CountingDisk, lane: GatedLane) -> None:
    found: list[Look] = []

    async def ask(scope: trio.CancelScope) -> None:
        with scope:
            found.append(await desk.look("/one"))

    first, second = trio.CancelScope(), trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, first)
        await wait_all_tasks_blocked()
        nursery.start_soon(ask, second)
        await wait_all_tasks_blocked()
        first.cancel()
        await wait_all_tasks_blocked()
        lane.gate.set()
    assert found == [GOOD]
    assert disk.looks == ["/one"]
