"""The wire shapes of post-processing: optional fields are left out when absent, times are RFC 3339 in UTC."""

from __future__ import annotations

from typing import Any

from revaer.api.views import rfc3339
from revaer.fsops.messages import (
    FsOpsFigures,
    JobDetail,
    JobError,
    JobView,
    PlanView,
    QueueView,
    StepProgress,
    StepView,
    VerifyReport,
)


def job_document(job: JobView) -> dict[str, Any]:
    """Return a job as a list shows it."""
    document: dict[str, Any] = {
        "torrent_id": job.torrent_id,
        "state": job.state.value,
        "attempt": job.attempt,
        "priority": job.priority,
        "updated_at": rfc3339(job.updated_at),
    }
    if job.next_try_at is not None:
        document["next_try_at"] = rfc3339(job.next_try_at)
    if job.waiting_for is not None:
        document["waiting_for"] = job.waiting_for
    if job.error is not None:
        document["error"] = _error(job.error)
    if job.artifact_path is not None:
        document["artifact_path"] = job.artifact_path
    return document


def job_summary(job: JobDetail) -> dict[str, Any]:
    """Return a job without the files that it published, of which there may be many."""
    document = job_document(job) | {"policy_digest": job.policy_digest, "steps": [_step(step) for step in job.steps]}
    if job.progress is not None:
        document["progress"] = _progress(job.progress)
    return document


def job_detail(job: JobDetail) -> dict[str, Any]:
    """Return everything about a job."""
    files = [{"path": file.path, "size_bytes": file.size_bytes, "sha256": file.sha256} for file in job.files]
    return job_summary(job) | {"files": files}


def plan_document(plan: PlanView) -> dict[str, Any]:
    """Return what a run would do."""
    document: dict[str, Any] = {
        "torrent_id": plan.torrent_id,
        "policy_digest": plan.policy_digest,
        "steps": [
            {"name": step.name.value, "action": step.action, "reason": step.reason}
            | ({} if step.digest is None else {"digest": step.digest})
            for step in plan.steps
        ],
    }
    if plan.entry is not None:
        document["entry"] = plan.entry
    if plan.problem is not None:
        document["problem"] = _error(plan.problem)
    return document


def queue_document(queue: QueueView) -> dict[str, Any]:
    """Return how the queue stands."""
    return {"paused": queue.paused, "queued": queue.queued, "running": queue.running}


def figures_document(figures: FsOpsFigures) -> dict[str, Any]:
    """Return the figures of the health page."""
    return {
        "queue": figures.queue,
        "running": figures.running,
        "failed": figures.failed,
        "paused": figures.paused,
    }


def verification_document(report: VerifyReport) -> dict[str, Any]:
    """Return how far a verification of the library is."""
    document: dict[str, Any] = {
        "run_id": report.run_id,
        "finished": report.finished,
        "started_at": rfc3339(report.started_at),
        "entries": report.entries,
        "entries_total": report.entries_total,
        "bytes": report.bytes,
        "findings": [
            {"torrent_id": one.torrent_id, "kind": one.kind.value, "path": one.path, "detail": one.detail}
            for one in report.findings
        ],
        "findings_total": report.findings_total,
    }
    if report.error is not None:
        document["error"] = report.error
    return document


def _error(error: JobError) -> dict[str, Any]:
    document: dict[str, Any] = {
        "step": error.step.value,
        "message": error.message,
        "retryable": error.retryable,
    }
    if error.path is not None:
        document["path"] = error.path
    return document


def _step(step: StepView) -> dict[str, Any]:
    return {
        "name": step.name.value,
        "outcome": step.outcome.value,
        "started_at": rfc3339(step.started_at),
        "seconds": round(step.seconds, 6),
        "bytes": step.bytes,
        "detail": step.detail,
    }


def _progress(progress: StepProgress) -> dict[str, Any]:
    document: dict[str, Any] = {
        "step": progress.step.value,
        "bytes_done": progress.bytes_done,
        "bytes_total": progress.bytes_total,
    }
    if progress.eta_seconds is not None:
        document["eta_seconds"] = progress.eta_seconds
    return document
