"""A published entry that is to be replaced may be deleted meanwhile, and the volume may not be able to exchange."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from revaer.fsops.errors import Refused
from revaer.fsops.policy import MoveMode, OnConflict, Policy
from revaer.fsops.record import JobState
from revaer.fsops.sweeper import clean
from revaer.fsops.types import Job, StepName
from tests.fsops.pipeline.faults import FaultyDisk, fail_call, strike_all
from tests.fsops.pipeline.world import ID, World, look_at

FILES = {"film.mkv": b"film" * 100, "Subs/en.srt": b"words"}
MOVED = Policy(move_mode=MoveMode.MOVE)
PRIVATE = replace(MOVED, chmod_file="0600")


def without_flags(world: World) -> World:
    """The same world on a volume that knows no flags of rename."""
    strike = strike_all(fail_call("rename_new", errno.EINVAL), fail_call("exchange", errno.EINVAL))
    return world.with_disk(FaultyDisk(strike))


def torrent(world: World, *, single: bool) -> Job:
    return world.single("film.mkv", FILES["film.mkv"]) if single else world.torrent(FILES)


def remove(world: World, job: Job) -> None:
    """Delete the entry, as the user does."""
    (world.library / job.name).rename(world.root / "trash")


def names(world: World) -> list[str]:
    return sorted(path.name for path in world.library.iterdir() if path.name != ".revaer")


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("mode", MoveMode)
def test_deleted_entry_is_published_again_where_it_cannot_be_exchanged(
    world: World, mode: MoveMode, single: bool
) -> None:
    plain = without_flags(world)
    job = torrent(world, single=single)
    policy = Policy(move_mode=mode)
    plain.run(job, policy)
    refused = plain.run(job, replace(policy, chmod_file="0600"))
    assert refused.error is not None
    assert "delete the entry and run again" in refused.error.message
    remove(world, job)

    report = plain.run(job, replace(policy, chmod_file="0600"))

    assert report.error is None
    assert names(world) == [job.name]
    entry = look_at(world.library / job.name)
    assert {each.mode for each in entry.values() if each.kind == "-"} == {0o600}
    assert not world.work.exists()
    assert plain.run(job, replace(policy, chmod_file="0600")).ran == ()


def test_foreign_entry_in_the_place_of_a_deleted_one_is_not_overwritten(world: World) -> None:
    plain = without_flags(world)
    job = torrent(world, single=True)
    plain.run(job, MOVED)
    plain.run(job, PRIVATE)
    remove(world, job)
    (world.library / job.name).mkdir()

    report = plain.run(job, PRIVATE)

    assert report.error is not None
    assert "not overwritten" in report.error.message
    assert list((world.library / job.name).iterdir()) == []


@pytest.mark.parametrize("single", [False, True])
def test_only_copy_of_a_moved_torrent_outlives_its_job(world: World, single: bool) -> None:
    plain = without_flags(world)
    job = torrent(world, single=single)
    plain.run(job, MOVED)
    plain.run(job, PRIVATE)
    remove(world, job)
    kept = look_at(world.work)

    with pytest.raises(Refused, match="the only copy"):
        clean(world.library, ID)

    assert look_at(world.work) == kept
    assert world.meta.exists()


def test_only_copy_of_a_moved_torrent_outlives_a_policy_that_skips(world: World) -> None:
    plain = without_flags(world)
    job = torrent(world, single=False)
    plain.run(job, MOVED)
    plain.run(job, PRIVATE)
    remove(world, job)
    (world.library / job.name).write_bytes(b"foreign")

    report = plain.run(job, replace(PRIVATE, on_conflict=OnConflict.SKIP))

    assert report.state is JobState.SKIPPED
    assert (world.work / "tree/film.mkv").read_bytes() == FILES["film.mkv"]


def test_only_copy_of_a_moved_torrent_outlives_another_policy(world: World) -> None:
    plain = without_flags(world)
    job = torrent(world, single=False)
    plain.run(job, MOVED)
    plain.run(job, PRIVATE)
    remove(world, job)

    report = plain.run(job, Policy(move_mode=MoveMode.COPY))

    assert report.error is not None
    assert "the only copy" in report.error.message
    assert (world.work / "tree/film.mkv").read_bytes() == FILES["film.mkv"]
    assert plain.run(job, PRIVATE).error is None
    assert (world.library / "Show/film.mkv").read_bytes() == FILES["film.mkv"]


def test_work_directory_of_a_job_whose_source_is_there_goes_with_it(world: World) -> None:
    plain = without_flags(world)
    job = torrent(world, single=False)
    plain.run(job)
    plain.run(job, Policy(chmod_file="0600"))
    remove(world, job)

    assert clean(world.library, ID)

    assert not world.work.exists()


def test_entry_gets_another_name_where_the_volume_knows_no_flags(world: World) -> None:
    plain = without_flags(world)
    job = world.torrent({"deep/film.mkv": b"film", "deep/en.srt": b"words"})
    plain.run(job)

    report = plain.run(job, Policy(flatten=True))

    assert report.error is None
    assert names(world) == ["deep"]
    assert not world.work.exists()


@pytest.mark.parametrize("single", [False, True])
def test_entry_that_is_changed_while_it_is_replaced_is_kept_where_the_volume_knows_no_flags(
    world: World, single: bool
) -> None:
    plain = without_flags(world)
    job = world.torrent({"film.mkv": b"film"} if single else {"deep/film.mkv": b"film", "deep/en.srt": b"words"})
    plain.run(job, Policy(flatten=single))
    old = world.library / ("film.mkv" if single else "Show")

    def meddle(step: StepName, _done: int, _total: int) -> None:
        if step is StepName.CHECKSUM:
            (old if single else old / "poster.jpg").write_bytes(b"mine")

    report = plain.run(job, Policy(flatten=not single, move_mode=MoveMode.COPY), on_progress=meddle)

    assert report.error is None
    assert names(world) == (["Show", "film (2).mkv"] if single else ["Show (2)", "deep"])
    kept = world.library / ("film (2).mkv" if single else "Show (2)/poster.jpg")
    assert kept.read_bytes() == b"mine"


def test_copies_that_were_made_are_used_in_another_place_where_the_volume_knows_no_flags(world: World) -> None:
    plain = without_flags(world)
    job = world.torrent({"deep/film.mkv": b"film", "deep/en.srt": b"words"})
    seen: set[StepName] = set()
    copying = Policy(move_mode=MoveMode.COPY)
    plain.run(job, copying, on_progress=lambda step, *_: seen.add(step), cancelled=lambda: StepName.CHECKSUM in seen)

    report = plain.run(job, replace(copying, flatten=True))

    assert report.error is None
    assert {step.name: step.detail for step in report.steps}[StepName.TRANSFER] == "2 reused"
