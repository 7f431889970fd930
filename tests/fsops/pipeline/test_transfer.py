"""How files get into the library: links, clones, copies, moves; across volumes; and what happens when they cannot."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from revaer.fsops.disk import Disk, StrPath
from revaer.fsops.policy import MoveMode, Policy
from revaer.fsops.ports import Pace
from revaer.fsops.record import JobState
from revaer.fsops.types import StepName
from tests.fsops.pipeline.faults import Crash, FaultyDisk, crash_at, fail_call
from tests.fsops.pipeline.world import World, look_at, make_world

FILES = {"film.mkv": b"film" * 1000, "Subs/en.srt": b"words"}
FILM = "Show/film.mkv"


class CloningDisk(Disk):
    """A disk that can share blocks, as far as anyone can tell."""

    def clone(self, source: int, target: int) -> None:
        with open(source, "rb", closefd=False) as original, open(target, "wb", closefd=False) as copy:
            shutil.copyfileobj(original, copy)


class OtherVolume(Disk):
    """A disk on which the source lies on another volume than the library."""

    def __init__(self, library: Path) -> None:
        self._library = library

    def link(self, source: StrPath, target: StrPath) -> None:
        if not Path(source).is_relative_to(self._library):
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(source))
        super().link(source, target)


class CarelessNames(Disk):
    """A disk that takes names for the same that differ only in case."""

    def lstat(self, path: StrPath) -> os.stat_result:
        return super().lstat(_lower(path))

    def create(self, path: StrPath, mode: int) -> int:
        return super().create(_lower(path), mode)

    def link(self, source: StrPath, target: StrPath) -> None:
        super().link(source, _lower(target))

    def unlink(self, path: StrPath) -> None:
        super().unlink(_lower(path))


def _lower(path: StrPath) -> Path:
    return Path(path).with_name(Path(path).name.lower())


class SyncedPaths(Disk):
    """A disk that knows what was made durable by its path."""

    def __init__(self) -> None:
        self.paths: set[Path] = set()

    def sync_path(self, path: StrPath, *, directory: bool) -> None:
        super().sync_path(path, directory=directory)
        self.paths.add(Path(path))


def crash_after_links(count: int) -> Callable[[int, str], None]:
    """Stop the world at the first operation after so many links."""
    made = 0

    def strike(_number: int, name: str) -> None:
        nonlocal made
        if made >= count:
            raise Crash
        made += name == "link"

    return strike


def divided(tmp_path: Path, other_volume: Path | None) -> World:
    """Make a world whose library lies on another volume: a real one, or one that says so."""
    if other_volume is not None:
        return make_world(tmp_path, library=other_volume / "library")
    world = make_world(tmp_path)
    return world.with_disk(OtherVolume(world.library))


def inode(path: Path) -> int:
    return path.stat().st_ino


def detail(world: World, step: StepName, policy: Policy) -> str:
    report = world.run(world.torrent(FILES), policy)
    return {each.name: each.detail for each in report.steps}[step]


def test_hard_links_share_the_original(world: World) -> None:
    world.run(world.torrent(FILES), Policy(move_mode=MoveMode.HARDLINK))

    assert inode(world.library / FILM) == inode(world.downloads / FILM)


@pytest.mark.parametrize("mode", [MoveMode.COPY, MoveMode.REFLINK])
def test_copies_have_their_own_inode_and_the_same_time_and_mode(world: World, mode: MoveMode) -> None:
    world.run(world.torrent(FILES), Policy(move_mode=mode))

    original, copy = (world.downloads / FILM).stat(), (world.library / FILM).stat()
    assert original.st_ino != copy.st_ino
    assert (original.st_mtime_ns, original.st_mode) == (copy.st_mtime_ns, copy.st_mode)


def test_clones_are_made_where_the_volume_can(world: World) -> None:
    cloning = world.with_disk(CloningDisk())

    assert detail(cloning, StepName.TRANSFER, Policy(move_mode=MoveMode.REFLINK)) == "2 cloned"
    assert (world.library / FILM).read_bytes() == FILES["film.mkv"]


@pytest.mark.parametrize("mode", [MoveMode.HARDLINK, MoveMode.REFLINK])
def test_link_that_cannot_be_made_becomes_a_copy_and_says_so(world: World, mode: MoveMode) -> None:
    call = "link" if mode is MoveMode.HARDLINK else "clone"
    struck = world.with_disk(FaultyDisk(fail_call(call, errno.EXDEV)))

    assert "copied, as no" in detail(struck, StepName.TRANSFER, Policy(move_mode=mode))
    assert inode(world.library / FILM) != inode(world.downloads / FILM)


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EMLINK, errno.EPERM])
@pytest.mark.parametrize("mode", [MoveMode.HARDLINK, MoveMode.REFLINK])
def test_link_that_cannot_be_made_fails_loudly_where_the_policy_says_so(
    world: World, mode: MoveMode, code: int
) -> None:
    call = "link" if mode is MoveMode.HARDLINK else "clone"
    struck = world.with_disk(FaultyDisk(fail_call(call, code if call == "link" else errno.EOPNOTSUPP)))

    report = struck.run(world.torrent(FILES), Policy(move_mode=mode, link_fallback="fail"))

    assert report.error is not None
    assert report.error.step is StepName.TRANSFER
    assert not report.error.retryable
    assert "the policy forbids a copy" in report.error.message
    assert report.error.path is not None
    assert report.error.path.startswith(str(world.downloads))
    assert not (world.library / "Show").exists()


def test_moved_files_are_gone_from_the_download_only_after_they_are_published(world: World) -> None:
    job = world.torrent(FILES)
    before = look_at(world.downloads)
    (world.library / "Show").mkdir()
    world.run(job, Policy(move_mode=MoveMode.MOVE))
    assert look_at(world.downloads) == before
    (world.library / "Show").rmdir()

    report = world.run(job, Policy(move_mode=MoveMode.MOVE))

    assert report.state is JobState.COMPLETED
    assert [path for path in world.downloads.rglob("*") if path.is_file()] == []
    assert {path: (world.library / "Show" / path).read_bytes() for path in FILES} == FILES


def test_move_to_another_volume_copies_verifies_and_deletes(tmp_path: Path, other_volume: Path | None) -> None:
    world = divided(tmp_path, other_volume)

    report = world.run(world.torrent(FILES), Policy(move_mode=MoveMode.MOVE))

    assert report.error is None
    assert [path for path in world.downloads.rglob("*") if path.is_file()] == []
    assert {path: (world.library / "Show" / path).read_bytes() for path in FILES} == FILES


@pytest.mark.parametrize("mode", [MoveMode.HARDLINK, MoveMode.REFLINK, MoveMode.COPY])
def test_library_on_another_volume_gets_copies(tmp_path: Path, other_volume: Path | None, mode: MoveMode) -> None:
    world = divided(tmp_path, other_volume)
    job = world.torrent(FILES)
    before = look_at(world.downloads)

    report = world.run(job, Policy(move_mode=mode, chmod_file="0600"))

    assert report.error is None
    assert look_at(world.downloads) == before
    assert (world.library / FILM).stat().st_mode & 0o777 == 0o600
    assert world.run(job, Policy(move_mode=mode, chmod_file="0600")).ran == ()


def test_source_that_changed_after_it_was_published_is_not_deleted(world: World) -> None:
    job = world.torrent(FILES)
    policy = Policy(move_mode=MoveMode.MOVE)

    class Meddler(OtherVolume):
        def rename_new(self, source: Path, target: Path) -> None:
            super().rename_new(source, target)
            if target.name == "Show":
                (world.downloads / FILM).write_bytes(b"changed")

    report = world.with_disk(Meddler(world.library)).run(job, policy)

    assert report.error is None
    assert (world.downloads / FILM).read_bytes() == b"changed"
    assert not (world.downloads / "Show/Subs/en.srt").exists()
    assert (world.library / FILM).read_bytes() == FILES["film.mkv"]


def test_copy_that_is_not_like_its_source_does_not_let_it_be_deleted(world: World) -> None:
    class Liar(OtherVolume):
        def copy(self, source: int, target: int, offset: int, count: int) -> int:
            self.write(target, b"?" * count)
            return count

    report = world.with_disk(Liar(world.library)).run(world.torrent(FILES), Policy(move_mode=MoveMode.MOVE))

    assert (world.downloads / FILM).read_bytes() == FILES["film.mkv"]
    assert "2 that changed meanwhile kept" in {each.name: each.detail for each in report.steps}[StepName.FINALISE]


def test_no_source_is_deleted_before_all_are_verified(world: World) -> None:
    job = world.torrent(FILES)
    disk = OtherVolume(world.library)
    hashed: list[int] = []

    def note(step: StepName, done: int, _total: int) -> None:
        if step is StepName.FINALISE:
            hashed.append(done)

    def cancelled() -> bool:
        return bool(hashed) and hashed[-1] > max(map(len, FILES.values()))

    policy = Policy(move_mode=MoveMode.MOVE)
    before = look_at(world.downloads)
    report = world.with_disk(disk).run(job, policy, on_progress=note, cancelled=cancelled)

    assert report.state is JobState.CANCELLED
    assert look_at(world.downloads) == before
    assert world.with_disk(disk).run(job, policy).state is JobState.COMPLETED
    assert [path for path in world.downloads.rglob("*") if path.is_file()] == []


def test_source_whose_published_file_changes_while_others_are_verified_is_kept(world: World) -> None:
    job = world.torrent(FILES)

    def meddle(step: StepName, done: int, _total: int) -> None:
        if step is StepName.FINALISE and done > max(map(len, FILES.values())):
            for path in FILES:
                (world.library / "Show" / path).write_bytes(b"changed")

    disk = OtherVolume(world.library)
    report = world.with_disk(disk).run(job, Policy(move_mode=MoveMode.MOVE), on_progress=meddle)

    assert report.error is None
    assert {path: (world.downloads / "Show" / path).read_bytes() for path in FILES} == FILES


def test_file_that_shrinks_while_it_is_copied_fails_and_leaves_no_part(world: World) -> None:
    job = world.torrent(FILES)

    class Shrinking(Disk):
        def copy(self, source: int, target: int, offset: int, count: int) -> int:
            (world.downloads / FILM).write_bytes(b"short")
            return super().copy(source, target, offset, count)

    report = world.with_disk(Shrinking()).run(replace(job, files=(job.files[0],)), Policy(move_mode=MoveMode.COPY))

    assert report.error is not None
    assert report.error.step is StepName.TRANSFER
    assert report.error.retryable
    assert report.error.path == str(world.downloads / FILM)
    assert [path for path in world.work.rglob("*") if path.is_file()] == [world.work / "owner.json"]


def test_copies_that_were_recorded_are_not_copied_again(world: World) -> None:
    job = world.torrent({f"{number}": b"x" * 100 for number in range(10)})
    policy = Policy(move_mode=MoveMode.COPY)
    world.pace = Pace(files=2)
    counting = FaultyDisk()
    copies = 0

    def stop_at_sixth(_number: int, name: str) -> None:
        nonlocal copies
        copies += name == "copy"
        if copies >= 6:
            raise Crash

    with pytest.raises(Crash):
        world.with_disk(FaultyDisk(stop_at_sixth)).run(job, policy)
    report = world.with_disk(counting).run(job, policy)

    assert report.error is None
    assert counting.names.count("copy") == 6
    assert "4 were there" in {each.name: each.detail for each in report.steps}[StepName.TRANSFER]


def test_read_only_library_says_so_and_can_be_tried_again(world: World) -> None:
    job = world.torrent(FILES)
    for name in ("mkdir", "create", "link"):
        report = world.with_disk(FaultyDisk(fail_call(name, errno.EROFS))).run(job)
        assert report.error is not None
        assert "read-only" in report.error.message
        assert report.error.retryable

    assert world.run(job).state is JobState.COMPLETED


def test_volume_that_vanishes_in_the_middle_fails_retryably(world: World) -> None:
    job = world.torrent(FILES)

    class Vanishing(Disk):
        def link(self, source: StrPath, target: StrPath) -> None:
            raise OSError(errno.EIO, "Input/output error", str(target))

    report = world.with_disk(Vanishing()).run(job)

    assert report.error is not None
    assert report.error.retryable
    assert report.error.path == str(world.downloads / "Show/Subs/en.srt")


@pytest.mark.parametrize("mode", list(MoveMode))
def test_volume_that_takes_two_names_for_the_same_gets_neither_file(world: World, mode: MoveMode) -> None:
    """Neither takes the place of the other without a word."""
    job = world.torrent({"readme": b"small", "README": b"LARGE"})
    before = look_at(world.downloads)

    report = world.with_disk(CarelessNames()).run(job, Policy(move_mode=mode))

    assert report.error is not None
    assert (report.error.step, report.error.path, report.error.retryable) == (StepName.TRANSFER, "readme", False)
    assert "takes the names of two of the files for the same" in report.error.message
    assert look_at(world.downloads) == before
    assert not (world.library / "Show").exists()


def test_names_that_an_interrupted_run_made_become_durable(world: World) -> None:
    """What is found in the tree and was not recorded may not be on the disk yet."""
    job = world.torrent(FILES)
    with pytest.raises(Crash):
        world.with_disk(FaultyDisk(crash_after_links(len(FILES)))).run(job, Policy(move_mode=MoveMode.HARDLINK))
    synced = SyncedPaths()

    report = world.with_disk(synced).run(job, Policy(move_mode=MoveMode.HARDLINK))

    assert report.error is None
    assert {world.work / "tree" / path for path in ("", "film.mkv", "Subs", "Subs/en.srt")} <= synced.paths


def test_nothing_left_to_publish_is_an_error_in_plain_words(world: World) -> None:
    report = world.run(world.torrent(FILES), Policy(cleanup_drop=("*",)))

    assert report.error is not None
    assert "nothing is left to publish" in report.error.message
    assert not report.error.retryable


def test_crash_at_once_leaves_a_job_that_runs(world: World) -> None:
    job = world.torrent(FILES)
    with pytest.raises(Crash):
        world.with_disk(FaultyDisk(crash_at(0))).run(job)

    assert world.run(job).state is JobState.COMPLETED
