"""A running queue and its library: unmounted, exchanged, full, silent; tools; verification."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from revaer.fsops import volumes
from revaer.fsops.messages import (
    FindingKind,
    FsOpsUnavailable,
    JobState,
    PauseQueue,
    UnknownJob,
    VerifyLibrary,
)
from revaer.fsops.policy import Par2Mode
from revaer.fsops.tools import ToolName
from revaer.fsops.volumes import Sighting
from tests.fsops_queue.conftest import QUICK, RunningQueue, RunQueue, Surroundings
from tests.support.waiting import eventually

Doctor = Callable[[Callable[[Sighting], Sighting]], None]


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Changes what is seen of a library: a test cannot fill or unmount a real volume."""
    real = volumes.look
    change: list[Callable[[Sighting], Sighting]] = [lambda seen: seen]
    monkeypatch.setattr(volumes, "look", lambda root: change[0](real(root)))

    def set_change(new: Callable[[Sighting], Sighting]) -> None:
        change[0] = new

    return set_change


async def published(queue: RunningQueue, number: int) -> None:
    await queue.enqueue(number)
    (await queue.runs(number)).finish()
    await queue.reaches(number, JobState.COMPLETED)


async def test_unmounted_library_is_never_filled(queue: RunningQueue) -> None:
    await published(queue, 1)
    away = queue.around.library.with_name("away")
    queue.around.library.rename(away)
    queue.around.library.mkdir()
    await queue.degraded("not mounted")
    await queue.enqueue(2)
    reason = (await queue.inspect(2)).waiting_for
    assert reason is not None
    assert "not mounted" in reason
    assert [*queue.around.library.iterdir()] == []
    assert len(queue.around.runner.runs) == 1
    queue.around.library.rmdir()
    away.rename(queue.around.library)
    (await queue.runs(2)).finish()
    await queue.reaches(2, JobState.COMPLETED)
    await queue.well()


async def test_unmounted_library_is_known_after_a_restart_too(around: Surroundings, run_queue: RunQueue) -> None:
    async with run_queue(around) as queue:
        await published(queue, 1)
    shutil.rmtree(around.library)
    around.library.mkdir()
    async with run_queue(around) as queue:
        await queue.degraded("not mounted")
        assert [*around.library.iterdir()] == []
        (around.library / ".revaer").mkdir()
        await queue.well()
        await published(queue, 2)


async def test_running_job_stops_when_its_library_goes_away_and_goes_on_later(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    first = await queue.runs(1)
    away = queue.around.library.with_name("away")
    queue.around.library.rename(away)
    await eventually(lambda: first.is_over, "it stopped")
    await queue.reaches(1, JobState.QUEUED)
    away.rename(queue.around.library)
    (await queue.runs(1, times=2)).finish()
    detail = await queue.reaches(1, JobState.COMPLETED)
    assert detail.attempt == 2
    assert "fsops_failed" not in queue.kinds(1)


async def test_jobs_pause_while_there_is_no_room_and_go_on_when_there_is(queue: RunningQueue, doctor: Doctor) -> None:
    await queue.enqueue(1)
    first = await queue.runs(1)
    doctor(lambda seen: replace(seen, free=5))
    await eventually(lambda: first.is_over, "it stopped")
    await queue.degraded("5 bytes free")
    assert "5 bytes free" in ((await queue.inspect(1)).waiting_for or "")
    doctor(lambda seen: seen)
    (await queue.runs(1, times=2)).finish()
    await queue.reaches(1, JobState.COMPLETED)
    await queue.well()


async def test_job_that_is_stopped_for_want_of_room_gives_back_what_it_used(
    queue: RunningQueue, doctor: Doctor
) -> None:
    await queue.enqueue(1)
    await queue.runs(1)
    work = queue.work(1)
    doctor(lambda seen: replace(seen, free=5))
    await queue.reaches(1, JobState.QUEUED)
    assert not work.exists()
    error = (await queue.inspect(1)).error
    assert error is not None
    assert "too little room" in error.message


async def test_library_that_does_not_answer_keeps_jobs_waiting_with_one_thread(
    around: Surroundings, run_queue: RunQueue, doctor: Doctor
) -> None:
    hung, released = [], threading.Event()

    def hang(seen: Sighting) -> Sighting:
        hung.append(seen)
        released.wait(20.0)
        return seen

    async with run_queue(around, timing=replace(QUICK, look_within=0.05)) as queue:
        await published(queue, 1)
        doctor(hang)
        await queue.degraded("does not answer")
        await queue.enqueue(2)
        assert "does not answer" in ((await queue.inspect(2)).waiting_for or "")
        assert len(hung) == 1
        doctor(lambda seen: seen)
        released.set()
        (await queue.runs(2)).finish()
        await queue.reaches(2, JobState.COMPLETED)


async def test_library_that_cannot_be_marked_is_not_used(queue: RunningQueue) -> None:
    await queue.well()
    other = queue.around.library.with_name("other")
    other.mkdir()
    (other / ".revaer").symlink_to(queue.around.downloads)
    queue.around.library = other
    await queue.degraded("cannot be marked")
    assert [*queue.around.downloads.iterdir()] == []


async def test_missing_tool_degrades_health_with_its_package_until_it_appears(queue: RunningQueue) -> None:
    queue.around.tools.missing = {ToolName.RAR, ToolName.PAR2}
    await queue.degraded("rar-package")
    assert "par2" not in (queue.health.reason or "")
    queue.around.policy = replace(queue.around.policy, par2=Par2Mode.VERIFY)
    await queue.degraded("par2-package")
    queue.around.tools.missing = set()
    await queue.well()


async def test_tools_of_no_use_to_the_policy_are_not_missed(queue: RunningQueue) -> None:
    queue.around.policy = replace(queue.around.policy, extract=False)
    queue.around.tools.missing = {*ToolName}
    queue.around.settings_away = "a moment"
    await queue.degraded("a moment")
    queue.around.settings_away = None
    await queue.well()


async def test_verification_of_an_empty_library_finds_nothing(queue: RunningQueue) -> None:
    report = await queue.ask(VerifyLibrary())
    assert (report.finished, report.entries, report.findings, report.error) == (True, 0, (), None)
    assert await queue.ask(VerifyLibrary(report.run_id)) == report


async def test_verification_tells_records_that_cannot_be_read(queue: RunningQueue) -> None:
    await published(queue, 1)
    (queue.around.library / ".revaer" / "x.revaer.meta").write_text("{")
    report = await queue.ask(VerifyLibrary())
    assert [finding.kind for finding in report.findings] == [FindingKind.UNREADABLE]
    assert report.findings_total == 1


async def test_unknown_verification_is_refused(queue: RunningQueue) -> None:
    with pytest.raises(UnknownJob):
        await queue.ask(VerifyLibrary("nonsense"))


async def test_library_that_is_away_cannot_be_verified(queue: RunningQueue) -> None:
    queue.around.library = Path("/nothing/there")
    with pytest.raises(FsOpsUnavailable, match="not there"):
        await queue.ask(VerifyLibrary())
    queue.around.settings_away = "config is down"
    with pytest.raises(FsOpsUnavailable, match="config is down"):
        await queue.ask(VerifyLibrary())


async def test_paused_queue_is_no_trouble_of_health(queue: RunningQueue) -> None:
    await queue.ask(PauseQueue())
    await queue.well()
