"""The life of a job: queued, run, over; retried, cancelled, forgotten."""

from __future__ import annotations

import pytest

from revaer.events import FsOpsCompleted, FsOpsFailed, FsOpsProgress, FsOpsStarted
from revaer.fsops.messages import (
    CancelJob,
    ForgetJob,
    InspectJob,
    JobRefused,
    JobState,
    ListJobs,
    PauseQueue,
    PlanJob,
    ResumeQueue,
    RetryJob,
    SourceFile,
    StepName,
    UnknownJob,
)
from revaer.types import TorrentId
from tests.fsops_queue.conftest import RunningQueue, torrent_id
from tests.fsops_queue.fake_runner import failed
from tests.support.waiting import eventually


async def test_enqueued_job_runs_and_is_completed(queue: RunningQueue) -> None:
    view = await queue.enqueue(1, request_id="r-1")
    assert (view.state, view.attempt, view.error) == (JobState.QUEUED, 0, None)
    (await queue.runs(1)).finish()
    detail = await queue.reaches(1, JobState.COMPLETED)
    assert detail.artifact_path == str(queue.around.library / "torrent 1")
    assert (detail.attempt, detail.policy_digest, detail.request_id) == (1, "digest", "r-1")
    assert queue.kinds(1) == ["fsops_started", "fsops_completed"]
    assert FsOpsStarted(torrent_id(1), 1) in queue.events
    assert FsOpsCompleted(torrent_id(1), str(queue.around.library / "torrent 1")) in queue.events


async def test_runner_gets_what_was_enqueued(queue: RunningQueue) -> None:
    await queue.enqueue(1, name="odd \udce9 name", files=(SourceFile("z\0\ud800", 3), SourceFile("a", 0)))
    bench = await queue.runs(1)
    assert bench.spec.name == "odd \udce9 name"
    assert bench.spec.files == (SourceFile("a", 0), SourceFile("z\0\ud800", 3))
    bench.finish()


