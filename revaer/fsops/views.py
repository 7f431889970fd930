"""What post-processing answers with: values without behaviour. Others import them from `revaer.fsops.messages`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from revaer.fsops.types import Outcome, SourceFile, StepName
from revaer.types import TorrentId


class JobState(enum.StrEnum):
    """How a job stands. `queued` is also a job that waits for its next attempt."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens by itself."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class JobError:
    """Why the last attempt failed: the step, the path if one is concerned, a sentence for people, and whether trying
    again may help with nothing changed."""

    step: StepName
    path: str | None
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What is to be processed: the torrent's selected files, relative to an absolute directory."""

    torrent_id: TorrentId
    name: str
    source_root: str
    files: tuple[SourceFile, ...]
    multi_file: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job as a list shows it.

    Attributes:
        attempt: How often it was started; 0 before the first time.
        priority: Higher ones run first.
        updated_at: Unix seconds; `next_try_at` too.
        next_try_at: When a failed attempt is repeated; None when it waits for its turn only.
        error: Why the last attempt failed; None after one that did not.
        artifact_path: Absolute path of the library entry, once it is published.
        waiting_for: Why a queued job does not run, a sentence; None when it just waits for its turn.
    """

    torrent_id: TorrentId
    state: JobState
    attempt: int
    priority: int
    updated_at: float
    next_try_at: float | None = None
    error: JobError | None = None
    artifact_path: str | None = None
    waiting_for: str | None = None


@dataclass(frozen=True, slots=True)
class StepView:
    """What became of a step: began at `started_at` (Unix seconds), took `seconds`, worked on `bytes`; `detail` says why
    it was skipped, or what was worth saying."""

    name: StepName
    outcome: Outcome
    started_at: float
    seconds: float
    bytes: int
    detail: str


@dataclass(frozen=True, slots=True)
class StepProgress:
    """How far a running step is; `bytes_total` is 0 and `eta_seconds` None where that is not known."""

    step: StepName
    bytes_done: int
    bytes_total: int
    eta_seconds: int | None


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """A published file; the path is relative to the entry, or its name when the entry is the file."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetail(JobView):
    """Everything about one job: what a list shows of it, and more.

    Attributes:
        policy_digest: Digest of the policy that it last ran under; empty before the first time.
        steps: The steps that were recorded, in order.
        files: What was published.
        progress: How far a running job is; None for any other.
        request_id: The request that enqueued it.
    """

    policy_digest: str = ""
    steps: tuple[StepView, ...] = ()
    files: tuple[ArtifactFile, ...] = ()
    progress: StepProgress | None = None
    request_id: str | None = None


class Extent(enum.Enum):
    """How much of a job is wanted. Less is cheaper: the record of a job of 10,000 files has some megabytes."""

    STATE = enum.auto()
    """What a list shows, and the progress; the record is not read."""
    STEPS = enum.auto()
    """The steps too."""
    FILES = enum.auto()
    """The files too."""


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, in the order of their torrents' ids; `next` is the cursor of the following page, None at the end."""

    jobs: tuple[JobView, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class PlannedStepView:
    """A step of a dry run: `action` is `run`, `skip` or `depends` (on what an earlier step will find), and why."""

    name: StepName
    action: str
    reason: str
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class PlanView:
    """What a run would do now. `problem` is what it would fail of as far as can be told, None otherwise."""

    torrent_id: TorrentId
    policy_digest: str
    steps: tuple[PlannedStepView, ...]
    entry: str | None = None
    problem: JobError | None = None


@dataclass(frozen=True, slots=True)
class QueueView:
    """The whole queue: whether it is paused, and how many jobs wait and run."""

    paused: bool
    queued: int
    running: int


@dataclass(frozen=True, slots=True)
class FsOpsFigures:
    """The figures of `/health/full`: jobs that wait, run, and failed for good; whether the queue is paused; all jobs by
    state."""

    queue: int
    running: int
    failed: int
    paused: bool
    jobs: Mapping[JobState, int] = field(default_factory=dict)


class FindingKind(enum.StrEnum):
    """What is wrong with a library entry."""

    CHANGED = "changed"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was published. `path` is absolute; nothing was changed."""

    torrent_id: TorrentId
    kind: FindingKind
    path: str
    detail: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """How far a verification of the library is.

    Attributes:
        run_id: Names the verification.
        finished: Whether it is over; otherwise the figures are of this moment.
        started_at: Unix seconds.
        entries: How many library entries were checked, of `entries_total`.
        bytes: How many bytes were hashed.
        findings: What is wrong, the first thousand.
        findings_total: How many there are.
        error: Why it ended early; None otherwise.
    """

    run_id: str
    finished: bool
    started_at: float
    entries: int
    entries_total: int
    bytes: int
    findings: tuple[Finding, ...]
    findings_total: int
    error: str | None = None
