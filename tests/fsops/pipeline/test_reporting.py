"""What a run says: progress, cancellation, time limits, damaged artefacts, dry runs, verification."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from revaer.fsops.artefact import ArtifactState
from revaer.fsops.errors import Cancelled, Refused, Transient
from revaer.fsops.plan import Action
from revaer.fsops.policy import MoveMode, Par2Mode, Policy
from revaer.fsops.ports import Par2Set
from revaer.fsops.record import JobState
from revaer.fsops.runner import plan_job
from revaer.fsops.types import Limits, Outcome, SourceFile, StepName
from revaer.fsops.verify import Verdict, verify_library
from tests.fsops.pipeline.faults import SmallDisk, fail_call
from tests.fsops.pipeline.world import ID, OTHER_ID, World, look_at, zipped

FILES = {"film.mkv": b"film" * 1000, "Subs/en.srt": b"words"}


class Steps:
    """Collects progress, and cancels when a step is reached."""

    def __init__(self, until: StepName | None = None) -> None:
        self.until = until
        self.seen: list[tuple[StepName, int, int]] = []

    def __call__(self, step: StepName, done: int, total: int) -> None:
        self.seen.append((step, done, total))

    def cancelled(self) -> bool:
        return any(step is self.until for step, _, _ in self.seen)


def test_progress_tells_bytes_of_each_step(world: World) -> None:
    steps = Steps()

    world.run(world.torrent(FILES), Policy(move_mode=MoveMode.COPY), on_progress=steps)

    size = sum(map(len, FILES.values()))
    last = {step: (done, total) for step, done, total in steps.seen}
    assert last[StepName.TRANSFER] == (size, size)
    assert last[StepName.CHECKSUM] == (size, size)


@pytest.mark.parametrize("step", [StepName.TRANSFER, StepName.CHECKSUM, StepName.EXTRACT])
def test_cancelled_job_stops_in_the_step_and_goes_on_later(world: World, step: StepName) -> None:
    job = world.torrent(FILES | {"a.zip": zipped({"x": b"x", "y": b"y"})})
    steps = Steps(step)

    report = world.run(job, Policy(move_mode=MoveMode.COPY), on_progress=steps, cancelled=steps.cancelled)

    assert report.state is JobState.CANCELLED
    assert report.error is not None
    assert report.error.step is step
    assert not (world.library / "Show").exists()
    assert world.run(job, Policy(move_mode=MoveMode.COPY)).state is JobState.COMPLETED


def test_step_that_takes_too_long_fails_retryably(world: World) -> None:
    moments = iter(range(0, 1_000_000, 100))
    tools = replace(world.tools, monotonic=lambda: float(next(moments)))
    world = _with_tools(world, tools)

    report = world.run(world.torrent(FILES), Policy(limits=Limits(step_timeout=50)))

    assert report.error is not None
    assert report.error.retryable
    assert "step_timeout" in report.error.message


def _with_tools(world: World, tools: object) -> World:
    class Timed(World):
        @property
        def tools(self) -> object:  # type: ignore[override]  # the same type, given from outside
            return tools

    return Timed(world.root, world.downloads, world.library, world.disk, world.extractor)


def test_attempts_are_counted(world: World) -> None:
    job = world.torrent(FILES)
    (world.library / "Show").mkdir()

    assert [world.run(job).attempt for _ in range(3)] == [1, 2, 3]


def test_torrent_that_is_not_to_be_processed_is_left_alone(world: World) -> None:
    report = world.run(world.torrent(FILES), Policy(process=False))

    assert report.state is JobState.SKIPPED
    assert list(world.library.iterdir()) == []


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Policy(owner="no-such-user"), "no user 'no-such-user'"),
        (Policy(group="no-such-group"), "no group 'no-such-group'"),
        (Policy(chmod_file="9"), "chmod_file '9' is no octal number"),
        (Policy(umask="7777"), "umask '7777' is no octal number"),
        (Policy(cleanup_drop=("[",)), "cleanup_drop has a pattern that cannot be read"),
        (Policy(cleanup_keep=("@skip_fluff",)), "cleanup_keep has a pattern that cannot be read"),
    ],
)
def test_policy_that_makes_no_sense_is_refused_first(world: World, policy: Policy, words: str) -> None:
    report = world.run(world.torrent(FILES), policy)

    assert report.error is not None
    assert report.error.step is StepName.VALIDATE_POLICY
    assert words in report.error.message
    assert report.ran == (StepName.VALIDATE_POLICY,)


def test_changed_file_of_a_published_entry_is_reported_and_left(world: World) -> None:
    job = world.torrent(FILES, name="Show")
    world.run(job, Policy(move_mode=MoveMode.COPY))
    film = world.library / "Show/film.mkv"
    film.write_bytes(b"mine")
    (world.library / "Show/Subs/en.srt").unlink()
    (world.library / "Show/poster.jpg").write_bytes(b"poster")
    before = look_at(world.root)

    report = world.run(job, Policy(move_mode=MoveMode.COPY))

    assert report.artifact is not None
    assert report.artifact.state is ArtifactState.CHANGED
    assert report.artifact.changed == ("film.mkv",)
    assert report.artifact.missing == ("Subs/en.srt",)
    assert report.artifact.added == ("poster.jpg",)
    assert look_at(world.root) == before


@pytest.mark.parametrize("replacement", ["nothing", "file", "link"])
def test_entry_that_was_deleted_is_reported_and_not_made_again(world: World, replacement: str) -> None:
    job = world.torrent(FILES)
    world.run(job)
    (world.library / "Show").rename(world.root / "away")
    if replacement == "file":
        (world.library / "Show").write_bytes(b"mine")
    if replacement == "link":
        (world.library / "Show").symlink_to(world.root / "away")

    report = world.run(job)

    assert report.state is JobState.COMPLETED
    assert report.artifact is not None
    assert report.artifact.state is ArtifactState.MISSING
    assert report.ran == ()


def test_entry_restored_from_a_backup_counts_as_unchanged(world: World) -> None:
    job = world.torrent(FILES)
    world.run(job)
    film = world.library / "Show/film.mkv"
    film.unlink()
    film.write_bytes(FILES["film.mkv"])

    report = world.run(job)

    assert report.artifact is not None
    assert report.artifact.state is ArtifactState.INTACT


def test_dry_run_changes_nothing_and_tells_what_would_happen(world: World) -> None:
    job = world.torrent(FILES)
    before = look_at(world.root)

    plan = plan_job(job, Policy(extract=False, cleanup_drop=("*.srt",)), world.paths, world.tools)

    assert look_at(world.root) == before
    assert plan.entry == "Show"
    assert {step.action for step in plan.steps if step.name is not StepName.FINALISE} == {Action.RUN}


def test_dry_run_of_a_finished_job_has_nothing_to_do(world: World) -> None:
    job = world.torrent(FILES)
    policy = Policy(allow_paths=())
    world.run(job, policy)

    plan = plan_job(job, policy, world.paths, world.tools)

    assert {step.action for step in plan.steps} == {Action.SKIP}


def test_dry_run_knows_that_names_depend_on_extraction(world: World) -> None:
    plan = plan_job(world.torrent(FILES), Policy(), world.paths, world.tools)

    actions = {step.name: step.action for step in plan.steps}
    assert actions[StepName.EXTRACT] is Action.RUN
    assert actions[StepName.TRANSFER] is Action.DEPENDS
    assert plan.entry is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source_root": Path("/etc")}, "allow_paths do not allow it"),
        ({"source_root": Path("/etc/a\0b")}, "no path"),
        ({"files": (SourceFile("../film.mkv", 1),)}, "leaves the torrent"),
        ({"files": ()}, "no selected file"),
        ({"name": "Sh\ud800w"}, "name is no Unicode text"),
    ],
)
def test_dry_run_refuses_what_a_run_refuses_first(world: World, change: dict[str, Any], reason: str) -> None:
    job = replace(world.torrent(FILES), **change)
    before = look_at(world.downloads)

    with pytest.raises(Refused, match=reason) as caught:
        plan_job(job, Policy(allow_paths=()), world.paths, world.tools)
    report = world.run(job)

    assert report.error is not None
    assert report.error == caught.value.problem(StepName.VALIDATE_POLICY)
    assert look_at(world.downloads) == before


def test_dry_run_of_a_missing_source_says_so(world: World) -> None:
    job = world.torrent(FILES)
    (world.downloads / "Show/film.mkv").unlink()

    with pytest.raises(Transient, match="missing"):
        plan_job(job, Policy(), world.paths, world.tools)


def test_library_is_verified_against_its_manifests(world: World) -> None:
    world.run(world.torrent(FILES, name="Good"))
    world.run(world.torrent({"a": b"a", "b": b"b"}, name="Bad", torrent_id=OTHER_ID), Policy(move_mode=MoveMode.COPY))
    status = (world.library / "Bad/a").stat()
    (world.library / "Bad/a").write_bytes(b"A")
    os.utime(world.library / "Bad/a", ns=(status.st_atime_ns, status.st_mtime_ns))
    before = look_at(world.root)

    good, bad = verify_library(world.library)

    assert (good.torrent_id, good.verdict) == (ID, Verdict.INTACT)
    assert (bad.torrent_id, bad.verdict) == (OTHER_ID, Verdict.CHANGED)
    assert bad.check is not None
    assert bad.check.changed == ("a",)
    assert look_at(world.root) == before
    assert [each.torrent_id for each in verify_library(world.library, only=frozenset({OTHER_ID}))] == [OTHER_ID]


def test_verification_names_missing_entries_and_unreadable_records(world: World) -> None:
    world.run(world.torrent(FILES))
    (world.library / "Show").rename(world.root / "away")
    (world.ours / f"{OTHER_ID}.revaer.meta").write_bytes(b"{")

    missing, unreadable = verify_library(world.library)

    assert missing.verdict is Verdict.MISSING
    assert unreadable.verdict is Verdict.UNREADABLE
    assert unreadable.message is not None


def test_verification_can_be_cancelled_and_needs_its_library(world: World) -> None:
    world.run(world.torrent(FILES))

    with pytest.raises(Cancelled):
        list(verify_library(world.library, cancelled=lambda: True))
    with pytest.raises(Transient):
        list(verify_library(world.root / "nowhere"))


class FakePar2:
    """Knows what is damaged, and how it should be."""

    def __init__(self, damaged: dict[str, bytes], *, lies: bool = False) -> None:
        self.damaged = damaged
        self.lies = lies

    def verify(
        self,
        root: Path,
        files: Sequence[str],
        *,
        timeout: float,
        on_progress: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> tuple[Par2Set, ...]:
        on_progress(1)
        return (Par2Set("x.par2", tuple(sorted(self.damaged)), ("not-selected.txt",)),)

    def repair(
        self,
        root: Path,
        into: Path,
        found: Par2Set,
        files: Sequence[str],
        *,
        timeout: float,
        on_progress: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> None:
        for path, content in {**self.damaged, "not-selected.txt": b"new"}.items():
            if not self.lies:
                (into / path).parent.mkdir(parents=True, exist_ok=True)
                (into / path).write_bytes(content)


PROTECTED = {"x.par2": b"par2", "d/film.mkv": b"brokn", "d/a.zip": b"broken", "d/more.txt": b"more"}


def test_repaired_copies_enter_the_library_and_originals_stay_damaged(world: World) -> None:
    job = world.torrent(PROTECTED)
    before = look_at(world.downloads)
    world.par2 = FakePar2({"d/film.mkv": b"whole", "d/a.zip": zipped({"inside.txt": b"inside"})})

    report = world.run(job, Policy(par2=Par2Mode.REPAIR))

    assert report.error is None
    assert look_at(world.downloads) == before
    entry = world.library / "Show"
    assert (entry / "d/film.mkv").read_bytes() == b"whole"
    assert (entry / "d/inside.txt").read_bytes() == b"inside"
    assert (entry / "d/more.txt").stat().st_ino == (world.downloads / "Show/d/more.txt").stat().st_ino
    assert not (entry / "not-selected.txt").exists()


def test_copies_beside_repaired_ones_that_do_not_fit_are_not_begun(world: World) -> None:
    job = world.torrent(PROTECTED)
    world.par2 = FakePar2({"d/a.zip": zipped({"inside.txt": b"inside"})})
    disk = SmallDisk(0, fail_call("link", errno.EXDEV))

    report = world.with_disk(disk).run(job, Policy(par2=Par2Mode.REPAIR))

    assert report.error is not None
    assert report.error.step is StepName.EXTRACT
    assert f"the job needs {len(b'par2brokn' + b'more')}," in report.error.message
    assert disk.names.count("copy") == 0


def test_damage_fails_the_job_where_the_policy_only_verifies(world: World) -> None:
    world.par2 = FakePar2({"d/film.mkv": b"whole"})

    report = world.run(world.torrent(PROTECTED), Policy(par2=Par2Mode.VERIFY))

    assert report.error is not None
    assert (report.error.step, report.error.path) == (StepName.VERIFY_PAR2, "d/film.mkv")
    assert not report.error.retryable


def test_repair_that_repairs_nothing_is_found_out(world: World) -> None:
    world.par2 = FakePar2({"d/film.mkv": b"whole"}, lies=True)

    report = world.run(world.torrent(PROTECTED), Policy(par2=Par2Mode.REPAIR))

    assert report.error is not None
    assert "was not repaired" in report.error.message


@pytest.mark.parametrize(("files", "outcome"), [(FILES, Outcome.SKIPPED), (PROTECTED, Outcome.FAILED)])
def test_missing_par2_matters_only_to_jobs_that_need_it(
    world: World, files: dict[str, bytes], outcome: Outcome
) -> None:
    report = world.run(world.torrent(files), Policy(par2=Par2Mode.VERIFY, extract=False))

    assert {each.name: each.outcome for each in report.steps}[StepName.VERIFY_PAR2] is outcome


def test_broken_archive_leaves_nothing_extracted(world: World) -> None:
    report = world.run(world.torrent({"a/good.zip": zipped({"x": b"x"}), "bad.zip": b"no archive"}))

    assert report.error is not None
    assert (report.error.step, report.error.path) == (StepName.EXTRACT, "bad.zip")
    assert list((world.work / "extracted").iterdir()) == []


def test_extractor_cannot_claim_what_is_not_the_torrents(world: World) -> None:
    class Liar(type(world.extractor)):  # type: ignore[misc]  # the class of the fixture's extractor
        def extract_all(self, *args: object, **options: object) -> object:
            result = super().extract_all(*args, **options)
            return replace(result, consumed=frozenset({"other.zip"}))

    world.extractor = Liar(world.disk)

    report = world.run(world.torrent(FILES))

    assert report.error is not None
    assert report.error.step is StepName.EXTRACT


def test_errors_say_what_and_where() -> None:
    error = Refused("it is broken", path="a/b")

    assert str(error) == "it is broken: a/b"
    assert error.problem(StepName.EXTRACT).step is StepName.EXTRACT
