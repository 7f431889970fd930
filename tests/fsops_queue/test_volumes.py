"""Which volume a library is on, and whether there is room: the pure part and the files."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

import pytest

from revaer.fsops import volumes
from revaer.fsops.volumes import Sighting, Verdict, judge, look, mark, read_marker, reserve_of

GIB = 1 << 30
ROOT = Path("/library")
ID = "6ff0a1b0-5c53-4a3e-9d3a-000000000001"
OTHER = "6ff0a1b0-5c53-4a3e-9d3a-000000000002"


def sight(*, folder: bool = True, marker: str | None = ID, free: int = 50 * GIB, total: int = 100 * GIB) -> Sighting:
    return Sighting(device=7, folder=folder, marker=marker, free=free, total=total)


@pytest.mark.parametrize(("total", "reserve"), [(100 * GIB, GIB), (20 * GIB, GIB), (10 * GIB, GIB // 2), (0, 0)])
def test_reserve_is_a_gibibyte_and_at_most_a_twentieth(total: int, reserve: int) -> None:
    assert reserve_of(total) == reserve


def test_known_volume_with_its_marker_can_be_used() -> None:
    assert judge(ROOT, sight(), ID) == Verdict()


def test_library_seen_for_the_first_time_is_adopted() -> None:
    assert judge(ROOT, sight(folder=False, marker=None), None) == Verdict(adopt=True)
    assert judge(ROOT, sight(), None) == Verdict(adopt=True)


def test_directory_beneath_the_mount_point_is_not_used() -> None:
    reason = judge(ROOT, sight(folder=False, marker=None), ID).reason
    assert reason is not None
    assert "not mounted" in reason
    assert "/library/.revaer" in reason


def test_another_volume_is_not_used() -> None:
    reason = judge(ROOT, sight(marker=OTHER), ID).reason
    assert reason is not None
    assert "another volume" in reason


def test_library_whose_folder_somebody_made_is_adopted_anew() -> None:
    assert judge(ROOT, sight(marker=None), ID) == Verdict(adopt=True)


def test_library_that_is_not_there_is_not_used() -> None:
    reason = judge(ROOT, Sighting(), ID).reason
    assert reason is not None
    assert "mounted" in reason


def test_library_that_cannot_be_looked_at_is_not_used() -> None:
    assert judge(ROOT, Sighting(error="Stale file handle"), ID).reason == (
        "the library /library cannot be used: stale file handle"
    )


def test_little_room_is_a_pause_that_ends_with_some_margin() -> None:
    short = judge(ROOT, sight(free=GIB - 1), ID)
    assert short.short
    assert judge(ROOT, sight(free=GIB), ID) == Verdict()
    assert judge(ROOT, sight(free=GIB), ID, was_short=True).short
    assert judge(ROOT, sight(free=2 * GIB), ID, was_short=True) == Verdict()


def test_unused_library_gets_a_marker_once(tmp_path: Path) -> None:
    assert look(tmp_path).marker is None
    identity = mark(tmp_path)
    assert str(uuid.UUID(identity)) == identity
    assert mark(tmp_path) == identity == look(tmp_path).marker
    assert [each.name for each in (tmp_path / ".revaer").iterdir()] == ["volume.json"]
    assert (tmp_path / ".revaer" / "volume.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"volume_id": 7}', '{"volume_id": "x"}', "\udcff"])
def test_broken_marker_counts_as_none_and_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / ".revaer").mkdir()
    (tmp_path / ".revaer" / "volume.json").write_text(content, errors="surrogateescape")
    assert look(tmp_path).marker is None
    assert mark(tmp_path) == read_marker(tmp_path)


def test_marker_that_is_a_link_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / ".revaer").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(json.dumps({"volume_id": ID}))
    (tmp_path / ".revaer" / "volume.json").symlink_to(elsewhere)
    assert read_marker(tmp_path) is None


def test_marker_is_not_a_pipe_that_waits(tmp_path: Path) -> None:
    (tmp_path / ".revaer").mkdir()
    os.mkfifo(tmp_path / ".revaer" / "volume.json")
    assert read_marker(tmp_path) is None


def test_folder_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    library = tmp_path / "library"
    library.mkdir()
    (library / ".revaer").symlink_to(outside)
    with pytest.raises(OSError, match="directory"):
        mark(library)
    assert [*outside.iterdir()] == []


def test_missing_library_is_seen_as_missing(tmp_path: Path) -> None:
    assert look(tmp_path / "nothing") == Sighting()


def test_library_that_is_a_file_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert look(tmp_path / "file") == Sighting(error="Not a directory")


@pytest.mark.parametrize("path", ["/nothing/there", "/nul\0byte", "/half\ud800"])
def test_source_that_cannot_be_looked_at_shares_a_key(path: str) -> None:
    assert volumes.key_of(path) == "unknown"
