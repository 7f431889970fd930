"""Answers what others ask about jobs."""

from __future__ import annotations

import uuid
from typing import Final

from actors import LaneExpired
from revaer.database.messages import DatabaseError
from revaer.fsops.digests import policy_digest
from revaer.fsops.dossier import Dossier, detail_of, read_dossier
from revaer.fsops.errors import FsOpsError
from revaer.fsops.foreman import Foreman
from revaer.fsops.ledger import Ledger
from revaer.fsops.messages import (
    CancelJob,
    Enqueue,
    ForgetJob,
    FsOpsUnavailable,
    InspectJob,
    JobRefused,
    ListJobs,
    PauseQueue,
    PlanJob,
    ResumeQueue,
    RetryJob,
    UnknownJob,
)
from revaer.fsops.reading import JobReader
from revaer.fsops.rows import PackedSpec, StoredJob, UnstorableSpec, pack_spec, read_jobs, unpack_spec
from revaer.fsops.runner import JobPlan
from revaer.fsops.settling import Interruption
from revaer.fsops.store import JobStore
from revaer.fsops.sweeper import Sweeper
from revaer.fsops.terms import Lane, Runner, Settings, SettingsReader, SettingsUnavailable
from revaer.fsops.types import StepName
from revaer.fsops.views import (
    Extent,
    FsOpsFigures,
    JobDetail,
    JobError,
    JobPage,
    JobSpec,
    JobState,
    JobView,
    PlannedStepView,
    PlanView,
    QueueView,
)
from revaer.types import TorrentId

MAX_PAGE: Final = 1_000
"""How many jobs one page may have."""

FEW_FILES: Final = 100
"""Longer specifications are packed beside the loop: this many files take about a third of a millisecond."""

_READ_WITHIN: Final = 5.0
_PLAN_WITHIN: Final = 30.0
_EVERY: Final = frozenset(JobState)


