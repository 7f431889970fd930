"""Post-processing: jobs, plans, the queue, and checks of the library."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from revaer.api.shapes.base import Bytes, Count, Duration, Id, Moment, Seconds
from revaer.fsops.messages import FindingKind, JobState, Outcome, StepName


class JobError(TypedDict):
    """Why the last attempt failed."""

    step: StepName
    path: NotRequired[str]
    """The path that it failed at, if one is concerned."""
    message: str
    retryable: bool
    """Whether trying again may help with nothing changed."""


class Job(TypedDict):
    """A job as a list shows it."""

    torrent_id: Id
    state: JobState
    attempt: Count
    """How often it was started; 0 before the first time."""
    priority: int
    """Higher ones run first."""
    updated_at: Moment
    next_try_at: NotRequired[Moment]
    """When a failed attempt is repeated."""
    waiting_for: NotRequired[str]
    """Why a queued job does not run, a sentence; absent when it just waits for its turn."""
    error: NotRequired[JobError]
    artifact_path: NotRequired[str]
    """Absolute path of the library entry, once it is published."""


class JobStep(TypedDict):
    """What became of a step."""

    name: StepName
    outcome: Outcome
    started_at: Moment
    seconds: Duration
    bytes: Bytes
    """How much it worked on."""
    detail: str
    """Why it was skipped, or what was worth saying."""


class JobProgress(TypedDict):
    """How far a running job is."""

    step: StepName
    bytes_done: Bytes
    bytes_total: Bytes
    """0 where that is not known."""
    eta_seconds: NotRequired[Seconds]


class JobSummary(Job):
    """A job with its steps, without the files that it published."""

    policy_digest: str
    """Digest of the policy that it last ran under; empty before the first time."""
    steps: list[JobStep]
    """The steps that were recorded, in order."""
    progress: NotRequired[JobProgress]
    """Only while it runs."""


class PublishedFile(TypedDict):
    """A file that a job published."""

    path: str
    """Relative to the entry, or its name when the entry is the file."""
    size_bytes: Bytes
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class JobDetail(JobSummary):
    """Everything about a job."""

    files: list[PublishedFile]


class JobAway(TypedDict):
    """In place of a job that cannot be read now."""

    unavailable: str
    """Why, a sentence."""


class JobPage(TypedDict):
    """A page of jobs."""

    jobs: list[Job]
    next: NotRequired[str]
    """The cursor of the next page; absent on the last."""


class PlannedStep(TypedDict):
    """What a step would do."""

    name: StepName
    action: Literal["run", "skip", "depends"]
    """`depends`: on what an earlier step will find."""
    reason: str
    digest: NotRequired[str]
    """Digest of what the step depends on."""


class Plan(TypedDict):
    """What post-processing would do now."""

    torrent_id: Id
    policy_digest: str
    steps: list[PlannedStep]
    entry: NotRequired[str]
    """Absolute path that the library entry would get."""
    problem: NotRequired[JobError]
    """What would stop it."""


class Queue(TypedDict):
    """How the queue of jobs stands."""

    paused: bool
    queued: Count
    running: Count


class QueueFigures(TypedDict):
    """The figures of post-processing on the health page."""

    queue: Count
    running: Count
    failed: Count
    paused: bool


class Finding(TypedDict):
    """A place where the library is not as it was published. Nothing was changed."""

    torrent_id: str
    """Whose entry it is, as the name of its record says."""
    kind: FindingKind
    path: str
    detail: str


class Verification(TypedDict):
    """How far a verification of the library is, and what it found."""

    run_id: str
    """Ask for it again by this name."""
    finished: bool
    started_at: Moment
    entries: Count
    """Entries that were looked at."""
    entries_total: Count
    bytes: Bytes
    """Bytes that were hashed."""
    findings: list[Finding]
    findings_total: Count
    """How many there are; the list has the first ones."""
    error: NotRequired[str]
    """Why it ended before its time."""
