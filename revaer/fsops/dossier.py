"""What the record in the library knows of a job, for people who look at it. Blocks; a missing one says nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from revaer.fsops import meta
from revaer.fsops.disk import Disk
from revaer.fsops.errors import FsOpsError
from revaer.fsops.places import Places
from revaer.fsops.record import Summary, UnreadableRecord, decode_summary
from revaer.fsops.types import StepName
from revaer.fsops.views import ArtifactFile, Extent, JobDetail, JobView, StepProgress, StepView
from revaer.types import TorrentId


@dataclass(frozen=True, slots=True)
class Dossier:
    """What a record says."""

    policy_digest: str = ""
    steps: tuple[StepView, ...] = ()
    files: tuple[ArtifactFile, ...] = ()


def read_dossier(library_root: str | None, torrent_id: TorrentId, extent: Extent) -> Dossier:
    """Read the record of a job; an empty dossier when there is none that can be read.

    Args:
        library_root: The library that the job last ran for; None when it never did.
        torrent_id: The job's torrent.
        extent: How much of it is wanted.
    """
    if library_root is None or extent is Extent.STATE:
        return Dossier()
    try:
        content = meta.read(Disk(), Places(Path(os.path.realpath(library_root)), torrent_id).meta)
        return Dossier() if content is None else _of(decode_summary(content, files=extent is Extent.FILES))
    except (FsOpsError, UnreadableRecord, OSError):
        return Dossier()


def detail_of(
    view: JobView, dossier: Dossier, *, policy_digest: str, progress: StepProgress | None, request_id: str | None
) -> JobDetail:
    """Put together everything about a job.

    Args:
        view: What a list shows.
        dossier: What its record says.
        policy_digest: What is stored of it, should the record not say.
        progress: How far it is, if it runs.
        request_id: The request that enqueued it.
    """
    return JobDetail(
        torrent_id=view.torrent_id,
        state=view.state,
        attempt=view.attempt,
        priority=view.priority,
        updated_at=view.updated_at,
        next_try_at=view.next_try_at,
        error=view.error,
        artifact_path=view.artifact_path,
        waiting_for=view.waiting_for,
        policy_digest=dossier.policy_digest or policy_digest,
        steps=dossier.steps,
        files=dossier.files,
        progress=progress,
        request_id=request_id,
    )


def _of(record: Summary) -> Dossier:
    steps = tuple(
        StepView(name, each.outcome, each.started_at, each.seconds, each.bytes, each.detail)
        for name in StepName
        if (each := record.steps.get(name)) is not None
    )
    files = tuple(ArtifactFile(each.path, each.size_bytes, each.sha256) for each in record.files)
    return Dossier(record.policy_digest, steps, files)
