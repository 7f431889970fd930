"""A disk that does not answer holds nobody up for long: neither removals, nor updates, nor what is in doubt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import trio
from trio.testing import MockClock

from revaer.resume.copies import Copies
from revaer.resume.disk import ANSWER, PosixDisk
from revaer.resume.doubts import Doubt, Doubts
from revaer.resume.files import Files
from revaer.resume.problems import Problems
from revaer.resume.records import Records
from revaer.types import TorrentId
from tests.resume.conftest import torrent_id
from tests.resume.faults import AwayDatabase
from tests.resume.test_problems import Report

T = TypeVar("T")

ONE, TWO = torrent_id(1), torrent_id(2)


class HangingLane:
    """A lane whose calls never return."""

    async def run(self, fn: Callable[..., T], *args: object) -> T:
        await trio.sleep_forever()
        raise AssertionError(fn, args)


@pytest.fixture
def report() -> Report:
    return Report()


@pytest.fixture
def problems(report: Report) -> Problems:
    return Problems(report)


@pytest.fixture
async def files(tmp_path: Path, problems: Problems, nursery: trio.Nursery) -> Files:
    """Files on such a disk, with a record whose write has begun."""
    disk, lane = PosixDisk(tmp_path), HangingLane()
    records = Records(disk, lane, problems, lambda _: None)
    copies = Copies(AwayDatabase(), trio.Lock(), disk, lane, problems)
    nursery.start_soon(records.run)
    records.save(TWO, b"record")
    await trio.testing.wait_all_tasks_blocked()
    return Files(disk, lane, records, copies)


@pytest.mark.parametrize("torrent", [ONE, TWO])
async def test_removal_is_given_up(files: Files, torrent: TorrentId, autojump_clock: MockClock) -> None:
    """TWO has a write in flight, which a removal waits for."""
    begin = trio.current_time()
    failures = await files.remove([torrent])
    assert [failure.strerror for failure in failures.values()] == ["the disk does not answer"]
    assert trio.current_time() - begin == ANSWER


async def test_copy_is_not_waited_for(files: Files, autojump_clock: MockClock) -> None:
    with pytest.raises(TimeoutError, match="does not answer"):
        await files.copy_of(ONE)


async def test_doubt_is_remembered_in_memory(
    tmp_path: Path, problems: Problems, report: Report, autojump_clock: MockClock
) -> None:
    doubts = Doubts(AwayDatabase(), PosixDisk(tmp_path), HangingLane(), problems)
    await doubts.note(Doubt("1", (ONE,), ()))
    assert len(doubts) == 1
    assert report.reasons == ["a write in doubt is remembered in memory only: the disk does not answer"]
