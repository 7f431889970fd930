"""Writing files: whole or not at all, whatever fails and whenever the power goes."""

from __future__ import annotations

import errno
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revaer.resume.atomic import is_temporary, write_files
from revaer.resume.disk import PosixDisk
from revaer.resume.errors import BrokenFile
from revaer.resume.record_format import SUFFIX, pack_record
from revaer.resume.scan import read_records, scan, sweep
from revaer.types import TorrentId
from tests.resume.conftest import torrent_id
from tests.resume.faults import FaultyDisk
from tests.resume.simulated_disk import Crash, SimulatedDisk


@pytest.fixture
def disk(tmp_path: Path) -> FaultyDisk:
    return FaultyDisk(PosixDisk(tmp_path))


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_files_are_written_and_replaced(disk: FaultyDisk, tmp_path: Path) -> None:
    assert write_files(disk, {"a": [b"one"], "b": [b"two", b"", b"three"]}) == {}
    assert write_files(disk, {"a": [b"four"]}) == {}
    assert contents(tmp_path) == {"a": b"four", "b": b"twothree"}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_large_file_is_written_and_read_whole(disk: FaultyDisk) -> None:
    content = random.Random(1).randbytes(3_000_000)
    assert write_files(disk, {"a": [content]}) == {}
    assert disk.read("a") == content
    assert disk.head("a", 10) == (content[:10], len(content))


@pytest.mark.parametrize("method", ["create", "write", "sync", "close", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_failing_step_spoils_its_file_only(disk: FaultyDisk, tmp_path: Path, method: str, number: int) -> None:
    assert write_files(disk, {"first": [b"old"], "second": [b"old"]}) == {}
    disk.fail(method, number, name="first")
    failures = write_files(disk, {"first": [b"new"], "second": [b"new"]})
    assert {name: error.errno for name, error in failures.items()} == {"first": number}
    assert contents(tmp_path) == {"first": b"old", "second": b"new"}


def test_file_whose_name_is_not_durable_counts_as_not_written(disk: FaultyDisk) -> None:
    disk.fail("sync_directory", errno.EIO)
    assert write_files(disk, {"a": [b"one"], "b": [b"two"]}).keys() == {"a", "b"}


def test_temporary_that_cannot_be_deleted_is_left_for_the_next_start(disk: FaultyDisk, tmp_path: Path) -> None:
    disk.fail("sync", errno.EROFS)
    disk.fail("remove", errno.EROFS)
    assert write_files(disk, {"a": [b"one"]})["a"].errno == errno.EROFS
    (left,) = contents(tmp_path)
    assert is_temporary(left)
    disk.heal()
    sweep(disk)
    assert contents(tmp_path) == {}


def test_nothing_is_open_after_a_failure(disk: FaultyDisk) -> None:
    for method in ("write", "sync", "close", "replace", "sync_directory"):
        disk.fail(method, errno.EIO, nth=1, times=1)
        write_files(disk, {"a": [b"one"]})
    assert disk._names == {}


def test_sweep_deletes_only_what_is_ours(disk: FaultyDisk, tmp_path: Path) -> None:
    strangers = ["notes.tmp", ".bashrc", "x.fastresume", ".a.0123.tmp", "readme"]
    for name in strangers:
        (tmp_path / name).write_bytes(b"precious")
    (tmp_path / f".{torrent_id(1)}.fastresume.0123456789abcdef.tmp").write_bytes(b"half")
    sweep(disk)
    assert sorted(contents(tmp_path)) == sorted(strangers)


def test_nothing_is_written_for_nothing(disk: FaultyDisk) -> None:
    assert write_files(disk, {}) == {}
    assert disk.calls == []


IDS = [torrent_id(number) for number in range(3)]
BATCHES = st.lists(st.sets(st.sampled_from(IDS), min_size=1), min_size=1, max_size=5)
LIVES = st.lists(st.tuples(BATCHES, st.integers(0, 40)), min_size=1, max_size=4)


@settings(deadline=None, max_examples=300)
@given(LIVES, st.randoms(use_true_random=False))
def test_crash_at_any_moment_leaves_the_last_durable_record_or_a_newer_one(
    lives: list[tuple[list[set[TorrentId]], int]], chance: random.Random
) -> None:
    """Lives of a daemon that saves records until the power goes: no record is ever torn or older than promised."""
    disk = SimulatedDisk()
    promised = dict.fromkeys(IDS, -1)
    begun = dict.fromkeys(IDS, -1)
    number = 0
    for batches, crash_at in lives:
        disk.crash_at = crash_at
        try:
            sweep(disk)
            for batch in batches:
                number += 1
                begun |= dict.fromkeys(batch, number)
                assert write_files(disk, {key + SUFFIX: pack_record(key, b"%d" % number) for key in batch}) == {}
                promised |= dict.fromkeys(batch, number)
        except Crash:
            pass
        disk = disk.crash(
            kept=lambda: chance.random() < 0.5,
            partly=lambda length: chance.randint(0, length),
        )
        found = scan(disk).records
        for key in IDS:
            record = found.get(key, b"-1")
            assert isinstance(record, bytes)
            assert promised[key] <= int(record) <= begun[key]
            promised[key] = int(record)


def test_simulated_disk_tears_what_is_renamed_without_a_sync() -> None:
    """The property above would notice a missing sync: this is what it would see."""
    disk = SimulatedDisk()
    descriptor = disk.create("temporary")
    for piece in pack_record(IDS[0], b"record"):
        disk.write(descriptor, piece)
    disk.close(descriptor)
    disk.replace("temporary", IDS[0] + SUFFIX)
    disk.sync_directory()
    after = disk.crash(kept=lambda: True, partly=lambda length: length - 1)
    assert isinstance(read_records(after, IDS)[IDS[0]], BrokenFile)
