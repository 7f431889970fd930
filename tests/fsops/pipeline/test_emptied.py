"""What `move` leaves of a torrent's directories: nothing of its own that is empty, and everything else."""

from __future__ import annotations

from pathlib import Path

from revaer.fsops.disk import Disk
from revaer.fsops.policy import MoveMode, Policy
from revaer.fsops.record import JobState
from tests.fsops.pipeline.world import World

FILES = {"film.mkv": b"film", "Subs/en.srt": b"words"}


def test_move_takes_the_directories_that_it_empties_and_no_others(world: World) -> None:
    job = world.torrent(FILES)
    (world.downloads / "Show/unselected.txt").write_bytes(b"foreign")
    (world.downloads / "Show/Empty").mkdir()

    world.run(job, Policy(move_mode=MoveMode.MOVE))

    assert sorted(path.name for path in (world.downloads / "Show").iterdir()) == ["Empty", "unselected.txt"]


def test_move_of_all_that_a_torrent_has_takes_its_directory(world: World) -> None:
    report = world.run(world.torrent(FILES), Policy(move_mode=MoveMode.MOVE))

    assert report.state is JobState.COMPLETED
    assert list(world.downloads.iterdir()) == []


def test_move_of_a_single_file_leaves_the_download_directory(world: World) -> None:
    world.run(world.single("film.mkv", b"film"), Policy(move_mode=MoveMode.MOVE))

    assert list(world.downloads.iterdir()) == []


def test_move_removes_no_directory_behind_a_link(world: World) -> None:
    job = world.torrent(FILES)
    elsewhere = world.root / "elsewhere"

    class Meddler(Disk):
        def rename_new(self, source: Path, target: Path) -> None:
            super().rename_new(source, target)
            if target.name == "Show":
                (world.downloads / "Show/Subs").rename(elsewhere)
                (world.downloads / "Show/Subs").symlink_to(elsewhere)

    world.with_disk(Meddler()).run(job, Policy(move_mode=MoveMode.MOVE))

    assert elsewhere.is_dir()
    assert (world.downloads / "Show/Subs").is_symlink()
