"""Forgotten jobs: which of their files are deleted, and when."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from actors import BlockingLane
from revaer.fsops import sweeper
from revaer.fsops.messages import ForgetJob, JobState
from tests.fsops_queue.conftest import RunningQueue, torrent_id
from tests.support.waiting import eventually


async def completed(queue: RunningQueue, number: int) -> Path:
    """Let a job be done; gives the place of its record."""
    await queue.enqueue(number)
    (await queue.runs(number)).finish()
    await queue.reaches(number, JobState.COMPLETED)
    record = queue.around.library / ".revaer" / f"{torrent_id(number)}.revaer.meta"
    record.write_text("{}")
    return record


async def test_jobs_of_a_library_that_is_away_hold_up_no_others(
    queue: RunningQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "_AT_ONCE", 2)
    away = [await completed(queue, number) for number in range(3)]
    library = queue.around.library
    library.rename(library.with_name("away"))
    queue.around.library = library.with_name("other")
    queue.around.library.mkdir()
    here = [await completed(queue, number) for number in range(3, 8)]

    for number in range(8):
        await queue.ask(ForgetJob(torrent_id(number)))

    await eventually(lambda: not any(record.exists() for record in here), "those that are there are swept")
    library.with_name("away").rename(library)
    await eventually(lambda: not any(record.exists() for record in away), "the others are swept when they are back")


async def test_job_that_was_queued_again_meanwhile_keeps_its_files(queue: RunningQueue) -> None:
    record = await completed(queue, 1)
    lane = queue.generations[-1]._sweeper._lane
    assert isinstance(lane, BlockingLane)
    left, entered = threading.Event(), threading.Event()

    def occupy() -> None:
        with queue.around.benches.hold(torrent_id(1), lambda: False):
            entered.set()
            left.wait(20.0)

    other = threading.Thread(target=occupy)
    other.start()
    try:
        await eventually(entered.is_set, "the bench is taken")
        await queue.ask(ForgetJob(torrent_id(1)))
        await eventually(lambda: lane.statistics().running, "the sweeper waits for the bench")
        await queue.enqueue(1)
    finally:
        left.set()
        other.join()

    (await queue.runs(1, times=2)).finish()
    await queue.reaches(1, JobState.COMPLETED)
    await eventually(lambda: not lane.statistics().running, "the sweeper is done")
    assert record.exists()
