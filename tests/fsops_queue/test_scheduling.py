"""Whose turn it is, with real runs: priorities, volumes, many jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from revaer.events import FsOpsProgress
from revaer.fsops.messages import JobState, PauseQueue, ResumeQueue, StepName
from revaer.fsops.terms import Bounds, Gauges
from tests.fsops_queue.conftest import QUICK, RunningQueue, RunQueue, Surroundings, torrent_id
from tests.support.waiting import eventually


async def test_jobs_run_by_priority_and_then_age(queue: RunningQueue) -> None:
    await queue.ask(PauseQueue())
    for number, priority in ((5, 0), (4, 1), (3, 0), (2, 7), (1, 1)):
        await queue.enqueue(number, priority=priority)
    queue.around.runner.completes_all = True
    await queue.ask(ResumeQueue())
    await queue.reaches(3, JobState.COMPLETED)
    order = [bench.spec.torrent_id for bench in queue.around.runner.runs]
    assert order == [torrent_id(number) for number in (2, 4, 1, 5, 3)]


async def test_one_job_runs_at_a_time_unless_more_are_allowed(queue: RunningQueue) -> None:
    for number in range(1, 7):
        await queue.enqueue(number)
    for number in range(1, 7):
        bench = await queue.runs(number)
        assert queue.around.runner.active == [torrent_id(number)]
        figures = await queue.figures()
        assert (figures.running, figures.queue) == (1, 6 - number)
        bench.finish()
    assert queue.around.runner.most_at_once == 1


async def test_as_many_run_as_are_allowed(around: Surroundings, run_queue: RunQueue) -> None:
    async with run_queue(around, bounds=Bounds(per_volume=3, at_once=8)) as queue:
        for number in range(1, 7):
            await queue.enqueue(number)
        await eventually(lambda: len(around.runner.active) == 3, "three run")
        around.runner.completes_all = True
        for bench in around.runner.runs:
            bench.finish()
        await queue.reaches(6, JobState.COMPLETED)
        assert around.runner.most_at_once == 3


async def test_figures_are_told_to_whoever_measures(around: Surroundings, run_queue: RunQueue) -> None:
    steps, counts = [], []
    gauges = Gauges(on_step=lambda *step: steps.append(step), on_jobs=lambda jobs: counts.append(dict(jobs)))
    async with run_queue(around, gauges=gauges) as queue:
        await queue.enqueue(1)
        (await queue.runs(1)).finish()
        await queue.reaches(1, JobState.COMPLETED)
    assert [(name, seconds) for name, _, seconds in steps] == [(StepName.PUBLISH, 0.25)]
    assert counts[-1] == {state: int(state is JobState.COMPLETED) for state in JobState}


async def test_progress_is_told_no_more_often_than_agreed(around: Surroundings, run_queue: RunQueue) -> None:
    async with run_queue(around, timing=replace(QUICK, progress=3_600.0)) as queue:
        await queue.enqueue(1)
        bench = await queue.runs(1)
        for done in range(10_000):
            bench.on_progress(StepName.TRANSFER, done, 10_000)
        bench.finish()
        await queue.reaches(1, JobState.COMPLETED)
        assert not [event for event in queue.events if isinstance(event, FsOpsProgress)]


async def test_hundreds_of_jobs_are_all_done(queue: RunningQueue) -> None:
    queue.around.runner.completes_all = True
    await queue.ask(PauseQueue())
    for number in range(1, 301):
        await queue.enqueue(number, files=())
    await queue.ask(ResumeQueue())

    async def are_done() -> bool:
        return (await queue.figures()).jobs[JobState.COMPLETED] == 300

    await eventually(are_done, "all are done", within=30)
    assert len(queue.around.runner.runs) == 300


async def test_settings_are_read_anew_for_every_job(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    (await queue.runs(1)).finish()
    await queue.reaches(1, JobState.COMPLETED)
    other = queue.around.library.with_name("other")
    other.mkdir()
    queue.around.library = other
    await queue.enqueue(2)
    bench = await queue.runs(2)
    assert bench.settings.paths.library_root == other
    bench.finish()
    await queue.reaches(2, JobState.COMPLETED)


async def test_jobs_wait_while_the_settings_cannot_be_read(queue: RunningQueue) -> None:
    queue.around.settings_away = "config is down"
    await queue.enqueue(1)
    await queue.degraded("the configuration cannot be read: config is down")
    assert (await queue.inspect(1)).waiting_for == "the configuration cannot be read: config is down"
    assert not queue.around.runner.runs
    queue.around.settings_away = None
    (await queue.runs(1)).finish()
    await queue.well()


@pytest.mark.parametrize("priority", [-(2**31), 2**31 - 1])
async def test_any_whole_number_is_a_priority(queue: RunningQueue, priority: int) -> None:
    assert (await queue.enqueue(1, priority=priority)).priority == priority
    (await queue.runs(1)).finish()
