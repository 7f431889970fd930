"""What the end of a run means for its job: over, another attempt, or its turn again. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from revaer.fsops import record
from revaer.fsops.report import Report
from revaer.fsops.retry import RetryPolicy
from revaer.fsops.rows import Ending, StoredJob
from revaer.fsops.store import Settlement
from revaer.fsops.types import Problem, StepName
from revaer.fsops.views import JobError, JobState
from revaer.tracing import Span

_NO_ROOM: Final = "the job was stopped as the library's volume had too little room left"


class Interruption(enum.Enum):
    """Why a run was told to stop."""

    CANCEL = "cancel"
    """Somebody wants that it does not go on."""
    STOP = "stop"
    """The daemon stops."""
    VOLUME = "volume"
    """The library's volume went away."""
    ROOM = "room"
    """The library's volume has too little room."""
    REPLACE = "replace"
    """The job is going to be another one, or forgotten; whoever says so puts it in its place."""


def settlement_of(
    job: StoredJob,
    report: Report | None,
    why: Interruption | None,
    *,
    retry: RetryPolicy,
    now: float,
    random: Callable[[], float],
) -> Settlement:
    """Decide what becomes of a job.

    Args:
        job: The job as it was claimed.
        report: How the run ended; None when it did not begin.
        why: Why it was told to stop; None when it was not.
        retry: When failed attempts are repeated.
        now: Unix seconds.
        random: Returns a number from 0 up to 1.
    """
    state = JobState.CANCELLED if report is None else JobState(report.state.value)
    if report is not None and state in (JobState.COMPLETED, JobState.SKIPPED):
        path = None if report.artifact_path is None else str(report.artifact_path)
        return _settled(job, state, Ending(None, path, report.policy_digest))
    ending = _unfinished(job, report)
    if why is Interruption.CANCEL:
        return _settled(job, JobState.CANCELLED, ending)
    failed = state is JobState.FAILED and ending.error is not None
    permanent = failed and ending.error is not None and not ending.error.retryable
    if permanent:
        return _settled(job, JobState.FAILED, ending, job.failures + 1)
    if why is Interruption.ROOM and report is not None:
        # It counts as a failure: the next attempt may fill the volume again.
        ending = ending if failed or ending.error is None else replace(ending, error=_short(ending.error))
    elif why is not None:
        return _settled(job, JobState.QUEUED, replace(ending, error=job.ending.error), job.failures)
    failures = job.failures + 1
    if retry.gives_up(failures):
        return _settled(job, JobState.FAILED, ending, failures)
    return _settled(job, JobState.QUEUED, ending, failures, now + retry.pause(failures, random))


def _short(error: JobError) -> JobError:
    return replace(error, message=_NO_ROOM, retryable=True)


def broken(error: BaseException) -> Report:
    """Return the end of a run that met an error which nobody foresaw: a fault of ours, not worth a retry."""
    message = f"an internal error ended the run: {type(error).__name__}"
    problem = Problem(StepName.VALIDATE_POLICY, None, message, retryable=False)
    return Report(record.JobState.FAILED, 0, "", (), (), error=problem)


def tell_span(span: Span, settlement: Settlement) -> None:
    """Note in the trace how a run ended."""
    span.set({"revaer.outcome": settlement.state.value})
    error = settlement.ending.error
    if error is not None and settlement.state is not JobState.CANCELLED:
        span.fail(error.step.value, error.message)


def _unfinished(job: StoredJob, report: Report | None) -> Ending:
    if report is None:
        return job.ending
    problem = report.error
    error = None if problem is None else JobError(problem.step, problem.path, problem.message, problem.retryable)
    path = job.ending.artifact_path if report.artifact_path is None else str(report.artifact_path)
    return Ending(error, path, report.policy_digest)


def _settled(
    job: StoredJob, state: JobState, ending: Ending, failures: int = 0, next_try_at: float | None = None
) -> Settlement:
    return Settlement(job.torrent_id, job.revision, state, failures, next_try_at, ending)
