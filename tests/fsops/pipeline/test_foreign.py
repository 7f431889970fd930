"""Nothing that is not ours is changed or deleted, whatever lies in the way."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from revaer.fsops import meta
from revaer.fsops.disk import Disk, StrPath
from revaer.fsops.policy import MoveMode, OnConflict, Policy
from revaer.fsops.record import JobState
from revaer.fsops.sweeper import clean
from revaer.fsops.types import Job, SourceFile, StepName
from revaer.types import TorrentId
from tests.fsops.pipeline.world import ID, OTHER_ID, Seen, World, look_at, zipped

FILES = {"film.mkv": b"film" * 1000, "Subs/en.srt": b"words"}


def obstacle(path: Path, kind: str) -> None:
    """Put something of a kind where the entry goes."""
    match kind:
        case "file":
            path.write_bytes(b"foreign")
        case "empty directory":
            path.mkdir()
        case "directory":
            path.mkdir()
            (path / "film.mkv").write_bytes(b"foreign")
        case "link":
            path.symlink_to("nowhere")
        case "link to a directory":
            path.with_name("elsewhere").mkdir()
            path.symlink_to(path.with_name("elsewhere"))
        case "pipe":
            os.mkfifo(path)


class ReadingDisk(Disk):
    """A disk that notes which files are opened."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def open_read(self, path: StrPath) -> int:
        self.opened.append(Path(path).name)
        return super().open_read(path)


KINDS = ["file", "empty directory", "directory", "link", "link to a directory"]


