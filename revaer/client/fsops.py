"""Post-processing through the API: jobs, what one would do, the queue, and the library held against its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from revaer.client import documents
from revaer.client.documents import Document
from revaer.client.exchange import Exchange, place

PAGE_LIMIT = 1000
"""The largest page the daemon serves."""


@dataclass(frozen=True, slots=True)
class JobError:
    """Why an attempt failed."""

    step: str
    path: str | None
    message: str
    retryable: bool

    @classmethod
    def read(cls, value: object) -> JobError:
        """Read an error. Raises InvalidAnswer."""
        document = documents.as_document(value, "the error of the job")
        return cls(
            step=documents.text(document, "step"),
            path=documents.optional_text(document, "path"),
            message=documents.text(document, "message"),
            retryable=documents.flag(document, "retryable"),
        )


@dataclass(frozen=True, slots=True)
class JobStep:
    """What became of a step; `seconds` it took and `bytes` it worked on."""

    name: str
    outcome: str
    seconds: float
    bytes: int
    detail: str

    @classmethod
    def read(cls, value: object) -> JobStep:
        """Read a step. Raises InvalidAnswer."""
        document = documents.as_document(value, "the step")
        return cls(
            name=documents.text(document, "name"),
            outcome=documents.text(document, "outcome"),
            seconds=documents.number(document, "seconds"),
            bytes=documents.whole(document, "bytes", 0),
            detail=documents.optional_text(document, "detail") or "",
        )


@dataclass(frozen=True, slots=True)
class Job:
    """The post-processing of one torrent. A list has no steps."""

    torrent_id: str
    state: str
    attempt: int
    next_try_at: datetime | None
    waiting_for: str | None
    error: JobError | None
    artifact_path: str | None
    updated_at: datetime | None
    steps: tuple[JobStep, ...]
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Job:
        """Read a job. Raises InvalidAnswer."""
        document = documents.as_document(value, "the job")
        error = document.get("error")
        steps = documents.as_sequence(document.get("steps") or [], "`steps`")
        return cls(
            torrent_id=documents.text(document, "torrent_id"),
            state=documents.text(document, "state"),
            attempt=documents.whole(document, "attempt"),
            next_try_at=documents.moment(document, "next_try_at"),
            waiting_for=documents.optional_text(document, "waiting_for"),
            error=None if error is None else JobError.read(error),
            artifact_path=documents.optional_text(document, "artifact_path"),
            updated_at=documents.moment(document, "updated_at"),
            steps=tuple(map(JobStep.read, steps)),
            document=document,
        )


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of jobs; `next` is the cursor of the page after it, `None` at the end."""

    jobs: tuple[Job, ...]
    next: str | None
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> JobPage:
        """Read one page. Raises InvalidAnswer."""
        document = documents.as_document(value, "the list of jobs")
        rows = documents.as_sequence(document.get("jobs"), "`jobs`")
        return cls(tuple(map(Job.read, rows)), documents.optional_text(document, "next"), document)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What a run would do in a step, and why: `run`, `skip` or `depends`."""

    name: str
    action: str
    reason: str

    @classmethod
    def read(cls, value: object) -> PlannedStep:
        """Read a step. Raises InvalidAnswer."""
        document = documents.as_document(value, "the step")
        return cls(*(documents.text(document, name) for name in ("name", "action", "reason")))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do now; `problem` is what it would fail of, as far as can be told."""

    torrent_id: str
    entry: str | None
    steps: tuple[PlannedStep, ...]
    problem: JobError | None
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Plan:
        """Read a plan. Raises InvalidAnswer."""
        document = documents.as_document(value, "the plan")
        problem = document.get("problem")
        steps = documents.as_sequence(document.get("steps"), "`steps`")
        return cls(
            torrent_id=documents.text(document, "torrent_id"),
            entry=documents.optional_text(document, "entry"),
            steps=tuple(map(PlannedStep.read, steps)),
            problem=None if problem is None else JobError.read(problem),
            document=document,
        )


