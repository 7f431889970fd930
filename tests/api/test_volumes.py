"""How full the disks are: grouped, remembered, and never waited for."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
import trio

from actors import BlockingLane
from revaer.api import volumes as volumes_module
from revaer.api.volumes import FRESH_SECONDS, Volume, Volumes, measure_volumes


def test_directories_of_one_file_system_are_one_volume(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (volume,) = measure_volumes({"download_root": tmp_path, "library_root": tmp_path / "a"})
    assert volume.roots == {"download_root": str(tmp_path), "library_root": str(tmp_path / "a")}
    assert volume.total_bytes is not None
    assert volume.free_bytes is not None
    assert 0 < volume.free_bytes <= volume.total_bytes
    assert volume.problem == ""


def test_file_systems_are_apart(tmp_path: Path) -> None:
    found = measure_volumes({"download_root": tmp_path, "library_root": Path("/proc")})
    assert [list(volume.roots) for volume in found] == [["download_root"], ["library_root"]]


def test_a_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    here, gone = measure_volumes({"download_root": tmp_path, "library_root": tmp_path / "gone"})
    assert here.problem == ""
    assert (gone.total_bytes, gone.free_bytes) == (None, None)
    assert gone.problem == "no such file or directory"


class Disk:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()

    def measure(self, roots: Mapping[str, Path]) -> tuple[Volume, ...]:
        self.asked += 1
        self.gate.wait(30)
        return (Volume({name: str(path) for name, path in roots.items()}, 100 * self.asked, 10, at=float(self.asked)),)


ROOTS = {"download_root": Path("/a")}


@pytest.fixture
def now() -> list[float]:
    """The time, which the test turns."""
    return [1000.0]


def watched(disk: Disk, now: list[float]) -> Volumes:
    """What knows how full that disk is."""
    return Volumes(BlockingLane("test"), disk.measure, lambda: now[0])


async def test_the_system_is_asked_now_and_then(now: list[float]) -> None:
    disk = Disk()
    volumes = watched(disk, now)
    for _ in range(3):
        assert (await volumes.look(ROOTS))[0].total_bytes == 100
    now[0] += FRESH_SECONDS
    assert (await volumes.look(ROOTS))[0].total_bytes == 200
    assert disk.asked == 2


async def test_other_directories_are_asked_for_at_once(now: list[float]) -> None:
    disk = Disk()
    volumes = watched(disk, now)
    await volumes.look(ROOTS)
    assert (await volumes.look({"download_root": Path("/b")}))[0].roots == {"download_root": "/b"}
    assert disk.asked == 2


async def test_a_disk_that_does_not_answer_is_told_and_asked_once(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volumes_module, "WITHIN_SECONDS", 0.02)
    disk = Disk()
    disk.gate.clear()
    volumes = watched(disk, now)
    try:
        (first,) = await _really(volumes, now)
        assert first.problem == "the system does not answer"
        assert first.total_bytes is None
        (again,) = await _really(volumes, now)
        assert again.problem
        assert disk.asked == 1
    finally:
        disk.gate.set()


async def test_old_figures_stay_and_say_so(now: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    volumes = watched(disk, now)
    await volumes.look(ROOTS)
    monkeypatch.setattr(volumes_module, "WITHIN_SECONDS", 0.02)
    disk.gate.clear()
    try:
        (old,) = await _really(volumes, now)
        assert (old.total_bytes, old.at) == (100, 1.0)
        assert "old" in old.problem
    finally:
        disk.gate.set()


async def _really(volumes: Volumes, now: list[float]) -> tuple[Volume, ...]:
    """Look when it is time to ask again."""
    now[0] += FRESH_SECONDS
    with trio.fail_after(20):
        return await volumes.look(ROOTS)
