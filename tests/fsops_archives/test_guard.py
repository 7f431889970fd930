"""The budget of an extraction."""

from pathlib import Path

import pytest

from revaer.fsops.archives.errors import TooMuch
from revaer.fsops.archives.guard import Guard
from revaer.fsops.errors import Cancelled, Transient
from revaer.fsops.types import Limits


class Watcher:
    """A clock that stands, a wish to stop, and what was reported."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stop = False
        self.progress: list[int] = []


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


def make(tmp_path: Path, watcher: Watcher, limits: Limits, reserve: int = 0) -> Guard:
    return Guard(
        limits,
        volume=tmp_path,
        reserve=reserve,
        on_progress=watcher.progress.append,
        cancelled=lambda: watcher.stop,
        clock=lambda: watcher.now,
    )


def test_bytes_are_counted_over_all_archives(tmp_path: Path, watcher: Watcher) -> None:
    guard = make(tmp_path, watcher, Limits(max_extracted_bytes=100))
    with guard.archive("a", 100):
        guard.written(60)
    with guard.archive("b", 100), pytest.raises(TooMuch, match="more than 100 bytes"):
        guard.written(41)


def test_members_are_counted_over_all_archives(tmp_path: Path, watcher: Watcher) -> None:
    guard = make(tmp_path, watcher, Limits(max_files=2))
    guard.entry()
    guard.entry()
    with pytest.raises(TooMuch, match="more than 2 files"):
        guard.entry()


def test_ratio_is_of_each_archive(tmp_path: Path, watcher: Watcher) -> None:
    guard = make(tmp_path, watcher, Limits(max_ratio=10))
    with guard.archive("a", 10):
        guard.written(100)
    with guard.archive("b", 10), pytest.raises(TooMuch, match="10 times its size") as caught:
        guard.written(101)
    assert caught.value.path == "b"


def test_ratio_counts_what_nested_archives_become(tmp_path: Path, watcher: Watcher) -> None:
    guard = make(tmp_path, watcher, Limits(max_ratio=10))
    with guard.archive("outer", 10):
        guard.written(50)
        with guard.archive("inner", 50):
            guard.written(50)
            with pytest.raises(TooMuch) as caught:
                guard.written(1)
    assert caught.value.path == "outer"


def test_room_is_what_the_tightest_limit_leaves(tmp_path: Path, watcher: Watcher) -> None:
    guard = make(tmp_path, watcher, Limits(max_extracted_bytes=100, max_ratio=2))
    with guard.archive("a", 30):
        guard.written(10)
        assert guard.room == 50
    assert guard.room == 90


def test_announcement_is_checked_and_not_counted(tmp_path: Path, watcher: Watcher) -> None:
    guard = make(tmp_path, watcher, Limits(max_extracted_bytes=100, max_files=3))
    guard.announced(100, 3)
    assert guard.bytes == 0
    with pytest.raises(TooMuch):
        guard.announced(101)
    with pytest.raises(TooMuch):
        guard.announced(0, 4)


def test_step_that_takes_too_long_is_stopped_and_may_be_tried_again(tmp_path: Path, watcher: Watcher) -> None:
    guard = make(tmp_path, watcher, Limits(step_timeout=10))
    watcher.now = 9.9
    guard.written(1)
    watcher.now = 10.0
    with pytest.raises(Transient, match="longer than 10 seconds"):
        guard.written(1)


def test_wish_to_stop_is_heard(tmp_path: Path, watcher: Watcher) -> None:
    guard = make(tmp_path, watcher, Limits())
    watcher.stop = True
    watcher.now = 1.0
    with pytest.raises(Cancelled):
        guard.written(1)


def test_progress_comes_at_most_twenty_times_a_second(tmp_path: Path, watcher: Watcher) -> None:
    guard = make(tmp_path, watcher, Limits())
    for step in range(1000):
        watcher.now = step / 1000
        guard.written(1)
    assert 10 <= len(watcher.progress) <= 20


def test_reserve_is_kept_free(tmp_path: Path, watcher: Watcher) -> None:
    guard = make(tmp_path, watcher, Limits(), reserve=1 << 60)
    with pytest.raises(Transient, match="below the reserve"):
        guard.poll()
    with pytest.raises(Transient, match="no room"):
        guard.expect(1)
