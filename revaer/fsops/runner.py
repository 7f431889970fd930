"""Runs a job: one step at a time, the record written after each, from wherever an earlier run ended."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from revaer.fsops import artefact, locate, meta, ownership, publish, workdir
from revaer.fsops.artefact import ArtifactState
from revaer.fsops.digests import job_digest, policy_digest
from revaer.fsops.errors import Cancelled, FsOpsError, Refused, from_os_error
from revaer.fsops.layout import check_job_name
from revaer.fsops.places import Places
from revaer.fsops.plan import Action, PlannedStep, decide, plan, prune, step_digest
from revaer.fsops.policy import Paths, Policy
from revaer.fsops.ports import OnProgress, Tools
from revaer.fsops.record import ErrorRecord, JobState, Located, Record, Replaced, StepRecord
from revaer.fsops.report import Report, report_of
from revaer.fsops.run import Run, StepResult
from revaer.fsops.steps import holds, perform
from revaer.fsops.types import Job, Outcome, StepName
from revaer.tracing import Span, span

_AFTERWARDS = (StepName.PREPARE_WORK_DIR, StepName.PUBLISH, StepName.FINALISE)
_WITHOUT_EFFECT = frozenset({StepName.VALIDATE_POLICY, StepName.ALLOWLIST, *_AFTERWARDS})
_OF_THE_TREE = (StepName.SET_PERMISSIONS, StepName.CLEANUP, StepName.CHECKSUM)


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a run would do: each step, and the entry's name once it is known."""

    steps: tuple[PlannedStep, ...]
    entry: str | None


