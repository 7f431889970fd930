"""Tells how jobs go on: events for readers, log lines for operators, figures for metrics."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from actors import Bus
from revaer.events import Event, FsOpsChanged, FsOpsCompleted, FsOpsFailed, FsOpsProgress, FsOpsStarted
from revaer.fsops.report import Report
from revaer.fsops.rows import StoredJob
from revaer.fsops.terms import Gauges
from revaer.fsops.types import StepName
from revaer.fsops.views import JobError, JobState, StepProgress
from revaer.types import TorrentId

log = structlog.get_logger("revaer.fsops")

_CANCELLED = JobError(StepName.VALIDATE_POLICY, None, "the job was cancelled", True)


class Announcer:
    """Tells everybody.

    Args:
        bus: Where events go.
        gauges: Where figures go.
    """

    def __init__(self, bus: Bus[Event], gauges: Gauges) -> None:
        self._bus = bus
        self._gauges = gauges

    def started(self, job: StoredJob) -> None:
        """A run began."""
        log.info("fsops_job_started", torrent_id=job.torrent_id, attempt=job.attempt, request_id=job.request_id)
        self._publish(FsOpsStarted(job.torrent_id, job.attempt), job)
        self.changed(job)

    def progress(self, job: StoredJob, progress: StepProgress) -> None:
        """A run went on."""
        event = FsOpsProgress(
            job.torrent_id, progress.step.value, progress.bytes_done, progress.bytes_total, progress.eta_seconds
        )
        self._publish(event, job)

    def ran(self, job: StoredJob, report: Report) -> None:
        """A run ended; tells what its steps did."""
        for step in report.steps:
            if step.name in report.ran:
                self._gauges.on_step(step.name, step.outcome, step.seconds)
                log.info(
                    "fsops_step_finished",
                    torrent_id=job.torrent_id,
                    attempt=job.attempt,
                    request_id=job.request_id,
                    step=step.name,
                    outcome=step.outcome,
                    seconds=round(step.seconds, 3),
                    bytes=step.bytes,
                    detail=step.detail,
                )
        if report.note is not None:
            log.warning(
                "fsops_job_note",
                torrent_id=job.torrent_id,
                attempt=job.attempt,
                request_id=job.request_id,
                note=report.note,
            )

    def settled(self, job: StoredJob) -> None:
        """The end of a run, or a cancellation, is durable."""
        error, path = job.ending.error, job.ending.artifact_path
        match job.state:
            case JobState.COMPLETED | JobState.SKIPPED:
                log.info(
                    "fsops_job_finished",
                    torrent_id=job.torrent_id,
                    attempt=job.attempt,
                    request_id=job.request_id,
                    state=job.state,
                    artifact_path=path,
                )
                if path is not None:
                    self._publish(FsOpsCompleted(job.torrent_id, path), job)
            case JobState.CANCELLED:
                log.info(
                    "fsops_job_cancelled", torrent_id=job.torrent_id, attempt=job.attempt, request_id=job.request_id
                )
                self._failed(job, error or _CANCELLED, "the job was cancelled")
            case _ if error is not None and (job.state is JobState.FAILED or job.next_try_at is not None):
                log.warning(
                    "fsops_job_failed",
                    torrent_id=job.torrent_id,
                    attempt=job.attempt,
                    request_id=job.request_id,
                    step=error.step,
                    path=error.path,
                    reason=error.message,
                    retryable=error.retryable,
                    next_try_at=job.next_try_at,
                )
                self._failed(job, error, error.message)
            case _:
                log.info(
                    "fsops_job_interrupted", torrent_id=job.torrent_id, attempt=job.attempt, request_id=job.request_id
                )
        self.changed(job)

    def changed(self, job: StoredJob) -> None:
        """A job has another state."""
        self._publish(FsOpsChanged(job.torrent_id), job)

    def forgotten(self, torrent_id: TorrentId, request_id: str | None) -> None:
        """A job is gone."""
        log.info("fsops_job_forgotten", torrent_id=torrent_id, request_id=request_id)

    def counted(self, jobs: Mapping[JobState, int]) -> None:
        """The number of jobs in some state changed."""
        self._gauges.on_jobs(jobs)

    def _failed(self, job: StoredJob, error: JobError, message: str) -> None:
        will_retry = job.state is JobState.QUEUED
        event = FsOpsFailed(job.torrent_id, error.step.value, error.path, message, error.retryable, will_retry)
        self._publish(event, job)

    def _publish(self, event: Event, job: StoredJob) -> None:
        self._bus.publish(event, request_id=job.request_id)
