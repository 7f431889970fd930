"""The desk of looks at the disk: those who ask for the same at the same time share it."""

from __future__ import annotations

import errno
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import BlockingLane
from revaer.session.disk import Disk, DiskDesk, Look
from revaer.session.messages import SessionUnavailable

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


class HangingDisk(CountingDisk):
    """Some directories do not answer while it hangs. Those that begin alike are of one device."""

    def __init__(self) -> None:
        super().__init__()
        self.hung: frozenset[str] = frozenset()
        self.reached = trio.Event()
        self._back = threading.Event()

    def hang(self, *directories: str) -> None:
        """Let a look at one of these not return."""
        self.hung, self.reached, self._back = frozenset(directories), trio.Event(), threading.Event()

    def come_back(self) -> None:
        """Let all that hangs return."""
        self.hung = frozenset()
        self._back.set()

    def identify(self, directory: str) -> tuple[int, int] | None:
        if directory in self.hung:
            trio.from_thread.run_sync(self.reached.set)
            self._back.wait()
        return ord(directory[1]), 1


@asynccontextmanager
async def dead_share(
    disk: HangingDisk, desk: DiskDesk, clock: MockClock, *directories: str
) -> AsyncIterator[dict[str, tuple[int, int] | None]]:
    """Let `/share/a` hang and look at directories until the look there is given up; gives what was found by then."""
    disk.hang("/share/a")
    found: dict[str, tuple[int, int] | None] = {}

    async def look() -> None:
        found.update(await desk.identify(directories))

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            await disk.reached.wait()
            clock.jump(2.0)
        yield found
    finally:
        disk.come_back()


async def until_idle(lane: BlockingLane) -> None:
    while lane.statistics().running:
        await trio.lowlevel.checkpoint()


async def test_directory_that_hangs_keeps_one_thread_and_no_other_directory(mock_clock: MockClock) -> None:
    disk, lane = HangingDisk(), BlockingLane("disk", workers=2)
    desk = DiskDesk(disk, lane, within=1.0, remember=1.0)
    async with dead_share(disk, desk, mock_clock, "/home", "/share/a", "/other") as found:
        assert set(found) == {"/home", "/other"}
        for _ in range(3):
            assert set(await desk.identify(["/home", "/share/a", "/other"])) == {"/home", "/other"}
        assert (await desk.look("/share/a")).number == (await desk.prepare("/share/a")).number == errno.EIO
        with pytest.raises(SessionUnavailable, match="did not answer"):
            await desk.first_missing(lambda: [("/share/a/film.mkv", 1)], at="/share/a")
        assert await desk.look("/other") == GOOD
        assert lane.statistics().running == 1
    await until_idle(lane)
    assert set(await desk.identify(["/home", "/share/a"])) == {"/home", "/share/a"}


async def test_other_directories_of_a_device_that_hangs_are_not_tried(mock_clock: MockClock) -> None:
    disk, lane = HangingDisk(), BlockingLane("disk", workers=2)
    desk = DiskDesk(disk, lane, within=1.0, remember=1.0)
    await desk.identify(["/share/a", "/share/b", "/home"])
    async with dead_share(disk, desk, mock_clock, "/share/a"):
        assert set(await desk.identify(["/share/a", "/share/b", "/home"])) == {"/home"}
        assert (await desk.look("/share/b")).number == errno.EIO
    await until_idle(lane)


async def test_files_are_looked_at_no_further_when_nobody_waits_any_more(mock_clock: MockClock) -> None:
    class SlowDisk(Disk):
        """The first portion takes until it is told to end."""

        def __init__(self) -> None:
            self.portions = 0
            self.reached = trio.Event()
            self.go_on = threading.Event()

        def first_missing(self, paths: object) -> str | None:
            self.portions += 1
            trio.from_thread.run_sync(self.reached.set)
            self.go_on.wait()
            return None

    disk, lane = SlowDisk(), BlockingLane("disk", workers=1)
    desk = DiskDesk(disk, lane, within=1.0, remember=1.0)

    async def look() -> None:
        with pytest.raises(SessionUnavailable):
            await desk.first_missing(lambda: [("/home/film.mkv", 1)] * 1_000, at="/home")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await disk.reached.wait()
        mock_clock.jump(2.0)
    disk.go_on.set()
    await until_idle(lane)
    assert disk.portions == 1
