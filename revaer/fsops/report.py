"""What a run says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from revaer.fsops.artefact import ArtifactCheck
from revaer.fsops.record import ErrorRecord, JobState, PublishedFile, Record
from revaer.fsops.types import Outcome, Problem, StepName


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step: its outcome, when it began in Unix seconds, how long it took, its bytes, and a word of detail."""

    name: StepName
    outcome: Outcome
    started_at: float
    seconds: float
    bytes: int
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """The state of a job after a run.

    Attributes:
        state: How the job stands.
        attempt: How many runs did work.
        policy_digest: The policy under which the steps ran.
        steps: Every step that has an outcome, in order; of steps that were not repeated the earlier one.
        ran: The steps that this run performed.
        error: Why the run ended early.
        artifact_path: The published entry.
        artifact: For an entry published by an earlier run: whether it still is what was published.
        files: What the entry consists of.
        note: What else the user should know.
    """

    state: JobState
    attempt: int
    policy_digest: str
    steps: tuple[StepReport, ...]
    ran: tuple[StepName, ...]
    error: Problem | None = None
    artifact_path: Path | None = None
    artifact: ArtifactCheck | None = None
    files: tuple[PublishedFile, ...] = ()
    note: str | None = None


def report_of(
    record: Record,
    library: Path,
    ran: tuple[StepName, ...] = (),
    *,
    error: Problem | None = None,
    check: ArtifactCheck | None = None,
    note: str | None = None,
) -> Report:
    """Make a report from a record."""
    artifact = record.artifact or (record.replaces and record.replaces.artifact)
    return Report(
        record.state,
        record.attempt,
        record.policy_digest,
        tuple(
            StepReport(name, each.outcome, each.started_at, each.seconds, each.bytes, each.detail)
            for name in StepName
            if (each := record.steps.get(name)) is not None
        ),
        ran,
        error if error is not None else _problem(record.error),
        library / artifact.entry if artifact else None,
        check,
        tuple(record.files),
        note,
    )


def _problem(error: ErrorRecord | None) -> Problem | None:
    return None if error is None else Problem(error.step, error.path, error.message, error.retryable)
