"""The runner of real jobs, and the benches that keep two runs of one torrent apart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from revaer.fsops.errors import Cancelled
from revaer.fsops.ports import OnProgress, Tools
from revaer.fsops.report import Report
from revaer.fsops.runner import JobPlan, plan_job, run_job
from revaer.fsops.terms import Settings
from revaer.fsops.types import Job
from revaer.fsops.views import JobSpec
from revaer.types import TorrentId

_LOOK: Final = 0.05


class LibraryRunner:
    """Runs jobs with real tools.

    Args:
        tools: Everything outside that a job uses.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def run(
        self, spec: JobSpec, settings: Settings, on_progress: OnProgress, cancelled: Callable[[], bool], /
    ) -> Report:
        """Run a job, or go on with it, and return how it stands."""
        policy, paths = settings.policy, settings.paths
        return run_job(job_of(spec), policy, paths, self._tools, on_progress=on_progress, cancelled=cancelled)

    def plan(self, spec: JobSpec, settings: Settings, /) -> JobPlan:
        """Tell what a run would do. Changes nothing. Raises FsOpsError."""
        return plan_job(job_of(spec), settings.policy, settings.paths, self._tools)


def job_of(spec: JobSpec) -> Job:
    """Return a job as the runner takes it."""
    return Job(spec.torrent_id, spec.name, Path(spec.source_root), spec.files, spec.multi_file)


class Benches:
    """Sees to it that one thread at a time works on a torrent.

    It outlives the actor: a thread that the crash of an actor left behind still has its bench, and the run of the next
    generation waits for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[TorrentId] = set()

    @contextmanager
    def hold(self, torrent_id: TorrentId, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Hold a torrent's bench; waits for it. Blocks.

        Raises:
            Cancelled: `cancelled` said so while waiting.
        """
        pause = threading.Event()
        while not self._take(torrent_id):
            if cancelled():
                raise Cancelled
            pause.wait(_LOOK)
        try:
            yield
        finally:
            with self._lock:
                self._taken.discard(torrent_id)

    def _take(self, torrent_id: TorrentId) -> bool:
        with self._lock:
            if torrent_id in self._taken:
                return False
            self._taken.add(torrent_id)
            return True
