"""What a torrent shows on its way through post-processing, and what the end of a job means for it. Pure.

A torrent whose payload is complete is `processing` until its library entry is published:

    complete -> pending --- published -> seeding or completed, with its library path
                  ^  |----- skipped ---> seeding or completed
                  |  |----- cancelled -> seeding or completed, and says so
                  |  `----- failed ----> failed, and says what to do
                  `-- somebody asks for it again

Nobody sees `seeding` or `completed` before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from revaer.fsops.messages import JobDetail, JobError, JobSpec, JobState, JobView, SourceFile
from revaer.resume.messages import Processing, ProcessingStage
from revaer.selection.messages import Decision
from revaer.session.torrent import Torrent
from revaer.types import TorrentState

_FINISHED = frozenset({TorrentState.SEEDING, TorrentState.COMPLETED})
_UNFINISHED = frozenset({TorrentState.DOWNLOADING, TorrentState.FETCHING_METADATA})

NAME_BYTES: Final = 255
"""How long the name of a directory may be."""

CANCELLED: Final = "its post-processing was cancelled: `revaer fsops retry` starts it again"


def shown_state(torrent: Torrent, kind: TorrentState) -> tuple[TorrentState, str | None]:
    """Return the state and message to show for a torrent without a fault.

    Args:
        torrent: the torrent.
        kind: what it does in the engine.
    """
    if torrent.queue_trouble is not None:
        return TorrentState.PROCESSING, torrent.queue_trouble
    processing = torrent.processing
    if processing is None or torrent.view.descriptor.completed_at is None:
        return kind, None
    match processing.stage:
        case ProcessingStage.PENDING if kind not in _UNFINISHED:
            return TorrentState.PROCESSING, torrent.job_note
        case ProcessingStage.FAILED if kind in _FINISHED:
            return TorrentState.FAILED, processing.message
        case ProcessingStage.CANCELLED if kind in _FINISHED:
            return kind, CANCELLED
        case ProcessingStage.PUBLISHED if processing.withheld:
            return TorrentState.COMPLETED, None
        case _:
            return kind, None


def ending_of(job: JobView) -> ProcessingStage:
    """Return what the state of a job means for its torrent; `pending` while it is not over."""
    return _STAGES[job.state]


_STAGES = {
    JobState.QUEUED: ProcessingStage.PENDING,
    JobState.RUNNING: ProcessingStage.PENDING,
    JobState.COMPLETED: ProcessingStage.PUBLISHED,
    JobState.FAILED: ProcessingStage.FAILED,
    JobState.CANCELLED: ProcessingStage.CANCELLED,
    JobState.SKIPPED: ProcessingStage.SKIPPED,
}


def failure_message(job: JobView) -> str:
    """Say why a job failed for good, and what to do."""
    reason = "it did not say why" if job.error is None else _reason(job.error)
    advice = f"put that right and run `revaer fsops retry {job.torrent_id}`"
    return f"its post-processing failed: {reason}; {advice}"


def waiting_note(job: JobView) -> str | None:
    """Say why a job that is not over takes its time; None when there is nothing to say."""
    if job.waiting_for is not None:
        return f"its post-processing waits: {job.waiting_for}"
    if job.error is not None and job.state is JobState.QUEUED:
        return f"its post-processing is tried again by itself: {_reason(job.error)}"
    return None


def job_spec(torrent: Torrent, decisions: Sequence[Decision]) -> JobSpec:
    """Return what is to be processed of a torrent: its selected files, and no others."""
    directory = torrent.options.download_dir.rstrip("/")
    return JobSpec(
        torrent_id=torrent.id,
        name=_entry_name(torrent),
        source_root=f"{directory}/{torrent.folder}" if torrent.folder else directory or "/",
        files=tuple(
            SourceFile(file.path, file.size)
            for file, decision in zip(torrent.files, decisions, strict=True)
            if decision.selected and not file.pad
        ),
        multi_file=bool(torrent.folder),
    )


def ended(job: JobDetail, stage: ProcessingStage, *, withheld: bool) -> Processing:
    """Return what is stored when a job is over."""
    message = failure_message(job) if stage is ProcessingStage.FAILED else None
    return Processing(stage, message, withheld=withheld)


def _entry_name(torrent: Torrent) -> str:
    """Return the name that the torrent goes by, or its folder's when that cannot be the name of a directory."""
    name = torrent.name
    is_plain = "/" not in name and "\0" not in name and name not in (".", "..")
    is_usable = is_plain and len(name.encode(errors="replace")) <= NAME_BYTES
    return name if is_usable or not torrent.folder else torrent.folder


def _reason(error: JobError) -> str:
    where = "" if error.path is None else f" ({error.path})"
    return f"{error.step.value}: {error.message}{where}"
