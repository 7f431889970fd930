"""Nothing is copied that does not fit into the library's volume beside its reserve; a full volume is not kept full."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest

from revaer.fsops.policy import MoveMode, Policy
from revaer.fsops.record import JobState
from revaer.fsops.report import Report
from revaer.fsops.types import StepName
from tests.fsops.pipeline.faults import FaultyDisk, SmallDisk, fail_call
from tests.fsops.pipeline.world import World

RESERVE = SmallDisk.TOTAL // 20
FILES = {"film.mkv": b"film" * 1_000, "more.mkv": b"more" * 500, "empty": b""}
NEEDED = 6_000
COPYING = Policy(move_mode=MoveMode.COPY)


def check_refused(world: World, report: Report, step: StepName, needed: int) -> None:
    assert report.error is not None
    assert report.error.step is step
    assert report.error.retryable
    assert f"the job needs {needed}," in report.error.message
    assert not any(path.stat().st_nlink == 1 for path in world.work.rglob("tree/**/*.mkv")), "nothing was copied"


def test_copies_that_do_not_fit_are_not_begun(world: World) -> None:
    job = world.torrent(FILES)

    report = world.with_disk(SmallDisk(NEEDED + RESERVE - 1)).run(job, COPYING)

    check_refused(world, report, StepName.TRANSFER, NEEDED)
    assert world.with_disk(SmallDisk(NEEDED + RESERVE)).run(job, COPYING).state is JobState.COMPLETED


def test_links_need_no_room(world: World) -> None:
    assert world.with_disk(SmallDisk(0)).run(world.torrent(FILES)).state is JobState.COMPLETED


def test_volume_that_does_not_tell_its_size_is_used(world: World) -> None:
    assert world.with_disk(SmallDisk(0, total=0)).run(world.torrent(FILES), COPYING).state is JobState.COMPLETED


@pytest.mark.parametrize("mode", [MoveMode.HARDLINK, MoveMode.MOVE, MoveMode.REFLINK])
def test_copies_in_place_of_links_that_do_not_fit_are_not_begun(world: World, mode: MoveMode) -> None:
    job = world.torrent(FILES)
    strike = fail_call("clone" if mode is MoveMode.REFLINK else "link", errno.EXDEV)

    report = world.with_disk(SmallDisk(NEEDED + RESERVE - 1, strike)).run(job, Policy(move_mode=mode))

    check_refused(world, report, StepName.TRANSFER, NEEDED)


def test_single_file_with_too_many_links_needs_room_alone(world: World) -> None:
    job = world.torrent(FILES)
    struck: list[str] = []

    def strike(_number: int, name: str) -> None:
        if name == "link" and len(struck) < 2:
            struck.append(name)
            raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))

    report = world.with_disk(SmallDisk(4_000 + RESERVE, strike)).run(job)

    assert report.state is JobState.COMPLETED
    assert struck == ["link", "link"]


def test_room_is_needed_only_for_what_is_not_there(world: World) -> None:
    job = world.torrent(FILES)
    world.run(job, COPYING)

    report = world.with_disk(SmallDisk(0)).run(job, replace(COPYING, flatten=True, cleanup_drop=("empty",)))

    assert report.error is None
    assert sorted(path.name for path in (world.library / "Show").iterdir()) == ["film.mkv", "more.mkv"]


def test_private_copies_for_permissions_that_do_not_fit_are_not_begun(world: World) -> None:
    job = world.torrent(FILES)
    strike = fail_call("clone", errno.EOPNOTSUPP)

    report = world.with_disk(SmallDisk(NEEDED + RESERVE - 1, strike)).run(job, Policy(chmod_file="0600"))

    check_refused(world, report, StepName.SET_PERMISSIONS, NEEDED)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_job_that_fills_the_volume_gives_back_what_it_used(world: World, code: int) -> None:
    job = world.torrent(FILES)
    copies: list[str] = []

    def strike(_number: int, name: str) -> None:
        if name == "copy":
            copies.append(name)
            if len(copies) > 1:
                raise OSError(code, os.strerror(code))

    report = world.with_disk(FaultyDisk(strike)).run(job, COPYING)

    assert report.error is not None
    assert report.error.retryable
    assert not world.work.exists()
    assert world.run(job, COPYING).state is JobState.COMPLETED
