"""The data directory keeps second daemons out and its small files whole."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from revaer.daemon.directory import DataDirectory
from revaer.daemon.errors import DirectoryLocked, DirectoryUnusable

HOLD_LOCK = """
import sys
from pathlib import Path
from revaer.daemon.directory import DataDirectory
with DataDirectory(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    made = DataDirectory(tmp_path / "node")
    made.prepare()
    return made


def test_prepare_makes_the_layout_and_leaves_no_probe(directory: DataDirectory) -> None:
    assert sorted(path.name for path in directory.root.iterdir()) == ["downloads", "library", "resume"]
    assert directory.root.stat().st_mode & 0o077 == 0
    assert list(directory.resume.iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "node").write_text("not a folder")

    with pytest.raises(DirectoryUnusable, match=r"cannot write the data directory: .*/node: .* is no directory: move"):
        DataDirectory(tmp_path / "node").prepare()


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """`/proc` refuses even root, so this holds for every user."""
    with pytest.raises(DirectoryUnusable, match=r"/proc/revaer.*--data-dir"):
        DataDirectory(Path("/proc/revaer")).prepare()


def test_a_second_process_is_refused_by_name(directory: DataDirectory) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(directory.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        with pytest.raises(DirectoryLocked, match=rf"process {holder.pid}\b.*{directory.root}"), directory.locked():
            pytest.fail("both hold the lock")

        holder.kill()
        holder.wait()
        with directory.locked():
            assert (directory.root / "lock").read_text() == f"{os.getpid()}\n"


def test_the_lock_can_be_taken_again_after_release(directory: DataDirectory) -> None:
    for _ in range(2):
        with directory.locked():
            assert (directory.root / "lock").exists()


def test_every_start_gets_a_greater_epoch(directory: DataDirectory) -> None:
    assert [directory.next_epoch() for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("content", [b"", b"garbage", b"-4", "٣".encode(), b"\xff\xfe"])
def test_a_damaged_counter_goes_on_beyond_every_earlier_epoch(directory: DataDirectory, content: bytes) -> None:
    (directory.root / "epoch").write_bytes(content)

    first = directory.next_epoch()

    assert first > 1_000_000
    assert directory.next_epoch() == first + 1


@pytest.mark.parametrize(
    ("code", "advice"), [(errno.ENOSPC, "Make room"), (errno.EROFS, "Mount"), (errno.EACCES, "Give it to the user")]
)
def test_a_counter_that_cannot_be_written_says_what_to_do(
    directory: DataDirectory, monkeypatch: pytest.MonkeyPatch, code: int, advice: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("revaer.daemon.directory.write_atomically", refuse)
    for count in (directory.next_epoch, lambda: directory.raise_epoch(7)):
        with pytest.raises(DirectoryUnusable, match=rf"cannot write .*/epoch: {os.strerror(code)}\. {advice}"):
            count()


def test_a_lock_that_cannot_be_written_says_what_to_do(
    directory: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(DirectoryUnusable, match=r"cannot write .*/lock: .*\. Make room"), directory.locked():
        pytest.fail("it is not noted who holds it")


def test_the_announcement_comes_and_goes(directory: DataDirectory) -> None:
    directory.announce(url="http://127.0.0.1:9", epoch=4)
    assert directory.runtime.read_text() == f'{{"pid": {os.getpid()}, "url": "http://127.0.0.1:9", "epoch": 4}}'

    directory.withdraw()
    directory.withdraw()
    assert not directory.runtime.exists()
