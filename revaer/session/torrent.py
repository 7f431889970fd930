"""One torrent as the session keeps it in memory: small, because there are many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from revaer.resume.messages import Intent, Processing, ProcessingStage, Removing
from revaer.session.faults import Fault
from revaer.session.messages import UNLIMITED, Rates
from revaer.session.policy import cap
from revaer.session.port import FileEntry, TorrentStatus
from revaer.trail import NO_CAUSE, Cause
from revaer.types import InfoHash, TorrentId, TorrentOptions, TorrentView


def payload_path(download_dir: str, folder: str, file: FileEntry) -> str:
    """Return where a file is; `folder` is empty for a torrent of a single file."""
    return f"{download_dir}/{folder}/{file.path}" if folder else f"{download_dir}/{file.path}"


@dataclass(slots=True, eq=False)
class Torrent:
    """What the session knows of a torrent; only `Catalogue` changes `view`.

    Attributes:
        view: the fold of its events.
        options: what the user asked for, as it is stored.
        files: its file list, pads included; empty before metadata.
        has_metadata: whether the file list is known.
        folder: name of the folder inside the download directory that its files live in; empty for a single file.
        status: the engine's last word, None before the first.
        fault: why it cannot go on, None when it can.
        present: whether the engine has it.
        is_doubtful: whether writing failed before it was complete. The engine counts a piece as soon as its hash is
            right, so it may claim pieces then that are not on disk.
        removing: a removal that was accepted and is not finished.
        is_finishing: whether its completion is being worked on.
        is_rechecking: whether the user asked for a recheck that has not ended.
        was_checked: whether the engine looked at its files, and its next status tells what it found.
        moving_to: where its payload is being moved to, an interrupted move included; None when it is not.
        processing: how far its post-processing is, as it is stored; None as long as it had none.
        queue_trouble: why its post-processing, which is due, cannot be queued; None when nothing is in the way.
        job_note: why its post-processing takes its time; None when there is nothing to say.
        known_as: every info-hash that its metadata has, None before metadata.
        from_copy: whether it was restored from a copy, and not compared with the database since.
        fallback: the caps that hold where its options say nothing.
        cause: the request that added it, in this run of the daemon; what becomes of it by itself is done on its behalf.
        pause_reason: why it was paused, when that is not plain.
        rate: smoothed download rate, bytes per second.
        heard_at: monotonic time of the last status.
    """

    view: TorrentView
    options: TorrentOptions
    files: tuple[FileEntry, ...] = ()
    has_metadata: bool = False
    folder: str = ""
    status: TorrentStatus | None = None
    fault: Fault | None = None
    present: bool = False
    is_doubtful: bool = False
    removing: Removing | None = None
    is_finishing: bool = False
    is_rechecking: bool = False
    was_checked: bool = False
    moving_to: str | None = None
    processing: Processing | None = None
    queue_trouble: str | None = None
    job_note: str | None = None
    known_as: InfoHash | None = None
    from_copy: bool = False
    fallback: Rates = UNLIMITED
    pause_reason: str | None = None
    cause: Cause = NO_CAUSE
    rate: float = 0.0
    heard_at: float = 0.0

    @property
    def id(self) -> TorrentId:
        """Its identity."""
        return self.view.id

    @property
    def hashes(self) -> InfoHash:
        """Every info-hash that it is known to have."""
        return self.known_as or self.view.descriptor.hashes

    @property
    def name(self) -> str:
        """What to call it in a message."""
        return self.view.descriptor.name or self.view.descriptor.info_hash

    @property
    def is_processing(self) -> bool:
        """Whether it is complete, and what becomes of it is not in the library yet."""
        is_pending = self.processing is not None and self.processing.stage is ProcessingStage.PENDING
        return is_pending or self.queue_trouble is not None

    @property
    def is_withheld(self) -> bool:
        """Whether its payload goes, or went, into the library, so that the engine has to do without it."""
        return (
            self.processing is not None
            and self.processing.withheld
            and self.processing.stage in (ProcessingStage.PENDING, ProcessingStage.PUBLISHED)
        )

    def rates(self, options: TorrentOptions | None = None) -> Rates:
        """Return the caps that hold for it, with other options than its own when they are given."""
        own = options or self.options
        return Rates(
            cap(own.max_download_bps, self.fallback.download_bps), cap(own.max_upload_bps, self.fallback.upload_bps)
        )

    def become(self, stored: Torrent) -> None:
        """Take from another form of the same torrent what is stored; the engine must not have it now."""
        self.options, self.removing, self.moving_to = stored.options, stored.removing, stored.moving_to
        self.files, self.folder, self.has_metadata = stored.files, stored.folder, stored.has_metadata
        self.known_as, self.processing = stored.known_as, stored.processing
        self.status = self.fault = None

    def path_of(self, file: FileEntry) -> str:
        """Return where one of its files is."""
        return payload_path(self.options.download_dir, self.folder, file)

    def intent(self, **changes: Any) -> Intent:
        """Return the intent to store for it, with `changes` to its fields; without the sources, which stay stored."""
        descriptor = self.view.descriptor
        intent = Intent(
            torrent_id=self.view.id,
            hashes=descriptor.hashes,
            info_hash=descriptor.info_hash,
            options=self.options,
            added_at=descriptor.added_at,
            completed_at=descriptor.completed_at,
            removing=self.removing,
            moving_to=self.moving_to,
            library_path=descriptor.library_path,
            processing=self.processing,
        )
        return replace(intent, **changes) if changes else intent