def run_job(
    job: Job,
    policy: Policy,
    paths: Paths,
    tools: Tools,
    *,
    on_progress: OnProgress = lambda _step, _done, _total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Report:
    """Run a job, or go on with it. Blocks; belongs into a worker thread. Never two runs of one torrent at a time.

    Args:
        job: What is to be processed.
        policy: How.
        paths: Where the node keeps things.
        tools: What the job uses.
        on_progress: Told often how far a step is.
        cancelled: Asked at least every 100 ms whether to stop.

    Returns:
        How the job stands. Errors are in the report; none is raised.
    """
    if not policy.process:
        return Report(JobState.SKIPPED, 0, policy_digest(policy), (), (), note="the torrent is not to be processed")
    run: Run | None = None
    try:
        run = _open(job, policy, paths, tools, on_progress, cancelled)
        return _Runner(run).go()
    except (FsOpsError, OSError) as error:
        return _failed_outside_of_steps(job, policy, run, error)


def plan_job(job: Job, policy: Policy, paths: Paths, tools: Tools) -> JobPlan:
    """Tell what `run_job` would do. Changes nothing.

    Raises:
        FsOpsError: The job would fail before its first step, or its source is not there.
    """
    places = _places(job, paths)
    record = meta.load(tools.disk, places.meta, dry=True) or Record(torrent_id=job.torrent_id)
    owner = ownership.resolve_ownership(policy)
    run = Run(job, policy, paths, tools, places, owner, record, lambda *_: None, lambda: False)
    try:
        if record.artifact is None:
            prune(record, run.look())
            found = _find_source(run)
            record.located = record.located if found == record.located else found
        if record.extracted is None and not policy.extract:
            record.extracted = []
    except OSError as error:
        raise from_os_error(error, "look at what is there") from error
    return JobPlan(plan(run.facts()), run.layout.entry if run.names_known else None)


def _open(
    job: Job, policy: Policy, paths: Paths, tools: Tools, on_progress: OnProgress, cancelled: Callable[[], bool]
) -> Run:
    places = _places(job, paths)
    workdir.open_library(tools.disk, places)
    record = meta.load(tools.disk, places.meta) or Record(torrent_id=job.torrent_id)
    return Run(job, policy, paths, tools, places, ownership.Ownership(), record, on_progress, cancelled)


def _find_source(run: Run) -> list[Located]:
    """Do what the steps `allowlist` and `locate_source` do. Raises FsOpsError, which says in which of them."""
    step = StepName.ALLOWLIST
    try:
        locate.check_allowed(run.job, run.places.library, (*run.paths.download_roots, *run.policy.allow_paths))
        step = StepName.LOCATE_SOURCE
        return locate.locate(run.job, run.watch(step))
    except FsOpsError as error:
        error.step = error.step or step
        raise


def _places(job: Job, paths: Paths) -> Places:
    check_job_name(job.name)
    return Places(Path(os.path.realpath(paths.library_root)), job.torrent_id)


def _failed_outside_of_steps(job: Job, policy: Policy, run: Run | None, error: FsOpsError | OSError) -> Report:
    step = StepName.VALIDATE_POLICY
    cause = from_os_error(error, "work in the library") if isinstance(error, OSError) else error
    problem = cause.problem(step)
    if run is not None:
        run.record.state = JobState.FAILED
        return report_of(run.record, run.places.library, error=problem)
    return Report(JobState.FAILED, 0, policy_digest(policy), (), (), error=problem)


class _Runner:
    """One run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ran: list[StepName] = []
        self._begun = False

    def go(self) -> Report:
        """Run what is to be run."""
        run = self._run
        settled = publish.settle(run)
        if settled is not None:
            self._note(StepName.PUBLISH, settled, run.tools.wall(), run.tools.monotonic())
        if run.record.artifact is not None:
            if run.record.state is not JobState.COMPLETED and not self._perform(StepName.FINALISE):
                return self._report()
            self._clear()
            if run.same_inputs() or not self._effect():
                return self._published()
            if not self._reopen():
                return self._published("the policy changed, but the entry was changed too: it is left as it is")
        elif run.record.state is JobState.SKIPPED and run.same_inputs() and self._still_taken():
            self._clear()
            return self._report()
        return self._all_steps()

    def _all_steps(self) -> Report:
        run = self._run
        prune(run.record, run.look())
        for step in StepName:
            if self._is_due(step) and not self._perform(step):
                return self._report()
        self._clear()
        return self._report()

    def _is_due(self, step: StepName) -> bool:
        run = self._run
        if step is StepName.VALIDATE_POLICY and not self._looked_up():
            return True
        action, _ = decide(step, step_digest(step, run.facts()), run.record)
        return action is not Action.SKIP or not holds(step, run)

    def _looked_up(self) -> bool:
        try:
            self._run.ownership = ownership.resolve_ownership(self._run.policy)
        except FsOpsError:
            return False
        return True

    def _perform(self, step: StepName) -> bool:
        """Perform a step and record it; False when it failed."""
        with span(f"fsops.{step}") as made:
            is_done = self._attempt(step)
            if made is not None:
                self._tell(made, step)
        return is_done

    def _tell(self, made: Span, step: StepName) -> None:
        """Note in the trace what became of a step."""
        done = self._run.record.steps.get(step)
        if done is not None:
            made.set({"revaer.outcome": done.outcome.value, "revaer.bytes": done.bytes})
            if done.outcome is Outcome.FAILED:
                made.fail(step.value, done.detail)

    def _attempt(self, step: StepName) -> bool:
        run = self._run
        self._begin()
        started, clock = run.tools.wall(), run.tools.monotonic()
        before = run.record.steps.get(step)
        located = run.record.located
        try:
            if run.cancelled():
                raise Cancelled
            result = perform(step, run, run.watch(step))
            value = step_digest(step, run.facts())
            if (
                before is not None
                and step is StepName.LOCATE_SOURCE
                and (before.digest, before.outcome, located) == (value, result.outcome, run.record.located)
            ):
                return True
            self._ran.append(step)
            self._note(step, result, started, clock)
            if step is StepName.TRANSFER:
                for later in _OF_THE_TREE:
                    run.record.steps.pop(later, None)
            run.save()
        except (FsOpsError, OSError) as error:
            self._fail(step, error, started, clock)
            return False
        return True

    def _begin(self) -> None:
        """Note in the record that a run does work."""
        record, run = self._run.record, self._run
        if not self._begun:
            self._begun = True
            record.attempt += 1
            record.error = None
            record.state = JobState.RUNNING
            if record.artifact is None:
                record.policy_digest, record.job_digest = policy_digest(run.policy), job_digest(run.job)

    def _note(self, step: StepName, result: StepResult, started: float, clock: float) -> None:
        run = self._run
        seconds = run.tools.monotonic() - clock
        value = step_digest(step, run.facts()) or ""
        run.record.steps[step] = StepRecord(value, result.outcome, started, seconds, result.bytes, result.detail)

    def _fail(self, step: StepName, error: FsOpsError | OSError, started: float, clock: float) -> None:
        run = self._run
        what = f"do the step {step}"
        cause = from_os_error(error, what, step=step) if isinstance(error, OSError) else error
        problem = cause.problem(step)
        seconds = run.tools.monotonic() - clock
        record = run.record
        record.state = JobState.CANCELLED if isinstance(cause, Cancelled) else JobState.FAILED
        record.error = ErrorRecord(problem.step, problem.path, problem.message, problem.retryable)
        record.steps[step] = StepRecord("", Outcome.FAILED, started, seconds, 0, problem.message)
        self._ran.append(step)
        if _is_full(error):
            # What was made so far may be what fills the volume, and would keep every other job waiting.
            with suppress(OSError, Refused):
                workdir.give_back(run.tools.disk, run.places, record)
        # On a full disk the record of the failure may not fit; the one before it is as good to go on from.
        with suppress(OSError):
            run.save()

    def _effect(self) -> bool:
        """Tell whether the changed policy or job would make another entry; otherwise note that it was looked at."""
        run = self._run
        run.ownership = ownership.resolve_ownership(run.policy)
        if any(each.action is not Action.SKIP for each in plan(run.facts()) if each.name not in _WITHOUT_EFFECT):
            return True
        run.record.policy_digest, run.record.job_digest = policy_digest(run.policy), job_digest(run.job)
        run.save()
        return False

    def _reopen(self) -> bool:
        """Begin to make a new entry in the place of the published one; False when that is not what we published."""
        record = self._run.record
        artifact = record.artifact
        assert artifact is not None, "something is published"
        check = self._check()
        if record.shared or check.state is not ArtifactState.INTACT or check.added:
            return False
        record.replaces = Replaced(artifact, record.placed, record.hashes)
        record.artifact, record.intent, record.placed = None, None, {}
        for step in _AFTERWARDS:
            record.steps.pop(step, None)
        return True

    def _check(self) -> artefact.ArtifactCheck:
        run, record = self._run, self._run.record
        assert record.artifact is not None, "something is published"
        watch = run.watch(StepName.FINALISE)
        return artefact.inspect(
            run.tools.disk, run.places.library, record.artifact, record.placed, record.hashes, on_bytes=watch.advance
        )

    def _still_taken(self) -> bool:
        taken = self._run.record.taken
        return taken is not None and os.path.lexists(self._run.places.library / taken)

    def _clear(self) -> None:
        """Remove the work directory; what cannot be removed now is removed by the next run."""
        with suppress(OSError, Refused):
            workdir.check_dispensable(self._run.places, self._run.record)
            workdir.remove(self._run.tools.disk, self._run.places)

    def _published(self, note: str | None = None) -> Report:
        run = self._run
        return report_of(run.record, run.places.library, tuple(self._ran), check=self._check(), note=note)

    def _report(self) -> Report:
        return report_of(self._run.record, self._run.places.library, tuple(self._ran))


def _is_full(error: FsOpsError | OSError) -> bool:
    cause = error if isinstance(error, OSError) else error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
