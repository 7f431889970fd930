"""The crash matrix: the world stops at every operation that changes a disk, then the job runs again.

What comes out is what an undisturbed run makes; nothing foreign changed; no half of an entry was ever in the library.
"""

from __future__ import annotations

import errno
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from revaer.fsops.policy import MoveMode, Policy
from revaer.fsops.ports import Pace
from revaer.fsops.record import JobState
from revaer.fsops.types import Job
from tests.fsops.pipeline.faults import Crash, FaultyDisk, crash_at, fail_at, fail_call, strike_all
from tests.fsops.pipeline.world import Seen, World, look_at, make_world, shape_of, zipped

PLAIN = {"film.mkv": b"film" * 500, "Subs/en.srt": b"words", "film.nfo": b"info"}
PACKED = {"CD1/a.zip": zipped({"film.mkv": b"film" * 500, "Subs/en.srt": b"words"}), "film.nfo": b"info", "x.txt": b""}
PLAIN_POLICY = Policy()
RICH_POLICY = Policy(
    cleanup_drop=("*.nfo",), cleanup_keep=("keep*",), chmod_file="0600", chmod_dir="0750", flatten=True, umask="077"
)


@dataclass(frozen=True)
class Case:
    """One line of the matrix."""

    mode: MoveMode
    files: dict[str, bytes]
    policy: Policy
    without_flags: bool = False
    other_volume: bool = False
    single: bool = False
    alone: bool = False
    """Whether nothing but the torrent's own files is in its directory."""

    def disk(self, *strikes: object) -> FaultyDisk:
        quirks = [fail_call("rename_new", errno.EINVAL)] if self.without_flags else []
        if self.other_volume:
            quirks.append(fail_call("link", errno.EXDEV))
        return FaultyDisk(strike_all(*strikes, *quirks), torn=True)  # type: ignore[arg-type]  # strikes of any kind

    def job(self, world: World) -> Job:
        return world.single("film.mkv", b"film" * 500) if self.single else world.torrent(self.files)


def name_of(case: Case) -> str:
    words = [case.mode.value, "packed" if case.files is PACKED else "plain"]
    words += ["rich"] if case.policy is RICH_POLICY else []
    words += ["no-flags"] if case.without_flags else []
    words += ["other-volume"] if case.other_volume else []
    words += ["single"] if case.single else []
    words += ["alone"] if case.alone else []
    return "-".join(words)


MATRIX = [Case(mode, PLAIN, PLAIN_POLICY) for mode in MoveMode]
MATRIX += [Case(mode, PACKED, RICH_POLICY) for mode in MoveMode]
MATRIX += [
    Case(MoveMode.COPY, PLAIN, PLAIN_POLICY, without_flags=True),
    Case(MoveMode.HARDLINK, PLAIN, PLAIN_POLICY, without_flags=True, single=True),
    Case(MoveMode.MOVE, PLAIN, PLAIN_POLICY, other_volume=True),
    Case(MoveMode.HARDLINK, PACKED, RICH_POLICY, other_volume=True),
    Case(MoveMode.MOVE, PLAIN, RICH_POLICY, single=True),
    Case(MoveMode.MOVE, PLAIN, PLAIN_POLICY, alone=True),
    Case(MoveMode.HARDLINK, PLAIN, RICH_POLICY),
    Case(MoveMode.HARDLINK, PACKED, PLAIN_POLICY),
]


def furnished(root: Path, case: Case) -> tuple[World, Job]:
    """Make a world with foreign things in every place where a job works."""
    world = make_world(root)
    world.pace = Pace(files=1, bytes=1)
    job = case.job(world)
    for path in ("Other/film.mkv", ".revaer/work/other/tree/x", ".revaer/note.txt", "Show.txt"):
        world._write(world.library / path, b"foreign")
    for path in ("Other/film.mkv",) if case.alone else ("Show/unselected.txt", "Other/film.mkv"):
        world._write(world.downloads / path, b"foreign")
    return world, job