class Desk:
    """Takes wishes and questions.

    Args:
        store: Read for questions.
        ledger: Makes changes.
        foreman: Stops jobs that run.
        runner: Plans.
        read_settings: Reads what holds now.
        sweeper: Deletes what forgotten and cancelled jobs left.
        lane: Where rows are read and specifications packed; nothing in it waits for a disk.
        disks: Where records are read and plans made.
    """

    def __init__(
        self,
        *,
        store: JobStore,
        ledger: Ledger,
        foreman: Foreman,
        runner: Runner,
        read_settings: SettingsReader,
        sweeper: Sweeper,
        lane: Lane,
        disks: Lane,
    ) -> None:
        self._store = store
        self._reader = JobReader(store)
        self._ledger = ledger
        self._foreman = foreman
        self._runner = runner
        self._read_settings = read_settings
        self._sweeper = sweeper
        self._lane = lane
        self._disks = disks

    async def enqueue(self, message: Enqueue) -> JobView:
        """Queue a job, or find it as it is."""
        try:
            spec = await self._packed(message.spec)
        except UnstorableSpec as error:
            raise JobRefused(str(error)) from error
        _check_id(message.torrent_id)
        while (job := await self._ledger.enqueue(spec, message.priority, message.request_id)) is None:
            await self._foreman.interrupt(message.torrent_id, Interruption.REPLACE)
        return self._view(job)

    async def _packed(self, spec: JobSpec) -> PackedSpec:
        return pack_spec(spec) if len(spec.files) <= FEW_FILES else await self._lane.run(pack_spec, spec)

    async def retry(self, message: RetryJob) -> JobView:
        """Queue a job again."""
        _check_known(message.torrent_id)
        return self._view(await self._ledger.retry(message.torrent_id, message.request_id))

    async def cancel(self, message: CancelJob) -> JobView:
        """Cancel a job; what it made so far is deleted soon."""
        _check_known(message.torrent_id)
        while (job := await self._ledger.cancel(message.torrent_id, message.request_id)) is None:
            await self._foreman.interrupt(message.torrent_id, Interruption.CANCEL)
        if job.library_root is not None:
            self._sweeper.give_back(job.torrent_id, job.library_root)
        return self._view(job)

    async def forget(self, message: ForgetJob) -> None:
        """Stop a job and drop it; its files are deleted as soon as that is possible."""
        if not _is_id(message.torrent_id):
            return
        while not await self._ledger.forget(message.torrent_id, message.request_id):
            await self._foreman.interrupt(message.torrent_id, Interruption.REPLACE)
        self._sweeper.ring()

    async def switch(self, message: PauseQueue | ResumeQueue) -> QueueView:
        """Pause the queue, or let it go on."""
        await self._ledger.set_paused(paused=isinstance(message, PauseQueue))
        counts = self._ledger.counts()
        return QueueView(self._ledger.is_paused, counts[JobState.QUEUED], counts[JobState.RUNNING])

    async def inspect(self, message: InspectJob) -> JobDetail | None:
        """Show a job. Without the database, one that runs is shown from memory."""
        torrent_id = message.torrent_id
        running = self._foreman.running.get(torrent_id)
        try:
            job = await self._reader.job(torrent_id) if _is_id(torrent_id) else None
        except DatabaseError as error:
            if running is None or running.job is None:
                raise FsOpsUnavailable(str(error)) from error
            job = running.job
        if job is None:
            return None
        try:
            dossier = await self._dossier(job, message.extent)
        except LaneExpired:
            dossier = Dossier()
        return detail_of(
            self._view(job),
            dossier,
            policy_digest=job.ending.policy_digest,
            progress=None if running is None else running.meter.progress,
            request_id=job.request_id,
        )

    async def _dossier(self, job: StoredJob, extent: Extent) -> Dossier:
        if extent is Extent.STATE:
            return Dossier()
        return await self._disks.run(read_dossier, job.library_root, job.torrent_id, extent, within=_READ_WITHIN)

    async def page(self, message: ListJobs) -> JobPage:
        """Show a page of jobs."""
        if not 1 <= message.limit <= MAX_PAGE:
            raise JobRefused(f"a page has 1 to {MAX_PAGE} jobs, not {message.limit}")
        if message.cursor is not None and not _is_id(message.cursor):
            raise JobRefused("the cursor is none that a page of jobs ended with")
        try:
            rows = await self._store.page(message.states or _EVERY, message.cursor, message.limit + 1)
        except DatabaseError as error:
            raise FsOpsUnavailable(str(error)) from error
        jobs = await self._lane.run(read_jobs, rows)
        shown = jobs[: message.limit]
        return JobPage(tuple(map(self._view, shown)), shown[-1].torrent_id if len(jobs) > message.limit else None)

    async def plan(self, message: PlanJob) -> PlanView:
        """Tell what a run would do."""
        spec = message.spec or await self._spec_of(message.torrent_id)
        try:
            settings = await self._read_settings()
        except SettingsUnavailable as error:
            raise FsOpsUnavailable(f"the configuration cannot be read: {error}") from error
        try:
            return await self._disks.run(self._plan, spec, settings, within=_PLAN_WITHIN)
        except LaneExpired as error:
            raise FsOpsUnavailable("the disks take too long to answer") from error

    def report(self) -> FsOpsFigures:
        """Tell the figures of this moment."""
        counts = self._ledger.counts()
        queued, running, failed = (counts[state] for state in (JobState.QUEUED, JobState.RUNNING, JobState.FAILED))
        return FsOpsFigures(queued, running, failed, self._ledger.is_paused, counts)

    async def _spec_of(self, torrent_id: TorrentId) -> JobSpec:
        _check_known(torrent_id)
        try:
            content = await self._store.spec(torrent_id)
        except DatabaseError as error:
            raise FsOpsUnavailable(str(error)) from error
        if content is None:
            raise UnknownJob(f"the torrent {torrent_id} has no job")
        return await self._lane.run(unpack_spec, content)

    def _plan(self, spec: JobSpec, settings: Settings) -> PlanView:
        digest = policy_digest(settings.policy)
        try:
            found = self._runner.plan(spec, settings)
        except FsOpsError as error:
            problem = error.problem(StepName.VALIDATE_POLICY)
            cause = JobError(problem.step, problem.path, problem.message, problem.retryable)
            return PlanView(spec.torrent_id, digest, (), problem=cause)
        return _plan_view(spec.torrent_id, digest, found)

    def _view(self, job: StoredJob) -> JobView:
        waits = job.state is JobState.QUEUED
        return job.view(waiting_for=self._ledger.trouble or self._foreman.trouble if waits else None)


def _plan_view(torrent_id: TorrentId, digest: str, plan: JobPlan) -> PlanView:
    steps = tuple(PlannedStepView(each.name, each.action.value, each.reason, each.digest) for each in plan.steps)
    return PlanView(torrent_id, digest, steps, plan.entry)


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _check_id(torrent_id: TorrentId) -> None:
    if not _is_id(torrent_id):
        raise JobRefused(f"{torrent_id!r} is no identity of a torrent")


def _check_known(torrent_id: TorrentId) -> None:
    if not _is_id(torrent_id):
        raise UnknownJob(f"the torrent {torrent_id} has no job")
