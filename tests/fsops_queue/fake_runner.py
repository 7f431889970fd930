"""A runner that does what a test tells it, in the thread where it is called, and remembers who ran when."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from revaer.fsops.errors import Refused
from revaer.fsops.ports import OnProgress
from revaer.fsops.record import JobState
from revaer.fsops.report import Report, StepReport
from revaer.fsops.runner import JobPlan
from revaer.fsops.terms import Settings
from revaer.fsops.types import Outcome, Problem, StepName
from revaer.fsops.views import JobSpec
from revaer.types import TorrentId

LONGEST = 20.0


def completed(spec: JobSpec, settings: Settings) -> Report:
    path = settings.paths.library_root / spec.name
    steps = (StepReport(StepName.PUBLISH, Outcome.DONE, 1_700_000_000.0, 0.25, 7, "it is there"),)
    return Report(JobState.COMPLETED, 1, "digest", steps, (StepName.PUBLISH,), artifact_path=path)


def failed(*, retryable: bool, message: str = "the disk is full", path: str | None = "/library/a") -> Report:
    problem = Problem(StepName.TRANSFER, path, message, retryable)
    return Report(JobState.FAILED, 1, "digest", (), (), error=problem)


@dataclass
class Bench:
    """One run of one torrent, held until the test lets it go."""

    spec: JobSpec
    settings: Settings
    on_progress: OnProgress
    cancelled: Callable[[], bool]
    begun: threading.Event = field(default_factory=threading.Event)
    report: Report | None = None
    error: Exception | None = None
    may_end: threading.Event = field(default_factory=threading.Event)
    is_over: bool = False
    is_deaf: bool = False

    def finish(self, report: Report | None = None) -> None:
        self.report = report or completed(self.spec, self.settings)
        self.may_end.set()

    def break_with(self, error: Exception) -> None:
        self.error = error
        self.may_end.set()


class FakeRunner:
    """Runs nothing. Every run waits for the test, unless `answers` has a report for its torrent.

    Attributes:
        runs: all runs so far, in the order in which they began.
        overlaps: torrents that two threads worked on at the same time.
        answers: reports to return at once, by torrent; the last one is used again and again.
    """

    def __init__(self) -> None:
        self.runs: list[Bench] = []
        self.overlaps: list[TorrentId] = []
        self.most_at_once = 0
        self.answers: dict[TorrentId, list[Report]] = {}
        self.completes_all = False
        self._active: list[TorrentId] = []
        self._lock = threading.Lock()

    def run(
        self, spec: JobSpec, settings: Settings, on_progress: OnProgress, cancelled: Callable[[], bool], /
    ) -> Report:
        bench = Bench(spec, settings, on_progress, cancelled)
        with self._lock:
            self.overlaps += [spec.torrent_id] if spec.torrent_id in self._active else []
            self._active.append(spec.torrent_id)
            self.most_at_once = max(self.most_at_once, len(self._active))
            self.runs.append(bench)
        try:
            return self._answer(bench)
        finally:
            with self._lock:
                bench.is_over = True
                self._active.remove(spec.torrent_id)

    def plan(self, spec: JobSpec, settings: Settings, /) -> JobPlan:
        if not spec.files:
            raise Refused("the torrent has no files", step=StepName.LOCATE_SOURCE)
        return JobPlan((), spec.name)

    @property
    def active(self) -> list[TorrentId]:
        with self._lock:
            return [*self._active]

    def _answer(self, bench: Bench) -> Report:
        if self.completes_all:
            return completed(bench.spec, bench.settings)
        answers = self.answers.get(bench.spec.torrent_id)
        if answers:
            return answers.pop(0) if len(answers) > 1 else answers[0]
        for _ in range(int(LONGEST / 0.01)):
            if bench.may_end.wait(0.01):
                break
            if bench.cancelled() and not bench.is_deaf:
                error = Problem(StepName.TRANSFER, None, "the job was cancelled", retryable=True)
                return Report(JobState.CANCELLED, 1, "digest", (), (), error=error)
        if bench.error is not None:
            raise bench.error
        assert bench.report is not None, "the test let nobody end this run"
        return bench.report
