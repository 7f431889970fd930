"""What the queue works with: who runs a job, what holds for it, how often things are looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

from revaer.fsops.policy import Paths, Policy
from revaer.fsops.ports import OnProgress
from revaer.fsops.report import Report
from revaer.fsops.retry import RetryPolicy
from revaer.fsops.runner import JobPlan
from revaer.fsops.types import Outcome, StepName
from revaer.fsops.views import JobSpec, JobState

T = TypeVar("T")


class SettingsUnavailable(Exception):
    """What holds for jobs cannot be read now; the message says why. Jobs wait."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for a job that starts now."""

    policy: Policy
    paths: Paths


SettingsReader: TypeAlias = Callable[[], Awaitable[Settings]]
"""Reads what holds now; asked before every start. Raises SettingsUnavailable."""


class Runner(Protocol):
    """Does the work of a job. Called in worker threads, for one torrent once at a time."""

    def run(
        self, spec: JobSpec, settings: Settings, on_progress: OnProgress, cancelled: Callable[[], bool], /
    ) -> Report:
        """Run a job, or go on with it, and return how it stands."""
        ...

    def plan(self, spec: JobSpec, settings: Settings, /) -> JobPlan:
        """Tell what a run would do. Changes nothing. Raises FsOpsError."""
        ...


class Lane(Protocol):
    """Where blocking calls are made; `actors.BlockingLane` is one."""

    async def run(self, fn: Callable[..., T], *args: object, within: float | None = None) -> T:
        """Call `fn(*args)` off the event loop. Raises LaneExpired after `within` seconds."""
        ...


def _ignore(*_: object) -> None:
    """Measure nothing."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """Where figures go; called in the event loop.

    Attributes:
        on_step: Told each step that a run performed, its outcome and its seconds.
        on_jobs: Told the number of jobs in each state when it changes.
    """

    on_step: Callable[[StepName, Outcome, float], None] = _ignore
    on_jobs: Callable[[Mapping[JobState, int]], None] = _ignore


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be done at a time.

    Attributes:
        per_volume: Jobs that use one volume.
        at_once: Jobs in all.
    """

    per_volume: int = 1
    at_once: int = 8


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals and deadlines in seconds.

    Attributes:
        progress: Between two progress events of one job.
        watch: Between two looks at the library's volume while jobs run.
        blocked: The same while it cannot be used and jobs wait.
        look_within: How long one look may take; a dead network share answers no sooner.
        tools: Between two looks for external tools.
        again: Until something is tried again that could not be done.
        refused: Until a job is tried again that could not be noted as running.
        sweep: Between two attempts to delete the files of forgotten jobs.
        interrupted: Pause of a job that was interrupted more than `interruptions` times in a row; it grows with each.
        stop: How long a stop waits for running jobs to end and to be recorded.
        retry: When failed attempts are repeated.
    """

    progress: float = 0.5
    watch: float = 0.5
    blocked: float = 2.0
    look_within: float = 5.0
    tools: float = 10.0
    again: float = 1.0
    refused: float = 5.0
    sweep: float = 300.0
    interrupted: float = 60.0
    interruptions: int = 3
    stop: float = 3.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
