"""Post-processing in memory: strict like the real one, does nothing by itself, and is away when a test says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, assert_never

from actors import Actor, Bus, Handled, Request, answer
from revaer.events import (
    Event,
    FsOpsChanged,
    FsOpsCompleted,
    FsOpsFailed,
    FsOpsProgress,
    FsOpsStarted,
)
from revaer.fsops.messages import (
    ArtifactFile,
    CancelJob,
    Enqueue,
    ForgetJob,
    FsOpsFigures,
    FsOpsMessage,
    FsOpsUnavailable,
    InspectJob,
    JobDetail,
    JobError,
    JobPage,
    JobRefused,
    JobSpec,
    JobState,
    JobView,
    ListJobs,
    Outcome,
    PauseQueue,
    PlanJob,
    PlannedStepView,
    PlanView,
    QueueView,
    ReportFsOps,
    ResumeQueue,
    RetryJob,
    StepName,
    StepView,
    UnknownJob,
    VerifyLibrary,
    VerifyReport,
)
from revaer.types import TorrentId

DIGEST = "sha256:0"


@dataclass(slots=True)
class Bench:
    """The jobs of a node; outlives the actor, as a database does. A test moves them on.

    Attributes:
        bus: where events go.
        jobs: by torrent.
        specs: what was queued, by torrent.
        asked: every request, in order.
        forgotten: torrents whose jobs were dropped.
        is_away: whether the database is away.
        is_paused: whether the queue is.
        refusal: what queueing is refused with, None when it is not.
        publishes: when set, a queued job is over at once, and its entry is where this says.
        tells: whether events are published.
    """

    bus: Bus[Event]
    jobs: dict[TorrentId, JobDetail] = field(default_factory=dict)
    specs: dict[TorrentId, JobSpec] = field(default_factory=dict)
    asked: list[FsOpsMessage] = field(default_factory=list)
    forgotten: list[TorrentId] = field(default_factory=list)
    is_away: bool = False
    is_paused: bool = False
    refusal: str | None = None
    publishes: Callable[[JobSpec], str] | None = None
    tells: bool = True

    def queue(self, spec: JobSpec, *, request_id: str | None = None) -> JobDetail:
        """Put a job into the queue, or find it there."""
        known = self.jobs.get(spec.torrent_id)
        if known is not None and self.specs[spec.torrent_id] == spec:
            return known
        self.specs[spec.torrent_id] = spec
        job = JobDetail(
            torrent_id=spec.torrent_id,
            state=JobState.QUEUED,
            attempt=0,
            priority=0,
            updated_at=1_700_000_000.0,
            request_id=request_id,
        )
        self._put(job)
        if self.publishes is not None:
            self.start(spec.torrent_id)
            self.complete(spec.torrent_id, self.publishes(spec))
        return self.jobs[spec.torrent_id]

    def start(self, torrent_id: TorrentId) -> None:
        """Let a job run."""
        job = self.jobs[torrent_id]
        self._put(replace(job, state=JobState.RUNNING, attempt=job.attempt + 1, error=None, policy_digest=DIGEST))
        self.tell(FsOpsStarted(torrent_id, job.attempt + 1))

    def progress(self, torrent_id: TorrentId, done: int, total: int) -> None:
        """Let a running job come further."""
        self.tell(FsOpsProgress(torrent_id, StepName.TRANSFER.value, done, total, 1))

    def complete(self, torrent_id: TorrentId, path: str) -> None:
        """Let a job end well."""
        step = StepView(StepName.PUBLISH, Outcome.DONE, 1_700_000_000.0, 0.25, 10, "renamed")
        self._put(
            replace(
                self.jobs[torrent_id],
                state=JobState.COMPLETED,
                artifact_path=path,
                steps=(step,),
                files=(ArtifactFile("film.mkv", 10, "0" * 64),),
            ),
        )
        self.tell(FsOpsCompleted(torrent_id, path), FsOpsChanged(torrent_id))

    def fail(self, torrent_id: TorrentId, message: str, *, will_retry: bool = False) -> None:
        """Let an attempt fail, for good unless it will be repeated."""
        error = JobError(StepName.EXTRACT, "film.rar", message, retryable=will_retry)
        state = JobState.QUEUED if will_retry else JobState.FAILED
        next_try_at = 1_700_000_060.0 if will_retry else None
        self._put(replace(self.jobs[torrent_id], state=state, error=error, next_try_at=next_try_at))
        failed = FsOpsFailed(torrent_id, "extract", "film.rar", message, retryable=will_retry, will_retry=will_retry)
        self.tell(failed, FsOpsChanged(torrent_id))

    def end(self, torrent_id: TorrentId, state: JobState) -> None:
        """Let a job be skipped or cancelled."""
        self._put(replace(self.jobs[torrent_id], state=state))
        self.tell(FsOpsChanged(torrent_id))

    def hold(self, torrent_id: TorrentId, reason: str) -> None:
        """Let a queued job wait for something."""
        self._put(replace(self.jobs[torrent_id], waiting_for=reason))
        self.tell(FsOpsChanged(torrent_id))

    def tell(self, *events: Event) -> None:
        """Publish."""
        for event in events:
            if self.tells:
                self.bus.publish(event)

    def find(self, torrent_id: TorrentId) -> JobDetail:
        """Return a job. Raises UnknownJob."""
        if torrent_id not in self.jobs:
            raise UnknownJob(f"torrent {torrent_id} has no job")
        return self.jobs[torrent_id]

    def counts(self) -> Counter[JobState]:
        """Count jobs by state."""
        return Counter(job.state for job in self.jobs.values())

    def _put(self, job: JobDetail) -> None:
        self.jobs[job.torrent_id] = job


class FakeFsOps(Actor[FsOpsMessage]):
    """Serves a bench."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def handle(self, message: FsOpsMessage) -> Handled:
        bench = self._bench
        bench.asked.append(message)
        if isinstance(message, ReportFsOps):
            counts = bench.counts()
            return answer(
                message,
                FsOpsFigures(
                    queue=counts[JobState.QUEUED],
                    running=counts[JobState.RUNNING],
                    failed=counts[JobState.FAILED],
                    paused=bench.is_paused,
                    jobs=counts,
                ),
            )
        if bench.is_away:
            raise FsOpsUnavailable("the database is away")
        match message:
            case Enqueue() | RetryJob() | CancelJob() | ForgetJob():
                return self._change(message)
            case PauseQueue() | ResumeQueue():
                bench.is_paused = isinstance(message, PauseQueue)
                counts = bench.counts()
                return _answer(message, QueueView(bench.is_paused, counts[JobState.QUEUED], counts[JobState.RUNNING]))
            case InspectJob() | ListJobs() | PlanJob() | VerifyLibrary():
                return self._look(message)
            case _:
                assert_never(message)

    def _change(self, message: Enqueue | RetryJob | CancelJob | ForgetJob) -> Handled:
        bench, torrent_id = self._bench, message.torrent_id
        match message:
            case Enqueue():
                if bench.refusal is not None:
                    raise JobRefused(bench.refusal)
                return answer(message, plain(bench.queue(message.spec, request_id=message.request_id)))
            case RetryJob():
                job = bench.find(torrent_id)
                if job.state is JobState.RUNNING:
                    raise JobRefused("the job runs")
                bench.end(torrent_id, JobState.QUEUED)
                return answer(message, plain(bench.jobs[torrent_id]))
            case CancelJob():
                job = bench.find(torrent_id)
                if job.state.is_final and job.state is not JobState.CANCELLED:
                    raise JobRefused("the job is over already")
                bench.end(torrent_id, JobState.CANCELLED)
                return answer(message, plain(bench.jobs[torrent_id]))
            case ForgetJob():
                bench.jobs.pop(torrent_id, None)
                bench.specs.pop(torrent_id, None)
                bench.forgotten.append(torrent_id)
                return answer(message, None)
            case _:
                assert_never(message)

    def _look(self, message: InspectJob | ListJobs | PlanJob | VerifyLibrary) -> Handled:
        bench = self._bench
        match message:
            case InspectJob(torrent_id, _):
                return answer(message, bench.jobs.get(torrent_id))
            case ListJobs():
                return answer(message, self._page(message))
            case PlanJob(torrent_id, spec):
                if spec is None:
                    bench.find(torrent_id)
                steps = (PlannedStepView(StepName.TRANSFER, "run", "3 files are linked", DIGEST),)
                return answer(message, PlanView(torrent_id, DIGEST, steps, entry="/library/Film"))
            case VerifyLibrary(run_id):
                if run_id not in (None, "run-1"):
                    raise UnknownJob(f"no verification {run_id}")
                finished = run_id is not None
                return answer(message, VerifyReport("run-1", finished, 1_700_000_000.0, 1, 1, 240, (), 0))
            case _:
                assert_never(message)

    def _page(self, message: ListJobs) -> JobPage:
        chosen = [job for job in self._bench.jobs.values() if not message.states or job.state in message.states]
        if message.cursor is not None and message.cursor not in self._bench.jobs:
            raise JobRefused("this is no cursor of this list")
        chosen = sorted(
            (job for job in chosen if message.cursor is None or job.torrent_id > message.cursor),
            key=lambda job: job.torrent_id,
        )
        page = tuple(map(plain, chosen[: message.limit]))
        return JobPage(page, page[-1].torrent_id if len(chosen) > message.limit else None)


def plain(job: JobDetail) -> JobView:
    """Return of a job what a list shows."""
    return JobView(**{one.name: getattr(job, one.name) for one in fields(JobView)})


def _answer(message: Request[Any], value: Any) -> Handled:
    return answer(message, value)