def without_ours(world: World) -> dict[str, Seen]:
    return {path: each for path, each in look_at(world.root).items() if "/.revaer" not in path and each.kind != "d"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("single", [False, True])
def test_foreign_entry_of_that_name_fails_the_job_and_stays(world: World, kind: str, single: bool) -> None:
    job = world.single("Show", b"film") if single else world.torrent(FILES)
    obstacle(world.library / "Show", kind)
    before = without_ours(world)

    report = world.run(job)

    assert report.state is JobState.FAILED
    assert report.error is not None
    assert report.error.path == str(world.library / "Show")
    assert not report.error.retryable
    assert "not overwritten" in report.error.message
    assert without_ours(world) == before


@pytest.mark.parametrize("kind", KINDS)
def test_entry_gets_a_number_where_the_policy_renames(world: World, kind: str) -> None:
    job = world.torrent(FILES)
    obstacle(world.library / "Show", kind)
    obstacle(world.library / "Show (2)", "file")
    before = {path: each for path, each in without_ours(world).items() if path.startswith("library")}

    report = world.run(job, Policy(on_conflict=OnConflict.RENAME))

    assert report.artifact_path == world.library / "Show (3)"
    now = {path: each for path, each in without_ours(world).items() if path.startswith("library")}
    assert {path: each for path, each in now.items() if not path.startswith("library/Show (3)")} == before
    assert world.run(job, Policy(on_conflict=OnConflict.RENAME)).ran == ()


def test_file_gets_its_number_before_the_extension(world: World) -> None:
    job = world.single("film.mkv", b"film")
    obstacle(world.library / "film.mkv", "file")

    assert world.run(job, Policy(on_conflict=OnConflict.RENAME)).artifact_path == world.library / "film (2).mkv"


def test_policy_skip_publishes_nothing_and_leaves_nothing(world: World) -> None:
    job = world.torrent(FILES)
    obstacle(world.library / "Show", "directory")
    before = without_ours(world)
    policy = Policy(on_conflict=OnConflict.SKIP, move_mode=MoveMode.MOVE)

    report = world.run(job, policy)

    assert report.state is JobState.SKIPPED
    assert report.error is None
    assert report.artifact_path is None
    assert not world.work.exists()
    assert without_ours(world) == before
    assert world.run(job, policy).ran == ()


def test_skipped_job_is_published_when_the_name_becomes_free(world: World) -> None:
    job = world.torrent(FILES)
    obstacle(world.library / "Show", "file")
    world.run(job, Policy(on_conflict=OnConflict.SKIP))
    (world.library / "Show").unlink()

    report = world.run(job, Policy(on_conflict=OnConflict.SKIP))

    assert report.state is JobState.COMPLETED
    assert report.artifact_path == world.library / "Show"


def test_failed_job_is_published_when_the_obstacle_is_gone(world: World) -> None:
    job = world.torrent(FILES)
    obstacle(world.library / "Show", "file")
    world.run(job)
    (world.library / "Show").unlink()

    assert world.run(job).state is JobState.COMPLETED


@pytest.mark.parametrize("single", [False, True])
def test_payload_named_like_our_folder_is_a_conflict(world: World, single: bool) -> None:
    job = world.single(".revaer", b"film") if single else world.torrent(FILES, name=".revaer")

    failed = world.run(job)
    renamed = world.run(job, Policy(on_conflict=OnConflict.RENAME))

    assert failed.error is not None
    assert failed.error.path == str(world.library / ".revaer")
    assert renamed.artifact_path is not None
    assert renamed.artifact_path.name in (".revaer (2)", ".revaer (2)")
    assert world.ours.is_dir()


def test_payload_may_hold_a_folder_named_like_ours(world: World) -> None:
    job = world.torrent({".revaer/work/x": b"x", f"{ID}.revaer.meta": b"y"})

    report = world.run(job)

    assert report.error is None
    assert (world.library / "Show/.revaer/work/x").read_bytes() == b"x"


@pytest.mark.parametrize("kind", ["file", "link", "link to a directory"])
def test_our_folder_is_never_made_in_the_place_of_something_else(world: World, kind: str) -> None:
    job = world.torrent(FILES)
    obstacle(world.ours, kind)
    before = look_at(world.root)

    report = world.run(job)

    assert report.error is not None
    assert report.error.path == str(world.ours)
    assert look_at(world.root) == before


def test_foreign_files_in_place_of_the_work_directory_fail_the_job(world: World) -> None:
    job = world.torrent(FILES)
    world.work.mkdir(parents=True)
    (world.work / "mine.txt").write_bytes(b"foreign")

    report = world.run(job)

    assert report.error is not None
    assert report.error.step is StepName.PREPARE_WORK_DIR
    assert report.error.path == str(world.work)
    assert (world.work / "mine.txt").read_bytes() == b"foreign"


def test_work_directory_that_is_a_link_is_not_followed(world: World) -> None:
    job = world.torrent(FILES)
    victim = world.root / "victim"
    (victim / "tree").mkdir(parents=True)
    (victim / "tree/x").write_bytes(b"foreign")
    world.work.parent.mkdir(parents=True)
    world.work.symlink_to(victim)

    report = world.run(job)

    assert report.error is not None
    assert report.error.path == str(world.work)
    assert (victim / "tree/x").read_bytes() == b"foreign"


def test_entry_published_for_another_torrent_with_the_same_content_is_shared(world: World) -> None:
    first = world.torrent(FILES)
    other = replace(first, torrent_id=OTHER_ID)
    world.run(first)
    before = look_at(world.library / "Show")

    report = world.run(other)

    assert report.state is JobState.COMPLETED
    assert report.artifact_path == world.library / "Show"
    assert look_at(world.library / "Show") == before
    assert world.run(other).ran == ()


def test_shared_entry_is_shared_again_when_the_first_torrent_is_forgotten(world: World) -> None:
    world.run(world.torrent(FILES))
    world.run(world.torrent(FILES, torrent_id=OTHER_ID))
    clean(world.library, ID)
    third = TorrentId("01900000-0000-7000-8000-000000000003")

    report = world.run(world.torrent(FILES, torrent_id=third))

    assert report.error is None
    assert report.artifact_path == world.library / "Show"


def test_records_of_other_entries_are_not_read_whole(world: World) -> None:
    world.run(world.torrent(FILES))
    world.run(world.torrent({f"{number}.mkv": b"film" for number in range(200)}, name="Other", torrent_id=OTHER_ID))
    third = TorrentId("01900000-0000-7000-8000-000000000003")
    reading = ReadingDisk()

    report = world.with_disk(reading).run(
        world.torrent({"x": b"x"}, torrent_id=third), Policy(on_conflict=OnConflict.RENAME)
    )

    assert report.artifact_path == world.library / "Show (2)"
    assert reading.opened.count(f"{OTHER_ID}.revaer.meta") == 1
    assert reading.opened.count(f"{ID}.revaer.meta") == 2


@pytest.mark.parametrize("name", ["\x01" * 255, 'a"artifact":{"entry":"b"}', "\\", "ü" * 127])
def test_record_of_an_entry_is_found_by_its_name(world: World, name: str) -> None:
    world.run(world.torrent({"a": b"a"}, name=name))

    assert meta.owners(world.disk, world.ours, lambda: None) == {name: [world.meta]}


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'"artifact":{"entry":"\xff"', b'"artifact":{"entry":"\\q"', b"\0" * 9999]
)
def test_record_without_an_entry_has_no_name(world: World, content: bytes) -> None:
    world.ours.mkdir()
    world.meta.write_bytes(content)

    assert meta.owners(world.disk, world.ours, lambda: None) == {}