async def test_enqueueing_an_equal_job_again_changes_nothing(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    (await queue.runs(1)).finish()
    await queue.reaches(1, JobState.COMPLETED)
    view = await queue.enqueue(1, priority=9)
    assert (view.state, view.priority, view.attempt) == (JobState.COMPLETED, 0, 1)
    assert len(queue.around.runner.runs) == 1


async def test_changed_job_is_queued_afresh(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    (await queue.runs(1)).finish()
    await queue.reaches(1, JobState.COMPLETED)
    view = await queue.enqueue(1, name="another")
    assert (view.state, view.attempt, view.artifact_path) == (JobState.QUEUED, 0, None)
    (await queue.runs(1, times=2)).finish()


async def test_changed_job_stops_the_run_of_the_old_one_first(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    first = await queue.runs(1)
    await queue.enqueue(1, name="another")
    assert first.is_over
    second = await queue.runs(1, times=2)
    assert second.spec.name == "another"
    second.finish()
    await queue.reaches(1, JobState.COMPLETED)


async def test_running_job_is_left_alone_when_enqueued_again(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    bench = await queue.runs(1)
    assert (await queue.enqueue(1)).state is JobState.RUNNING
    bench.finish()
    await queue.reaches(1, JobState.COMPLETED)
    assert len(queue.around.runner.runs) == 1


@pytest.mark.parametrize("root", ["relative/path", "/nul\0byte", "/half \ud800 pair"])
async def test_source_that_is_no_path_is_refused(queue: RunningQueue, root: str) -> None:
    with pytest.raises(JobRefused, match="source_root"):
        await queue.enqueue(1, source_root=root)


async def test_id_that_is_none_is_refused(queue: RunningQueue) -> None:
    with pytest.raises(JobRefused, match="identity"):
        await queue.enqueue(1, torrent_id=TorrentId("../../etc"))


async def test_permanent_failure_is_not_repeated(queue: RunningQueue) -> None:
    queue.around.runner.answers[torrent_id(1)] = [failed(retryable=False)]
    await queue.enqueue(1)
    detail = await queue.reaches(1, JobState.FAILED)
    assert detail.error is not None
    assert (detail.error.step, detail.error.message) == (StepName.TRANSFER, "the disk is full")
    assert FsOpsFailed(torrent_id(1), "transfer", "/library/a", "the disk is full", False, False) in queue.events
    assert len(queue.around.runner.runs) == 1
    assert (await queue.figures()).failed == 1


async def test_transient_failure_is_repeated_until_it_succeeds(queue: RunningQueue) -> None:
    queue.around.runner.answers[torrent_id(1)] = [failed(retryable=True)]
    await queue.enqueue(1)
    await queue.runs(1, times=2)
    del queue.around.runner.answers[torrent_id(1)]
    queue.around.runner.completes_all = True
    detail = await queue.reaches(1, JobState.COMPLETED)
    assert detail.error is None
    assert FsOpsFailed(torrent_id(1), "transfer", "/library/a", "the disk is full", True, True) in queue.events


async def test_transient_failure_is_given_up_in_the_end(queue: RunningQueue) -> None:
    queue.around.runner.answers[torrent_id(1)] = [failed(retryable=True)]
    await queue.enqueue(1)
    detail = await queue.reaches(1, JobState.FAILED)
    assert len(queue.around.runner.runs) == 3
    assert detail.error is not None
    assert detail.error.retryable
    fates = [event.will_retry for event in queue.events_of(1) if isinstance(event, FsOpsFailed)]
    assert fates == [True, True, False]


async def test_failed_job_can_be_retried(queue: RunningQueue) -> None:
    queue.around.runner.answers[torrent_id(1)] = [failed(retryable=False)]
    await queue.enqueue(1)
    await queue.reaches(1, JobState.FAILED)
    del queue.around.runner.answers[torrent_id(1)]
    assert (await queue.ask(RetryJob(torrent_id(1)))).state is JobState.QUEUED
    (await queue.runs(1, times=2)).finish()
    detail = await queue.reaches(1, JobState.COMPLETED)
    assert detail.attempt == 2
    assert (await queue.figures()).failed == 0


async def test_running_job_cannot_be_retried(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    bench = await queue.runs(1)
    with pytest.raises(JobRefused, match="runs"):
        await queue.ask(RetryJob(torrent_id(1)))
    bench.finish()


@pytest.mark.parametrize("make", [RetryJob, CancelJob, PlanJob])
@pytest.mark.parametrize("name", [torrent_id(77), TorrentId("no id at all")])
async def test_unknown_job_is_refused(queue: RunningQueue, make: type, name: TorrentId) -> None:
    with pytest.raises(UnknownJob):
        await queue.ask(make(name))


async def test_unknown_job_is_shown_as_none(queue: RunningQueue) -> None:
    assert await queue.ask(InspectJob(torrent_id(77))) is None
    assert await queue.ask(InspectJob(TorrentId("no id at all"))) is None


async def test_waiting_job_is_cancelled(queue: RunningQueue) -> None:
    await queue.ask(PauseQueue())
    await queue.enqueue(1)
    assert (await queue.ask(CancelJob(torrent_id(1)))).state is JobState.CANCELLED
    assert (await queue.ask(CancelJob(torrent_id(1)))).state is JobState.CANCELLED
    await queue.ask(ResumeQueue())
    await queue.enqueue(2)
    (await queue.runs(2)).finish()
    assert [bench.spec.torrent_id for bench in queue.around.runner.runs] == [torrent_id(2)]


async def test_running_job_is_stopped_before_its_cancellation_is_answered(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    bench = await queue.runs(1)
    view = await queue.ask(CancelJob(torrent_id(1)))
    assert view.state is JobState.CANCELLED
    assert bench.is_over
    told = [event for event in queue.events_of(1) if isinstance(event, FsOpsFailed)]
    assert [(event.message, event.will_retry) for event in told] == [("the job was cancelled", False)]


async def test_job_between_two_attempts_is_cancelled(queue: RunningQueue) -> None:
    queue.around.runner.answers[torrent_id(1)] = [failed(retryable=True)]
    await queue.enqueue(1)
    await queue.runs(1)
    assert (await queue.ask(CancelJob(torrent_id(1)))).state is JobState.CANCELLED
    ran = len(queue.around.runner.runs)
    await queue.enqueue(2)
    (await queue.runs(2)).finish()
    assert len(queue.around.runner.runs) == ran + 1


@pytest.mark.parametrize("is_running", [True, False])
async def test_cancelled_job_gives_back_the_room_that_it_used(queue: RunningQueue, is_running: bool) -> None:
    if not is_running:
        queue.around.runner.answers[torrent_id(1)] = [failed(retryable=True)]
    await queue.enqueue(1)
    await queue.runs(1)
    work = queue.work(1)
    await queue.ask(CancelJob(torrent_id(1)))
    await eventually(lambda: not work.exists(), "its work directory is gone")


async def test_job_that_is_over_cannot_be_cancelled(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    (await queue.runs(1)).finish()
    await queue.reaches(1, JobState.COMPLETED)
    with pytest.raises(JobRefused, match="completed"):
        await queue.ask(CancelJob(torrent_id(1)))


async def test_job_that_ends_just_before_it_hears_of_its_cancellation_is_completed(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    bench = await queue.runs(1)
    bench.is_deaf = True
    bench.finish()
    with pytest.raises(JobRefused, match="completed"):
        await queue.ask(CancelJob(torrent_id(1)))
    assert await queue.state(1) is JobState.COMPLETED


async def test_cancelled_job_can_be_retried(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    await queue.runs(1)
    await queue.ask(CancelJob(torrent_id(1)))
    await queue.ask(RetryJob(torrent_id(1)))
    (await queue.runs(1, times=2)).finish()
    await queue.reaches(1, JobState.COMPLETED)


async def test_paused_queue_starts_nothing_and_running_jobs_end(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    bench = await queue.runs(1)
    view = await queue.ask(PauseQueue())
    assert (view.paused, view.running) == (True, 1)
    bench.finish()
    await queue.reaches(1, JobState.COMPLETED)
    assert (await queue.enqueue(2)).waiting_for == "the queue is paused"
    assert (await queue.figures()).paused
    assert not (await queue.ask(ResumeQueue())).paused
    (await queue.runs(2)).finish()


async def test_forgotten_job_is_gone(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    bench = await queue.runs(1)
    await queue.ask(ForgetJob(torrent_id(1)))
    assert bench.is_over
    assert await queue.ask(InspectJob(torrent_id(1))) is None
    assert (await queue.ask(ListJobs())).jobs == ()
    await queue.ask(ForgetJob(torrent_id(1)))
    await queue.ask(ForgetJob(TorrentId("no id at all")))


async def test_forgotten_torrent_can_be_enqueued_again(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    (await queue.runs(1)).finish()
    await queue.reaches(1, JobState.COMPLETED)
    await queue.ask(ForgetJob(torrent_id(1)))
    assert (await queue.enqueue(1)).state is JobState.QUEUED
    (await queue.runs(1, times=2)).finish()
    await queue.reaches(1, JobState.COMPLETED)


async def test_forgotten_job_leaves_only_what_was_published(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    bench = await queue.runs(1)
    work = queue.work(1)
    meta = queue.around.library / ".revaer" / f"{torrent_id(1)}.revaer.meta"
    meta.write_text("{}")
    (queue.around.library / "torrent 1").write_text("published")
    bench.finish()
    await queue.reaches(1, JobState.COMPLETED)
    await queue.ask(ForgetJob(torrent_id(1)))
    await eventually(lambda: not work.exists() and not meta.exists(), "its files are gone")
    assert (queue.around.library / "torrent 1").read_text() == "published"


async def test_progress_is_told_with_the_time_that_is_left(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    bench = await queue.runs(1)
    done = 0

    def told() -> list[FsOpsProgress]:
        nonlocal done
        done += 10
        bench.on_progress(StepName.TRANSFER, done, 1_000_000)
        return [event for event in queue.events if isinstance(event, FsOpsProgress) and event.eta_seconds is not None]

    await eventually(told, "progress is told")
    last = told()[-1]
    assert (last.step, last.bytes_total) == ("transfer", 1_000_000)
    detail = await queue.inspect(1)
    assert detail.progress is not None
    assert detail.progress.step is StepName.TRANSFER
    bench.finish()
    assert (await queue.reaches(1, JobState.COMPLETED)).progress is None


async def test_run_that_breaks_fails_its_job_and_no_other(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    (await queue.runs(1)).break_with(ZeroDivisionError("boom"))
    detail = await queue.reaches(1, JobState.FAILED)
    assert detail.error is not None
    assert "internal error" in detail.error.message
    await queue.enqueue(2)
    (await queue.runs(2)).finish()
    await queue.reaches(2, JobState.COMPLETED)
    assert queue.ref.generation == 1


async def test_pages_show_every_job_once(queue: RunningQueue) -> None:
    await queue.ask(PauseQueue())
    for number in range(1, 8):
        await queue.enqueue(number)
    await queue.ask(CancelJob(torrent_id(3)))
    seen, cursor = [], None
    while True:
        page = await queue.ask(ListJobs(frozenset({JobState.QUEUED}), 2, cursor))
        seen += [job.torrent_id for job in page.jobs]
        if (cursor := page.next) is None:
            break
    assert seen == [torrent_id(number) for number in (1, 2, 4, 5, 6, 7)]
    assert len((await queue.ask(ListJobs())).jobs) == 7


@pytest.mark.parametrize("request_", [ListJobs(limit=0), ListJobs(limit=1001), ListJobs(cursor="x")])
async def test_page_that_cannot_be_is_refused(queue: RunningQueue, request_: ListJobs) -> None:
    with pytest.raises(JobRefused):
        await queue.ask(request_)


async def test_plan_is_told_with_and_without_a_job(queue: RunningQueue) -> None:
    await queue.ask(PauseQueue())
    spec = queue.request(1).spec
    assert (await queue.ask(PlanJob(torrent_id(1), spec))).entry == "torrent 1"
    await queue.enqueue(1)
    assert (await queue.ask(PlanJob(torrent_id(1)))).entry == "torrent 1"


async def test_plan_of_a_job_that_would_fail_says_of_what(queue: RunningQueue) -> None:
    await queue.ask(PauseQueue())
    await queue.enqueue(1, files=())
    plan = await queue.ask(PlanJob(torrent_id(1)))
    assert plan.problem is not None
    assert (plan.problem.step, plan.problem.message) == (StepName.LOCATE_SOURCE, "the torrent has no files")
