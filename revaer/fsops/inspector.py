"""Verifies the library on demand: one verification at a time, in the background, looked at by whoever asks."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
import trio

from actors.actor import Spawn
from revaer.database.messages import DatabaseError
from revaer.fsops import meta
from revaer.fsops.errors import Cancelled, FsOpsError
from revaer.fsops.messages import FsOpsUnavailable, UnknownJob, VerifyLibrary
from revaer.fsops.places import FOLDER
from revaer.fsops.terms import Lane, SettingsReader, SettingsUnavailable
from revaer.fsops.verify import Verdict, Verification, verify_library
from revaer.fsops.views import Finding, FindingKind, VerifyReport
from revaer.fsops.volume_watch import VolumeWatch

log = structlog.get_logger("revaer.fsops")

MAX_FINDINGS: Final = 1_000
"""How many findings a report names."""

LONGEST_WAIT: Final = 20.0
"""Seconds after which a report is answered in any case."""


class _Survey:
    """One verification. The thread counts, everybody else looks."""

    def __init__(self, root: Path, now: float) -> None:
        self.run_id = uuid.uuid4().hex
        self.finished = trio.Event()
        self.is_told_to_stop = False
        self._root = root
        self._started_at = now
        self._entries = self._total = self._bytes = self._count = 0
        self._findings: list[Finding] = []
        self._error: str | None = None

    def work(self) -> None:
        """Verify. Blocks."""
        try:
            self._total = sum(1 for _ in meta.find_all(self._root.resolve() / FOLDER))
            for each in verify_library(self._root, on_bytes=self._count_bytes, cancelled=lambda: self.is_told_to_stop):
                self._take(each)
        except Cancelled:
            self._error = "it was stopped"
        except (FsOpsError, OSError) as error:
            self._error = str(error)

    def report(self) -> VerifyReport:
        """Tell how far it is."""
        return VerifyReport(
            run_id=self.run_id,
            finished=self.finished.is_set(),
            started_at=self._started_at,
            entries=self._entries,
            entries_total=max(self._total, self._entries),
            bytes=self._bytes,
            findings=tuple(self._findings),
            findings_total=self._count,
            error=self._error,
        )

    def _count_bytes(self, count: int) -> None:
        self._bytes += count

    def _take(self, verification: Verification) -> None:
        self._entries += 1
        for kind, path, detail in _findings_of(verification):
            self._count += 1
            if len(self._findings) < MAX_FINDINGS:
                self._findings.append(Finding(verification.torrent_id, kind, path, detail))


class Inspector:
    """Verifies.

    Args:
        read_settings: Tells where the library is.
        volumes: Tells whether it is there.
        lane: Where it is hashed.
        spawn: Starts the task.
        wall: Unix seconds.
    """

    def __init__(
        self,
        *,
        read_settings: SettingsReader,
        volumes: VolumeWatch,
        lane: Lane,
        spawn: Spawn,
        wall: Callable[[], float],
    ) -> None:
        self._read_settings = read_settings
        self._volumes = volumes
        self._lane = lane
        self._spawn = spawn
        self._wall = wall
        self._survey: _Survey | None = None

    async def verify(self, message: VerifyLibrary) -> VerifyReport:
        """Start a verification, or look at one."""
        survey = await self._find(message.run_id)
        with trio.move_on_after(max(0.0, min(message.wait, LONGEST_WAIT))):
            await survey.finished.wait()
        return survey.report()

    def stop(self) -> None:
        """Tell the verification that runs to stop."""
        if self._survey is not None:
            self._survey.is_told_to_stop = True

    async def _find(self, run_id: str | None) -> _Survey:
        survey = self._survey
        if run_id is not None:
            if survey is None or survey.run_id != run_id:
                raise UnknownJob(f"there is no verification {run_id}")
            return survey
        if survey is not None and not survey.finished.is_set():
            return survey
        return await self._begin()

    async def _begin(self) -> _Survey:
        try:
            settings = await self._read_settings()
        except SettingsUnavailable as error:
            raise FsOpsUnavailable(f"the configuration cannot be read: {error}") from error
        root = settings.paths.library_root
        try:
            state = await self._volumes.check(root)
        except DatabaseError as error:
            raise FsOpsUnavailable(str(error)) from error
        if state.is_absent:
            raise FsOpsUnavailable(state.reason or "the library is away")
        if self._survey is None or self._survey.finished.is_set():
            self._survey = survey = _Survey(root, self._wall())
            self._spawn(self._work, survey, name="verification")
        return self._survey

    async def _work(self, survey: _Survey) -> None:
        log.info("fsops_verification_started", run_id=survey.run_id)
        try:
            await self._lane.run(survey.work)
        finally:
            survey.is_told_to_stop = True
            survey.finished.set()
        report = survey.report()
        log.info(
            "fsops_verification_finished", run_id=survey.run_id, entries=report.entries,
            findings=report.findings_total, error=report.error,
        )  # fmt: skip


def _findings_of(found: Verification) -> list[tuple[FindingKind, str, str]]:
    root = "" if found.artifact_path is None else str(found.artifact_path)
    if found.verdict is Verdict.UNREADABLE:
        return [(FindingKind.UNREADABLE, root, found.message or "it cannot be read")]
    if found.check is None or found.verdict is Verdict.INTACT:
        return []
    if not Path(root).exists():
        return [(FindingKind.MISSING, root, "the entry is gone")]
    base = Path(root) if Path(root).is_dir() else Path(root).parent
    changed = [(FindingKind.CHANGED, path, "it is not what was published") for path in found.check.changed]
    missing = [(FindingKind.MISSING, path, "it is gone") for path in found.check.missing]
    return [(kind, str(base / path), detail) for kind, path, detail in (*changed, *missing)]