def foreign_in(world: World, job: Job, published: set[str]) -> dict[str, Seen]:
    """Describe everything that is not the job's."""
    own = {str((job.source_root / file.path).relative_to(world.root)) for file in job.files}
    ours: tuple[str, ...] = (
        f"library/.revaer/work/{job.torrent_id}",
        f"library/.revaer/{job.torrent_id}",
        f"library/.revaer/.{job.torrent_id}",
    )
    ours += tuple(f"library/{name}" for name in published)
    return {
        path: each
        for path, each in look_at(world.root).items()
        if path not in own and not path.startswith(ours) and each.kind != "d"
    }


def sources(world: World, job: Job) -> dict[str, Seen]:
    seen = look_at(job.source_root)
    return {file.path: seen[file.path] for file in job.files if file.path in seen}


def outcome(world: World, job: Job, entry: str) -> dict[str, object]:
    """Describe what must be the same after any history."""
    return {
        "entry": shape_of(world.library / entry, world.downloads),
        "library": sorted(path.name for path in world.library.iterdir()),
        "work": world.work.exists(),
        "ours": sorted(path.name for path in world.ours.iterdir()),
        "sources": sorted(sources(world, job)),
        "directories": sorted(path for path, each in look_at(world.downloads).items() if each.kind == "d"),
    }


@pytest.mark.parametrize("case", MATRIX, ids=name_of)
def test_job_that_is_killed_anywhere_ends_like_an_undisturbed_one(fast_path: Path, case: Case) -> None:
    policy = replace(case.policy, move_mode=case.mode)
    calm, job = furnished(fast_path / "calm", case)
    counting = case.disk()
    report = calm.with_disk(counting).run(job, policy)
    assert report.error is None
    assert report.artifact_path is not None
    entry = report.artifact_path.name
    expected = outcome(calm, job, entry)
    assert counting.count > 30

    for number in range(counting.count):
        root = fast_path / "struck"
        world, job = furnished(root, case)
        foreign, before = foreign_in(world, job, {entry}), sources(world, job)
        with pytest.raises(Crash):
            world.with_disk(case.disk(crash_at(number))).run(job, policy)
        place = f"killed at {number}, {counting.names[number]}"
        assert foreign_in(world, job, {entry}) == foreign, place
        now = shape_of(world.library / entry, world.downloads)
        claim = case.without_flags and list(now) == [""]
        assert now == {} or claim or (set(now) == set(expected["entry"])), place  # type: ignore[call-overload]
        if case.mode is not MoveMode.MOVE:
            assert sources(world, job) == before, place

        report = world.with_disk(case.disk()).run(job, policy)

        assert report.error is None, place
        assert report.state is JobState.COMPLETED, place
        assert outcome(world, job, entry) == expected, place
        assert foreign_in(world, job, {entry}) == foreign, place
        if case.mode is not MoveMode.MOVE:
            assert sources(world, job) == before, place
        assert world.run(job, policy).ran == (), place
        shutil.rmtree(root)


@pytest.mark.parametrize("case", [case for case in MATRIX if case.policy is RICH_POLICY], ids=name_of)
def test_full_disk_anywhere_is_retryable_and_resumable(fast_path: Path, case: Case) -> None:
    policy = replace(case.policy, move_mode=case.mode)
    calm, job = furnished(fast_path / "calm", case)
    counting = case.disk()
    report = calm.with_disk(counting).run(job, policy)
    assert report.artifact_path is not None
    entry = report.artifact_path.name
    expected = outcome(calm, job, entry)

    for number in range(counting.count):
        root = fast_path / "struck"
        world, job = furnished(root, case)
        foreign, before = foreign_in(world, job, {entry}), sources(world, job)
        report = world.with_disk(case.disk(fail_at(number, lasting=True))).run(job, policy)
        place = f"full at {number}, {counting.names[number]}"
        if report.error is not None:
            assert report.error.retryable, place
            assert "no space left" in report.error.message, place
            assert report.state is JobState.FAILED, place
        assert foreign_in(world, job, {entry}) == foreign, place
        if case.mode is not MoveMode.MOVE:
            assert sources(world, job) == before, place

        report = world.with_disk(case.disk()).run(job, policy)

        assert report.error is None, place
        assert outcome(world, job, entry) == expected, place
        assert foreign_in(world, job, {entry}) == foreign, place
        shutil.rmtree(root)
