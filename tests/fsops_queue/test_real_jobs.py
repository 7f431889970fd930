"""The queue with the real runner and real files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from revaer.fsops.messages import (
    FindingKind,
    ForgetJob,
    JobState,
    Outcome,
    PlanJob,
    RetryJob,
    SourceFile,
    StepName,
    VerifyLibrary,
)
from revaer.fsops.policy import MoveMode
from revaer.fsops.ports import Tools
from revaer.fsops.retry import RetryPolicy
from revaer.fsops.types import Extraction, Limits
from revaer.fsops.workshop import LibraryRunner
from revaer.selection import evaluate
from tests.fsops_queue.conftest import QUICK, RunningQueue, RunQueue, Surroundings, torrent_id
from tests.support.waiting import eventually


class NoArchives:
    """Finds nothing to extract."""

    def extract_all(
        self,
        root: Path,
        into: Path,
        limits: Limits,
        passwords: Sequence[str],
        *,
        files: Sequence[str],
        on_progress: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> Extraction:
        return Extraction((), frozenset())


@pytest.fixture
async def real(around: Surroundings, run_queue: RunQueue) -> AsyncIterator[RunningQueue]:
    """A queue that does real jobs."""
    runner: Any = LibraryRunner(Tools(NoArchives(), None, evaluate))
    around.policy = replace(around.policy, extract=False)
    runner.active = []
    around.runner = runner
    patient = replace(QUICK, retry=RetryPolicy(first=0.02, longest=0.05, max_failures=1_000))
    async with run_queue(around, timing=patient) as queue:
        yield queue


def download(queue: RunningQueue) -> dict[str, Any]:
    folder = queue.around.downloads / "Show"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.mkv").write_bytes(b"film" * 1_000)
    (folder / "deep" / "b.srt").write_bytes(b"words")
    files = (SourceFile("a.mkv", 4_000), SourceFile("deep/b.srt", 5))
    return {"name": "Show", "source_root": str(folder), "files": files}


async def test_finished_download_becomes_a_library_entry(real: RunningQueue) -> None:
    await real.enqueue(1, **download(real))
    detail = await real.reaches(1, JobState.COMPLETED)
    entry = real.around.library / "Show"
    assert detail.artifact_path == str(entry)
    assert (entry / "a.mkv").samefile(real.around.downloads / "Show" / "a.mkv")
    assert [step.name for step in detail.steps] == [*StepName]
    assert {step.outcome for step in detail.steps} <= {Outcome.DONE, Outcome.SKIPPED}
    assert [(file.path, file.size_bytes) for file in detail.files] == [("a.mkv", 4_000), ("deep/b.srt", 5)]
    assert len(detail.policy_digest) == 64


async def test_plan_changes_nothing(real: RunningQueue) -> None:
    spec = replace(real.request(1), **download(real)).spec
    before = sorted(real.around.library.rglob("*"))
    plan = await real.ask(PlanJob(torrent_id(1), spec))
    assert plan.entry == "Show"
    assert [step.name for step in plan.steps] == [*StepName]
    assert sorted(real.around.library.rglob("*")) == before


async def test_missing_source_is_tried_again_until_it_is_there(real: RunningQueue) -> None:
    await real.enqueue(1, name="late", files=(SourceFile("late.bin", 3),), multi_file=False)
    await eventually(lambda: "fsops_failed" in real.kinds(1), "it failed")
    (real.around.downloads / "late.bin").write_bytes(b"now")
    await real.reaches(1, JobState.COMPLETED)


async def test_retry_under_a_changed_policy_makes_the_entry_anew(real: RunningQueue) -> None:
    await real.enqueue(1, **download(real))
    await real.reaches(1, JobState.COMPLETED)
    real.around.policy = replace(real.around.policy, move_mode=MoveMode.COPY)
    await real.ask(RetryJob(torrent_id(1)))
    await real.reaches(1, JobState.COMPLETED)
    entry = real.around.library / "Show" / "a.mkv"
    assert entry.read_bytes() == b"film" * 1_000
    assert not entry.samefile(real.around.downloads / "Show" / "a.mkv")


async def test_verification_tells_what_was_changed_and_what_is_gone(real: RunningQueue) -> None:
    real.around.policy = replace(real.around.policy, move_mode=MoveMode.COPY)
    await real.enqueue(1, **download(real))
    await real.reaches(1, JobState.COMPLETED)
    clean = await real.ask(VerifyLibrary())
    assert (clean.entries, clean.bytes, clean.findings) == (1, 4_005, ())
    entry = real.around.library / "Show"
    (entry / "a.mkv").write_bytes(b"FILM" * 1_000)
    (entry / "deep" / "b.srt").unlink()
    report = await real.ask(VerifyLibrary())
    assert {(finding.kind, finding.path) for finding in report.findings} == {
        (FindingKind.CHANGED, str(entry / "a.mkv")),
        (FindingKind.MISSING, str(entry / "deep" / "b.srt")),
    }


async def test_forgotten_job_leaves_the_entry_and_no_record(real: RunningQueue) -> None:
    await real.enqueue(1, **download(real))
    await real.reaches(1, JobState.COMPLETED)
    await real.ask(ForgetJob(torrent_id(1)))
    folder = real.around.library / ".revaer"
    await eventually(lambda: not [*folder.glob("*.meta")], "the record is gone")
    assert (real.around.library / "Show" / "a.mkv").exists()
