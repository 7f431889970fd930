"""What was answered outlives crashes, restarts and outages of the database."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
import trio

from revaer.database.messages import StatementFailed
from revaer.events import FsOpsCompleted
from revaer.fsops import queries
from revaer.fsops.messages import (
    CancelJob,
    ForgetJob,
    FsOpsUnavailable,
    InspectJob,
    JobRefused,
    JobState,
    ListJobs,
    PauseQueue,
    PlanJob,
    ReportFsOps,
    ResumeQueue,
    RetryJob,
)
from revaer.fsops.retry import RetryPolicy
from revaer.fsops.terms import Bounds
from tests.fsops_queue.conftest import QUICK, RunningQueue, RunQueue, Surroundings, torrent_id
from tests.fsops_queue.fake_runner import failed
from tests.support.waiting import eventually


async def test_waiting_jobs_and_the_pause_outlive_a_restart(around: Surroundings, run_queue: RunQueue) -> None:
    async with run_queue(around) as queue:
        await queue.ask(PauseQueue())
        for number in (1, 2):
            await queue.enqueue(number)
    async with run_queue(around) as queue:
        await queue.loaded()
        figures = await queue.figures()
        assert (figures.queue, figures.paused) == (2, True)
        around.runner.completes_all = True
        await queue.ask(ResumeQueue())
        await queue.reaches(1, JobState.COMPLETED)
        await queue.reaches(2, JobState.COMPLETED)


async def test_job_that_ran_at_a_stop_is_told_to_stop_and_goes_on_at_the_next_start(
    around: Surroundings, run_queue: RunQueue
) -> None:
    async with run_queue(around) as queue:
        await queue.enqueue(1)
        bench = await queue.runs(1)
    assert bench.is_over
    async with run_queue(around) as queue:
        (await queue.runs(1, times=2)).finish()
        detail = await queue.reaches(1, JobState.COMPLETED)
        assert detail.error is None


async def test_stop_does_not_wait_for_a_run_that_hears_nothing(around: Surroundings, run_queue: RunQueue) -> None:
    async with run_queue(around, timing=replace(QUICK, stop=0.1)) as queue:
        await queue.enqueue(1)
        bench = await queue.runs(1)
        bench.is_deaf = True
        queue.supervisor.stop()
        await eventually(lambda: not queue.generations[-1]._foreman.running, "it stopped", within=4.0)
        assert not bench.is_over
        bench.finish()
    async with run_queue(around) as queue:
        (await queue.runs(1, times=2)).finish()
        await queue.reaches(1, JobState.COMPLETED)


async def test_crashed_actor_runs_its_jobs_again_and_never_two_of_one_torrent(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    bench = await queue.runs(1)
    bench.is_deaf = True
    await queue.crash()
    await eventually(lambda: queue.generations[-1]._foreman.running, "it is taken again")
    assert len(queue.around.runner.runs) == 1
    bench.finish()
    (await queue.runs(1, times=2)).finish()
    await queue.reaches(1, JobState.COMPLETED)
    assert queue.around.runner.overlaps == []


async def test_thread_of_a_crashed_actor_is_told_to_stop(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    bench = await queue.runs(1)
    await queue.crash()
    await eventually(lambda: bench.is_over, "the thread ended")
    (await queue.runs(1, times=2)).finish()
    await queue.reaches(1, JobState.COMPLETED)


async def test_waiting_attempt_keeps_its_time_over_a_restart(around: Surroundings, run_queue: RunQueue) -> None:
    around.runner.answers[torrent_id(1)] = [failed(retryable=True)]
    options: dict[str, Any] = {
        "timing": replace(QUICK, retry=RetryPolicy(first=60.0)),
        "wall": lambda: 1_700_000_000.0,
        "random": lambda: 0.5,
    }
    async with run_queue(around, **options) as queue:
        await queue.enqueue(1)
        await eventually(lambda: queue.kinds(1)[-1:] == ["fsops_failed"], "it failed")
    async with run_queue(around, **options) as queue:
        await queue.loaded()
        detail = await queue.inspect(1)
        assert (detail.state, detail.attempt, detail.next_try_at) == (JobState.QUEUED, 1, 1_700_000_066.0)
        await queue.ask(RetryJob(torrent_id(1)))
        await queue.runs(1, times=2)


@pytest.mark.parametrize(
    "request_",
    [
        CancelJob(torrent_id(1)), RetryJob(torrent_id(1)), PauseQueue(), ResumeQueue(), ForgetJob(torrent_id(1)),
        InspectJob(torrent_id(1)), ListJobs(), PlanJob(torrent_id(1)),
    ],
)  # fmt: skip
async def test_without_the_database_everything_durable_is_unavailable(queue: RunningQueue, request_: object) -> None:
    queue.around.database.leave()
    with pytest.raises(FsOpsUnavailable, match="cable"):
        await queue.ask(request_)  # type: ignore[arg-type]  # each of them is a request
    with pytest.raises(FsOpsUnavailable, match="cable"):
        await queue.enqueue(1)
    assert (await queue.ask(ReportFsOps())).queue == 0
    await queue.degraded("the database is away")
    queue.around.database.come_back()
    await queue.well()


async def test_queue_starts_without_the_database_and_reads_it_when_it_comes(
    around: Surroundings, run_queue: RunQueue
) -> None:
    async with run_queue(around) as queue:
        await queue.ask(PauseQueue())
        await queue.enqueue(1)
        await queue.ask(ResumeQueue())
        await queue.ask(CancelJob(torrent_id(1)))
        await queue.ask(RetryJob(torrent_id(1)))
    around.database.leave()
    around.runner.runs.clear()
    async with run_queue(around) as queue:
        with pytest.raises(FsOpsUnavailable):
            await queue.inspect(1)
        around.database.come_back()
        (await queue.runs(1)).finish()
        await queue.reaches(1, JobState.COMPLETED)


async def test_run_that_ends_without_the_database_is_stored_and_told_when_it_returns(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    await queue.enqueue(2)
    bench = await queue.runs(1)
    queue.around.database.leave()
    assert (await queue.inspect(1)).state is JobState.RUNNING
    bench.finish()
    await queue.degraded("the database is away")
    assert "fsops_completed" not in queue.kinds(1)
    queue.around.database.come_back()
    await queue.reaches(1, JobState.COMPLETED)
    assert queue.kinds(1).count("fsops_completed") == 1
    (await queue.runs(2)).finish()
    await queue.reaches(2, JobState.COMPLETED)
    assert len(queue.around.runner.runs) == 2


async def test_end_whose_storing_was_not_confirmed_is_told_once(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    bench = await queue.runs(1)
    queue.around.database.unconfirmed.append(queries.SETTLE_JOB)
    bench.finish()
    await queue.reaches(1, JobState.COMPLETED)
    await eventually(lambda: queue.kinds(1).count("fsops_completed") == 1, "it is told")
    assert (await queue.figures()).jobs[JobState.COMPLETED] == 1


async def test_enqueueing_that_was_not_confirmed_is_found_again(queue: RunningQueue) -> None:
    queue.around.database.unconfirmed.append(queries.ENQUEUE_JOBS)
    with pytest.raises(FsOpsUnavailable):
        await queue.enqueue(1)
    (await queue.runs(1)).finish()
    await queue.reaches(1, JobState.COMPLETED)


async def test_claim_that_was_not_confirmed_is_made_again(queue: RunningQueue) -> None:
    queue.around.database.unconfirmed.append(queries.CLAIM_JOB)
    await queue.enqueue(1)
    (await queue.runs(1)).finish()
    await queue.reaches(1, JobState.COMPLETED)
    assert len(queue.around.runner.runs) == 1


async def test_statement_that_the_database_refuses_is_the_askers_fault(queue: RunningQueue) -> None:
    queue.around.database.refuse(queries.ENQUEUE_JOBS, StatementFailed("invalid byte sequence"))
    with pytest.raises(JobRefused, match="invalid byte"):
        await queue.enqueue(1)
    await queue.enqueue(2)
    (await queue.runs(2)).finish()


async def test_end_that_the_database_refuses_lets_the_job_run_again(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    bench = await queue.runs(1)
    queue.around.database.refuse(queries.SETTLE_JOB, StatementFailed("value out of range"))
    bench.finish()
    (await queue.runs(1, times=2)).finish()
    await queue.reaches(1, JobState.COMPLETED)


async def test_job_that_cannot_be_noted_as_running_is_tried_again(queue: RunningQueue) -> None:
    queue.around.database.refuse(queries.CLAIM_JOB, StatementFailed("not now"))
    await queue.enqueue(1)
    (await queue.runs(1)).finish()
    await queue.reaches(1, JobState.COMPLETED)


async def test_job_that_was_interrupted_often_has_to_pause(around: Surroundings, run_queue: RunQueue) -> None:
    """It may be what takes the daemon down each time."""
    async with run_queue(around) as queue:
        await queue.enqueue(1)
        for times in (1, 2, 3):
            await queue.runs(1, times=times)
            await queue.crash()
        await queue.runs(1, times=4)
        await around.database.execute("UPDATE fsops_jobs SET revision = revision + 1", within=5.0)
    async with run_queue(around) as queue:
        await queue.loaded()
        detail = await queue.inspect(1)
        assert detail.state is JobState.QUEUED
        assert detail.next_try_at is not None


async def test_forgotten_job_is_deleted_when_the_database_returns(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    (await queue.runs(1)).finish()
    await queue.reaches(1, JobState.COMPLETED)
    queue.around.database.refuse(queries.DELETE_JOB, StatementFailed("not now"))
    await queue.ask(ForgetJob(torrent_id(1)))

    async def is_gone() -> bool:
        return not await queue.around.database.fetch("SELECT 1 FROM fsops_jobs", within=5.0)

    await eventually(is_gone, "its row is gone")


@pytest.mark.parametrize("seed", range(4))
async def test_no_job_is_lost_whatever_happens(around: Surroundings, run_queue: RunQueue, seed: int) -> None:
    """Random operations with outages, crashes and restarts; in the end every job that was accepted is completed."""
    dice = random.Random(seed)
    accepted: set[int] = set()
    for _ in range(3):
        async with run_queue(around, bounds=Bounds(per_volume=2, at_once=3)) as queue:
            for _ in range(12):
                await _disturb(queue, dice, accepted)
            around.database.come_back()
    around.runner.completes_all = True
    async with run_queue(around) as queue:
        await queue.ask(ResumeQueue())
        for number in accepted:
            if await queue.state(number) in (JobState.FAILED, JobState.CANCELLED):
                await queue.ask(RetryJob(torrent_id(number)))
            await queue.reaches(number, JobState.COMPLETED)
        figures = await queue.figures()
        assert figures.jobs == (await _counted(around)) | {JobState.QUEUED: 0, JobState.RUNNING: 0}
        told = {event.torrent_id for event in queue.events if isinstance(event, FsOpsCompleted)}
        assert told <= {torrent_id(number) for number in range(1, 7)}
    assert around.runner.overlaps == []
    assert around.runner.most_at_once <= 2


async def _disturb(queue: RunningQueue, dice: random.Random, accepted: set[int]) -> None:
    number = dice.randint(1, 6)
    try:
        match dice.randint(0, 9):
            case 0 | 1 | 2:
                await queue.enqueue(number, priority=dice.randint(0, 2), name=f"name {dice.randint(0, 1)}")
                accepted.add(number)
            case 3 if number in accepted:
                await queue.ask(CancelJob(torrent_id(number)))
            case 4 if number in accepted:
                await queue.ask(RetryJob(torrent_id(number)))
            case 5:
                await queue.ask(dice.choice([PauseQueue(), ResumeQueue(), ResumeQueue()]))
            case 6:
                queue.around.database.leave()
            case 7 if queue.ref.generation < 2:
                queue.around.database.come_back()
                await queue.crash()
            case _:
                queue.around.database.come_back()
                for bench in queue.around.runner.runs:
                    retryable = dice.random() < 0.5
                    bench.finish(failed(retryable=retryable) if dice.random() < 0.3 else None)
    except (FsOpsUnavailable, JobRefused):
        await trio.lowlevel.checkpoint()
    for _ in range(dice.randint(0, 50)):
        await trio.lowlevel.checkpoint()


async def _counted(around: Surroundings) -> dict[JobState, int]:
    rows = await around.database.fetch("SELECT state, count(*) AS jobs FROM fsops_jobs GROUP BY state", within=5.0)
    return dict.fromkeys(JobState, 0) | {JobState(row["state"]): row["jobs"] for row in rows}
