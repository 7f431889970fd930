"""A changed policy redoes what it affects, before and after an entry was published, and ends like a fresh run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from revaer.fsops.policy import MoveMode, Policy
from revaer.fsops.record import JobState
from revaer.fsops.types import SourceFile, StepName
from tests.fsops.pipeline.faults import Crash, FaultyDisk, crash_at
from tests.fsops.pipeline.world import World, look_at, make_world, shape_of, zipped

FILES = {"in/a.zip": zipped({"film.mkv": b"film" * 50, "x.nfo": b"x"}), "in/film.nfo": b"info", "in/b.txt": b"b"}
PLAIN = Policy()
CHANGES = {
    "modes": (PLAIN, Policy(chmod_file="0600", chmod_dir="0700")),
    "modes-back": (Policy(chmod_file="0600", umask="077"), PLAIN),
    "drop": (PLAIN, Policy(cleanup_drop=("*.nfo",))),
    "drop-back": (Policy(cleanup_drop=("*.nfo", "*.txt")), Policy(cleanup_drop=("*.txt",))),
    "flatten": (PLAIN, Policy(flatten=True)),
    "flatten-back": (Policy(flatten=True), PLAIN),
    "copy-to-link": (Policy(move_mode=MoveMode.COPY), PLAIN),
    "link-to-copy": (PLAIN, Policy(move_mode=MoveMode.COPY, chmod_file="0604")),
    "link-to-move": (PLAIN, Policy(move_mode=MoveMode.MOVE)),
    "no-extract": (PLAIN, Policy(extract=False)),
    "extract": (Policy(extract=False), PLAIN),
}


def outcome(world: World) -> dict[str, object]:
    return {
        "library": {
            path: each
            for path, each in shape_of(world.library, world.downloads).items()
            if not path.startswith(".revaer")
        },
        "work": world.work.exists(),
        "sources": sorted(look_at(world.downloads)),
    }


def fresh(root: Path, policy: Policy) -> dict[str, object]:
    world = make_world(root)
    assert world.run(world.torrent(FILES), policy).error is None
    return outcome(world)


@pytest.mark.parametrize("name", CHANGES)
def test_published_entry_follows_a_changed_policy_from_any_crash(fast_path: Path, name: str) -> None:
    before, after = CHANGES[name]
    expected = fresh(fast_path / "fresh", after)
    number = 0
    while True:
        root = fast_path / "world"
        world = make_world(root)
        job = world.torrent(FILES)
        assert world.run(job, before).state is JobState.COMPLETED
        try:
            world.with_disk(FaultyDisk(crash_at(number))).run(job, after)
            crashed = False
        except Crash:
            crashed = True
            assert [path.name for path in world.library.iterdir() if path.name != ".revaer"], "there is always an entry"
        report = world.run(job, after)
        assert report.error is None, number
        assert outcome(world) == expected, number
        assert world.run(job, after).ran == ()
        shutil.rmtree(root)
        if not crashed:
            break
        number += 3
    assert number > 10


@pytest.mark.parametrize("name", CHANGES)
def test_unfinished_job_follows_a_changed_policy(fast_path: Path, name: str) -> None:
    before, after = CHANGES[name]
    expected = fresh(fast_path / "fresh", after)
    number = 0
    while True:
        root = fast_path / "world"
        world = make_world(root)
        job = world.torrent(FILES)
        try:
            world.with_disk(FaultyDisk(crash_at(number))).run(job, before)
            break
        except Crash:
            report = world.run(job, after)
        assert report.error is None, number
        assert outcome(world) == expected, number
        shutil.rmtree(root)
        number += 3
    assert number > 10


def test_changed_modes_repeat_neither_extraction_nor_copying(world: World) -> None:
    job = world.torrent(FILES)
    world.run(job, Policy(move_mode=MoveMode.COPY))
    calls = len(world.extractor.calls)

    report = world.run(job, Policy(move_mode=MoveMode.COPY, chmod_file="0600"))

    assert StepName.EXTRACT not in report.ran
    assert len(world.extractor.calls) == calls
    detail = {step.name: step.detail for step in report.steps}
    assert "copied" not in detail[StepName.TRANSFER]
    assert {path.stat().st_mode & 0o777 for path in (world.library / "Show").rglob("*") if path.is_file()} == {0o600}


def test_changed_patterns_do_not_hash_again(world: World) -> None:
    job = world.torrent(FILES)
    world.run(job, PLAIN)

    report = world.run(job, Policy(cleanup_drop=("*.nfo",)))

    assert {step.name: step.detail for step in report.steps}[StepName.CHECKSUM] == "0 of 2 files hashed"


def test_policy_without_effect_on_the_entry_changes_nothing(world: World) -> None:
    job = world.torrent(FILES)
    world.run(job, PLAIN)
    before = look_at(world.library / "Show")

    report = world.run(job, replace(PLAIN, par2="off", on_conflict="rename", link_fallback="copy"))  # type: ignore[arg-type]  # plain strings of the enums

    assert report.ran == ()
    assert report.error is None
    assert look_at(world.library / "Show") == before


def test_entry_that_the_user_changed_does_not_follow_the_policy(world: World) -> None:
    job = world.torrent(FILES)
    world.run(job, PLAIN)
    (world.library / "Show" / "poster.jpg").write_bytes(b"mine")
    before = look_at(world.library / "Show")

    report = world.run(job, Policy(chmod_file="0600"))

    assert look_at(world.library / "Show") == before
    assert report.state is JobState.COMPLETED
    assert report.note is not None
    assert "left as it is" in report.note


@pytest.mark.parametrize("mode", MoveMode)
def test_moved_torrent_follows_a_changed_policy_without_its_source(world: World, mode: MoveMode) -> None:
    job = world.torrent(FILES)
    world.run(job, Policy(move_mode=MoveMode.MOVE))
    assert not (world.downloads / "Show/in/b.txt").exists()

    report = world.run(job, Policy(move_mode=mode, chmod_file="0600"))

    assert report.error is None
    assert (world.library / "Show/in/b.txt").stat().st_mode & 0o777 == 0o600
    assert (world.library / "Show/in/b.txt").read_bytes() == b"b"
    assert not world.work.exists()


def test_file_that_is_selected_later_joins_the_entry(world: World) -> None:
    job = world.torrent(FILES)
    smaller = replace(job, files=tuple(file for file in job.files if file.path != "in/b.txt"))
    world.run(smaller)

    report = world.run(replace(smaller, files=(*smaller.files, SourceFile("in/b.txt", 1))))

    assert report.error is None
    assert (world.library / "Show/in/b.txt").read_bytes() == b"b"
