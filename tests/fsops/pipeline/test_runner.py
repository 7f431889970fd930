"""Whole jobs: what appears in the library, what is repeated, what is reported."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from revaer.fsops.artefact import ArtifactState
from revaer.fsops.policy import MoveMode, Policy
from revaer.fsops.record import JobState
from revaer.fsops.types import StepName
from tests.fsops.pipeline.world import World, look_at, zipped

FILES = {"film.mkv": b"film" * 1000, "Subs/en.srt": b"words", "film.nfo": b"info"}
MODES = list(MoveMode)


@pytest.mark.parametrize("mode", MODES)
def test_torrent_becomes_an_entry_with_all_its_files(world: World, mode: MoveMode) -> None:
    job = world.torrent(FILES)

    report = world.run(job, Policy(move_mode=mode))

    assert report.error is None
    assert report.state is JobState.COMPLETED
    assert report.artifact_path == world.library / "Show"
    assert {path: (world.library / "Show" / path).read_bytes() for path in FILES} == FILES
    assert {each.path: each.sha256 for each in report.files} == {
        path: hashlib.sha256(content).hexdigest() for path, content in FILES.items()
    }
    assert not world.work.exists()


def test_archives_are_replaced_by_their_content(world: World) -> None:
    job = world.torrent({"a.zip": zipped({"film.mkv": b"film", "deep/er.txt": b"x"}), "CD2/b.zip": zipped({"b": b"b"})})

    report = world.run(job)

    assert report.error is None
    assert sorted(look_at(world.library / "Show")) == ["", "CD2", "CD2/b", "deep", "deep/er.txt", "film.mkv"]


def test_file_with_two_names_is_hashed_once(world: World) -> None:
    job = world.torrent({"a": b"same", "b": b"same", "c": b"other"})
    (world.downloads / "Show" / "b").unlink()
    (world.downloads / "Show" / "b").hardlink_to(world.downloads / "Show" / "a")

    report = world.run(job)

    assert {step.name: step.detail for step in report.steps}[StepName.CHECKSUM] == "2 of 3 files hashed"
    same, other = (hashlib.sha256(content).hexdigest() for content in (b"same", b"other"))
    assert {each.path: each.sha256 for each in report.files} == {"a": same, "b": same, "c": other}


def test_second_run_does_no_work(world: World) -> None:
    job = world.torrent(FILES)
    first = world.run(job)
    before = look_at(world.root)

    second = world.run(job)

    assert look_at(world.root) == before
    assert second.ran == ()
    assert second.artifact is not None
    assert second.artifact.state is ArtifactState.INTACT
    assert replace(second, artifact=None, ran=first.ran) == first
    assert list(first.ran) == list(StepName)
