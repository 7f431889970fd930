"""What others may say to post-processing: enqueue a job, look at jobs, retry, cancel, pause, forget, verify.

Every change is durable when it is answered. `request_id` names the request of the outside that a change is made for, if
any; it does not count when messages are compared.

How a job goes on is told on the bus after it is durable, and may be told again after a crash. Every change of its state
is a `FsOpsChanged`. Before that, the end is told to people: `completed` as `FsOpsCompleted`, `failed` and `cancelled`
as `FsOpsFailed` with `will_retry` false; `skipped` is told as `FsOpsCompleted` if the library has the entry. A
listener that may have missed something asks with `InspectJob`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from actors import Refused, Request
from revaer.fsops.rows import relocate_ending, relocate_spec
from revaer.fsops.types import Outcome, SourceFile, StepName
from revaer.fsops.views import (
    ArtifactFile,
    Extent,
    Finding,
    FindingKind,
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
    StepProgress,
    StepView,
    VerifyReport,
)
from revaer.types import TorrentId

__all__ = [
    "ArtifactFile",
    "CancelJob",
    "ChangeMessage",
    "Enqueue",
    "Extent",
    "Finding",
    "FindingKind",
    "ForgetJob",
    "FsOpsFigures",
    "FsOpsMessage",
    "FsOpsRefusal",
    "FsOpsUnavailable",
    "InspectJob",
    "JobDetail",
    "JobError",
    "JobPage",
    "JobRefused",
    "JobSpec",
    "JobState",
    "JobView",
    "ListJobs",
    "Outcome",
    "PauseQueue",
    "PlanJob",
    "PlanView",
    "PlannedStepView",
    "QueueView",
    "ReportFsOps",
    "ResumeQueue",
    "RetryJob",
    "SourceFile",
    "StepName",
    "StepProgress",
    "StepView",
    "UnknownJob",
    "VerifyLibrary",
    "VerifyReport",
    "relocate_ending",
    "relocate_spec",
]


class FsOpsRefusal(Refused):
    """Post-processing could not do what was asked; nothing was half-accepted."""


class UnknownJob(FsOpsRefusal):
    """The torrent has no job, or no verification has the name."""


class JobRefused(FsOpsRefusal):
    """The job's state does not allow it, or it cannot be stored; the message is a sentence for people."""


class FsOpsUnavailable(FsOpsRefusal):
    """The database cannot be reached, so nothing could be made durable. Try again after `retry_after` seconds."""

    def __init__(self, reason: str, *, retry_after: float = 2.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Enqueue(Request[JobView]):
    """Queue a finished torrent. Idempotent: a job of an equal specification is answered as it stands, whatever its
    state; one of another is queued afresh (a running one is stopped first).

    Raises (at the asker): FsOpsUnavailable, JobRefused (it cannot be stored).
    """

    torrent_id: TorrentId
    name: str
    source_root: str
    files: tuple[SourceFile, ...]
    multi_file: bool
    priority: int = 0
    request_id: str | None = field(default=None, compare=False)

    @property
    def spec(self) -> JobSpec:
        """What is to be processed."""
        return JobSpec(self.torrent_id, self.name, self.source_root, self.files, self.multi_file)


@dataclass(frozen=True, slots=True)
class InspectJob(Request[JobDetail | None]):
    """Show one job, as much of it as is wanted; None when the torrent has none.

    Raises (at the asker): FsOpsUnavailable.
    """

    torrent_id: TorrentId
    extent: Extent = Extent.FILES


@dataclass(frozen=True, slots=True)
class ListJobs(Request[JobPage]):
    """Show a page of jobs.

    Args:
        states: Only jobs in these states; empty for all.
        limit: How many at most, 1 to 1000.
        cursor: `next` of the page before; None for the first.

    Raises (at the asker): FsOpsUnavailable, JobRefused (the cursor is none).
    """

    states: frozenset[JobState] = frozenset()
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class PlanJob(Request[PlanView]):
    """Tell what a run would do now, and do nothing.

    Args:
        torrent_id: The torrent.
        spec: What is to be processed; None for what the torrent's job has.

    Raises (at the asker): UnknownJob (no spec and no job), JobRefused (it cannot be planned, with the reason),
        FsOpsUnavailable.
    """

    torrent_id: TorrentId
    spec: JobSpec | None = None


@dataclass(frozen=True, slots=True)
class RetryJob(Request[JobView]):
    """Queue a job again, whatever became of it; one that waits for the time of its next attempt need not wait for it.

    Raises (at the asker): UnknownJob, JobRefused (it runs), FsOpsUnavailable.
    """

    torrent_id: TorrentId
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class CancelJob(Request[JobView]):
    """Take a job out of the queue, or stop it; answered when it has stopped. Cancelling twice is fine.

    Raises (at the asker): UnknownJob, JobRefused (it is over already), FsOpsUnavailable.
    """

    torrent_id: TorrentId
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PauseQueue(Request[QueueView]):
    """Start no further job until `ResumeQueue`, also after a restart; running ones go on to their end.

    Raises (at the asker): FsOpsUnavailable.
    """

    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ResumeQueue(Request[QueueView]):
    """Start jobs again. Raises (at the asker): FsOpsUnavailable."""

    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ForgetJob(Request[None]):
    """The torrent is removed: stop its job, delete it with its work directory and record. What was published stays.
    Unknown ids are fine.

    Raises (at the asker): FsOpsUnavailable (the database, or the library, is away).
    """

    torrent_id: TorrentId
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class VerifyLibrary(Request[VerifyReport]):
    """Hash the library again and hold it against its records. One verification runs at a time.

    Args:
        run_id: None starts one, or joins the one that runs. A name asks how that one is getting on.
        wait: Seconds after which the report is answered though it is not over.

    Raises (at the asker): UnknownJob (no such verification), FsOpsUnavailable (the library is away).
    """

    run_id: str | None = None
    wait: float = 5.0


@dataclass(frozen=True, slots=True)
class ReportFsOps(Request[FsOpsFigures]):
    """Tell the figures of this moment, from memory."""


ChangeMessage: TypeAlias = Enqueue | RetryJob | CancelJob | PauseQueue | ResumeQueue | ForgetJob
"""What changes jobs or the queue."""

FsOpsMessage: TypeAlias = ChangeMessage | InspectJob | ListJobs | PlanJob | VerifyLibrary | ReportFsOps