def test_our_entry_with_other_content_is_a_conflict(world: World) -> None:
    world.run(world.torrent(FILES))
    other = world.torrent({"film.mkv": b"another"}, torrent_id=OTHER_ID)

    report = world.run(other)

    assert report.error is not None
    assert report.error.step is StepName.PUBLISH
    assert (world.library / "Show/Subs/en.srt").exists()


def test_record_that_is_a_link_is_refused(world: World) -> None:
    job = world.torrent(FILES)
    world.ours.mkdir()
    world.meta.symlink_to(world.root / "elsewhere")

    report = world.run(job)

    assert report.error is not None
    assert report.error.path == str(world.meta)
    assert not (world.root / "elsewhere").exists()


def test_unreadable_record_is_put_aside_and_the_job_begins_anew(world: World) -> None:
    job = world.torrent(FILES)
    world.ours.mkdir()
    world.meta.write_bytes(b'{"version": 1, "torr')

    report = world.run(job)

    assert report.state is JobState.COMPLETED
    assert world.meta.with_name(f"{world.meta.name}.unreadable-1").read_bytes() == b'{"version": 1, "torr'


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "", ".", "a/./b", "a\0b", "a\udcff"])
def test_path_that_leaves_the_torrent_is_refused(world: World, path: str) -> None:
    job = world.torrent(FILES)
    before = without_ours(world)

    report = world.run(replace(job, files=(SourceFile(path, 1),)))

    assert report.error is not None
    assert report.error.step is StepName.ALLOWLIST
    assert not report.error.retryable
    assert without_ours(world) == before


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "n" * 256])
def test_name_that_cannot_be_an_entry_is_refused(world: World, name: str) -> None:
    job = replace(world.torrent(FILES), name=name)

    report = world.run(job)

    assert report.error is not None
    assert not report.error.retryable
    assert [path.name for path in world.library.iterdir()] == [".revaer"]


@pytest.mark.parametrize("name", ["Sh\ud800w", "Show \udce9"])
def test_name_that_is_no_text_is_refused_before_anything_is_noted(world: World, name: str) -> None:
    report = world.run(replace(world.torrent(FILES), name=name))

    assert report.error is not None
    assert "no Unicode text" in report.error.message
    assert report.error.path == repr(name)
    assert not world.meta.exists()


def test_failure_in_a_directory_that_is_no_text_is_noted(world: World) -> None:
    job = replace(world.torrent(FILES), source_root=world.downloads / "caf\udce9")

    report = world.run(job)

    assert report.error is not None
    assert report.error.path == f"{world.downloads}/caf\\udce9"
    record = meta.load(world.disk, world.meta)
    assert record is not None
    assert record.error is not None
    assert record.error.message == report.error.message