@dataclass(frozen=True, slots=True)
class JobQueue:
    """How the queue stands."""

    paused: bool
    queued: int
    running: int
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> JobQueue:
        """Read the queue. Raises InvalidAnswer."""
        document = documents.as_document(value, "the queue")
        return cls(
            paused=documents.flag(document, "paused"),
            queued=documents.whole(document, "queued"),
            running=documents.whole(document, "running"),
            document=document,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the library that is not as it was published."""

    torrent_id: str
    kind: str
    path: str
    detail: str

    @classmethod
    def read(cls, value: object) -> Finding:
        """Read a finding. Raises InvalidAnswer."""
        document = documents.as_document(value, "the finding")
        return cls(*(documents.text(document, name) for name in ("torrent_id", "kind", "path", "detail")))


@dataclass(frozen=True, slots=True)
class Verification:
    """How far a verification of the library is; `error` tells why it ended early."""

    run_id: str
    finished: bool
    entries: int
    entries_total: int
    bytes: int
    findings: tuple[Finding, ...]
    findings_total: int
    error: str | None
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Verification:
        """Read a report. Raises InvalidAnswer."""
        document = documents.as_document(value, "the report")
        findings = documents.as_sequence(document.get("findings") or [], "`findings`")
        return cls(
            run_id=documents.text(document, "run_id"),
            finished=documents.flag(document, "finished"),
            entries=documents.whole(document, "entries"),
            entries_total=documents.whole(document, "entries_total"),
            bytes=documents.whole(document, "bytes"),
            findings=tuple(map(Finding.read, findings)),
            findings_total=documents.whole(document, "findings_total", len(findings)),
            error=documents.optional_text(document, "error"),
            document=document,
        )


class FsOps:
    """What may be done with post-processing. Errors are those of `Client`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def page(self, *, states: Sequence[str] = (), limit: int | None = None, cursor: str | None = None) -> JobPage:
        """Fetch one page of jobs; `cursor` is the `next` of the page before."""
        params = {"state": ",".join(states) or None, "limit": limit, "cursor": cursor}
        given = {name: str(value) for name, value in params.items() if value is not None}
        return JobPage.read(await self._exchange.json("GET", "/v1/fsops", params=given))

    async def list(self, *, states: Sequence[str] = ()) -> tuple[Job, ...]:
        """Fetch every job."""
        jobs: list[Job] = []
        cursor: str | None = None
        while True:
            page = await self.page(states=states, limit=PAGE_LIMIT, cursor=cursor)
            jobs += page.jobs
            cursor = page.next
            if cursor is None:
                return tuple(jobs)

    async def get(self, torrent_id: str) -> Job:
        """Look at the job of one torrent."""
        return Job.read(await self._exchange.json("GET", _path(torrent_id)))

    async def plan(self, torrent_id: str) -> Plan:
        """Ask what a run would do now."""
        return Plan.read(await self._exchange.json("GET", f"{_path(torrent_id)}/plan"))

    async def retry(self, torrent_id: str) -> Job:
        """Have a torrent processed again, also one that never was. Answers when it is queued."""
        return Job.read(await self._exchange.json("POST", f"{_path(torrent_id)}/retry"))

    async def cancel(self, torrent_id: str) -> Job:
        """Stop the job of a torrent. Answers when it has stopped."""
        return Job.read(await self._exchange.json("POST", f"{_path(torrent_id)}/cancel"))

    async def pause(self) -> JobQueue:
        """Begin no further job; those that run go on."""
        return JobQueue.read(await self._exchange.json("POST", "/v1/fsops/pause"))

    async def resume(self) -> JobQueue:
        """Let jobs begin again."""
        return JobQueue.read(await self._exchange.json("POST", "/v1/fsops/resume"))

    async def verify(self, run_id: str | None = None, *, wait_seconds: float | None = None) -> Verification:
        """Hold the library against its records, or ask how far that is.

        Args:
            run_id: which verification; one begins, or the one that runs is joined, when absent.
            wait_seconds: how long the daemon waits for its end before it answers.
        """
        given = {"run_id": run_id, "wait_seconds": wait_seconds}
        body = {name: value for name, value in given.items() if value is not None}
        return Verification.read(await self._exchange.json("POST", "/v1/fsops/verify", body=body))


def _path(torrent_id: str) -> str:
    return f"/v1/torrents{place(torrent_id)}/fsops"