def test_file_that_is_a_symbolic_link_is_refused(world: World) -> None:
    job = world.torrent(FILES)
    secret = world.root / "secret"
    secret.write_bytes(FILES["film.mkv"])
    (world.downloads / "Show/film.mkv").unlink()
    (world.downloads / "Show/film.mkv").symlink_to(secret)

    report = world.run(job)

    assert report.error is not None
    assert report.error.step is StepName.LOCATE_SOURCE
    assert "symbolic link" in report.error.message
    assert report.error.path == str(world.downloads / "Show/film.mkv")


def test_directory_that_is_a_symbolic_link_is_refused(world: World) -> None:
    job = world.torrent(FILES)
    (world.downloads / "Show/Subs").rename(world.root / "Subs")
    (world.downloads / "Show/Subs").symlink_to(world.root / "Subs")

    report = world.run(job)

    assert report.error is not None
    assert report.error.step is StepName.LOCATE_SOURCE
    assert not report.error.retryable


def test_file_that_is_a_pipe_is_refused_without_waiting(world: World) -> None:
    job = world.torrent(FILES)
    (world.downloads / "Show/film.mkv").unlink()
    os.mkfifo(world.downloads / "Show/film.mkv")

    report = world.run(job)

    assert report.error is not None
    assert "no regular file" in report.error.message


@pytest.mark.parametrize("change", ["missing", "short", "long"])
def test_source_that_is_not_complete_can_be_tried_again(world: World, change: str) -> None:
    job = world.torrent(FILES)
    path = world.downloads / "Show/film.mkv"
    match change:
        case "missing":
            path.unlink()
        case "short":
            path.write_bytes(b"film")
        case "long":
            path.write_bytes(b"x" * 5000)

    report = world.run(job)

    assert report.error is not None
    assert report.error.step is StepName.LOCATE_SOURCE
    assert report.error.retryable
    assert report.error.path == str(path)

    path.write_bytes(FILES["film.mkv"])
    assert world.run(job).state is JobState.COMPLETED


def test_missing_library_is_not_made(world: World) -> None:
    job = world.torrent(FILES)
    world.library.rmdir()

    report = world.run(job)

    assert report.error is not None
    assert report.error.retryable
    assert "mounted" in report.error.message
    assert not world.library.exists()


def test_source_outside_of_what_is_allowed_is_refused(world: World) -> None:
    job = world.torrent(FILES)
    outside = world.root / "outside"
    (world.downloads / "Show").rename(outside)
    (world.downloads / "Show").symlink_to(outside)

    report = world.run(job)

    assert report.error is not None
    assert report.error.step is StepName.ALLOWLIST


def test_only_the_selected_files_enter_the_library(world: World) -> None:
    job = world.torrent(FILES | {"extra.txt": b"x", "more.zip": zipped({"y": b"y"})})
    chosen = replace(job, files=tuple(file for file in job.files if file.path == "film.mkv"))

    world.run(chosen)

    assert [path.name for path in (world.library / "Show").iterdir()] == ["film.mkv"]
    assert world.extractor.seen == [("film.mkv",)]


# Who has no rights can give a file to nobody but itself.
OWNER = str(os.geteuid() or 65534)


@pytest.mark.parametrize("mode", MoveMode)
@pytest.mark.parametrize("policy", [Policy(), Policy(chmod_file="0604", chmod_dir="0705", owner=OWNER, umask="027")])
def test_seeding_originals_are_never_modified(world: World, mode: MoveMode, policy: Policy) -> None:
    if mode is MoveMode.MOVE:
        mode = MoveMode.HARDLINK
    job: Job = world.torrent(FILES | {"a.zip": zipped({"x": b"x"})})
    before = look_at(world.downloads)

    report = world.run(job, replace(policy, move_mode=mode, cleanup_drop=("*.srt",)))

    assert report.error is None
    assert look_at(world.downloads) == before
