"""The background writer: newest wins, nothing that waits is lost, and its troubles are told."""

from __future__ import annotations

import errno
from collections.abc import Mapping

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from revaer.resume.keeper import Keeper
from revaer.resume.problems import Problems
from revaer.types import TorrentId
from tests.resume.conftest import torrent_id
from tests.resume.faults import os_error

ONE, TWO = torrent_id(1), torrent_id(2)


class Report:
    def __init__(self) -> None:
        self.told: list[str] = []

    def up(self) -> None:
        self.told.append("up")

    def degraded(self, reason: str) -> None:
        self.told.append(reason)


class Writer:
    """Writes into memory, slowly or not at all when told to."""

    def __init__(self) -> None:
        self.batches: list[dict[TorrentId, str]] = []
        self.failing: dict[TorrentId, int] = {}
        self.pause: trio.Event | None = None
        self.outcomes: list[tuple[TorrentId, bool]] = []

    async def __call__(self, batch: Mapping[TorrentId, str]) -> Mapping[TorrentId, OSError]:
        if self.pause is not None:
            await self.pause.wait()
        await trio.lowlevel.checkpoint()
        self.batches.append(dict(batch))
        return {key: os_error(self.failing[key]) for key in batch if key in self.failing}

    def note(self, key: TorrentId, written: bool) -> None:
        self.outcomes.append((key, written))


@pytest.fixture
def report() -> Report:
    return Report()


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def keeper(writer: Writer, report: Report, nursery: trio.Nursery) -> Keeper[str]:
    keeper = Keeper("notes", writer, problems=Problems(report), batch=2, on_outcome=writer.note)
    nursery.start_soon(keeper.run)
    return keeper


async def test_newest_item_replaces_a_waiting_one(keeper: Keeper[str], writer: Writer) -> None:
    assert not keeper.put(ONE, "old")
    assert keeper.put(ONE, "new")
    assert keeper.newest(ONE) == "new"
    await keeper.settled()
    assert writer.batches == [{ONE: "new"}]
    assert keeper.newest(ONE) is None
    assert (keeper.written, len(keeper)) == (1, 0)


async def test_items_are_written_in_batches(keeper: Keeper[str], writer: Writer) -> None:
    for number in range(5):
        keeper.put(torrent_id(number), "x")
    await keeper.settled()
    assert [len(batch) for batch in writer.batches] == [2, 2, 1]


async def test_settled_waits_for_what_is_in_flight_and_no_longer(keeper: Keeper[str], writer: Writer) -> None:
    writer.pause = trio.Event()
    keeper.put(ONE, "first")
    await wait_all_tasks_blocked()
    keeper.put(ONE, "second")
    assert keeper.newest(ONE) == "second"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeper.settled)
        await wait_all_tasks_blocked()
        assert writer.batches == []
        writer.pause.set()
    assert writer.batches == [{ONE: "first"}, {ONE: "second"}]


async def test_settled_with_nothing_to_do_returns_at_once(keeper: Keeper[str]) -> None:
    await keeper.settled()


async def test_dropped_item_is_not_written(keeper: Keeper[str], writer: Writer) -> None:
    keeper.put(ONE, "x")
    await keeper.drop([ONE])
    await keeper.settled()
    assert writer.batches == []


async def test_drop_waits_for_a_write_in_flight(keeper: Keeper[str], writer: Writer) -> None:
    writer.pause = trio.Event()
    writer.failing[ONE] = errno.EIO
    keeper.put(ONE, "x")
    await wait_all_tasks_blocked()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeper.drop, [ONE])
        await wait_all_tasks_blocked()
        assert len(keeper) == 1
        writer.pause.set()
    assert len(keeper) == 0


async def test_dropping_the_last_item_releases_who_waits(keeper: Keeper[str], writer: Writer) -> None:
    writer.pause = trio.Event()
    keeper.put(ONE, "x")
    await wait_all_tasks_blocked()
    keeper.put(TWO, "y")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeper.settled)
        await wait_all_tasks_blocked()
        await keeper.drop([TWO])
        writer.pause.set()
    assert writer.batches == [{ONE: "x"}]


async def test_failed_item_waits_and_is_written_later(
    keeper: Keeper[str], writer: Writer, report: Report, autojump_clock: MockClock
) -> None:
    writer.failing[ONE] = errno.ENOSPC
    keeper.put(ONE, "x")
    keeper.put(TWO, "y")
    await wait_all_tasks_blocked()
    assert writer.outcomes == [(ONE, False), (TWO, True)]
    assert keeper.newest(ONE) == "x"
    assert len(report.told) == 1
    for word in ("notes cannot be written", "No space left", "they wait in memory", "free space"):
        assert word in report.told[0]
    writer.failing.clear()
    await trio.sleep(60)
    assert writer.outcomes[-1] == (ONE, True)
    assert report.told[-1] == "up"


async def test_failed_item_does_not_replace_a_newer_one(
    keeper: Keeper[str], writer: Writer, autojump_clock: MockClock
) -> None:
    writer.failing[ONE] = errno.EIO
    writer.pause = trio.Event()
    keeper.put(ONE, "old")
    await wait_all_tasks_blocked()
    keeper.put(ONE, "new")
    writer.pause.set()
    await wait_all_tasks_blocked()
    assert keeper.newest(ONE) == "new"


async def test_pauses_grow_to_half_a_minute(keeper: Keeper[str], writer: Writer, autojump_clock: MockClock) -> None:
    writer.failing[ONE] = errno.EROFS
    keeper.put(ONE, "x")
    await trio.sleep(31.4)
    assert len(writer.batches) == 6
    await trio.sleep(300)
    assert len(writer.batches) in (16, 17)


async def test_who_waits_for_the_disk_ends_the_pause(
    keeper: Keeper[str], writer: Writer, autojump_clock: MockClock
) -> None:
    writer.failing[ONE] = errno.EROFS
    keeper.put(ONE, "x")
    await trio.sleep(100)
    writer.failing.clear()
    begin = trio.current_time()
    await keeper.settled()
    assert trio.current_time() == begin


async def test_who_begins_to_wait_during_a_write_that_fails_ends_the_pause_after_it(
    keeper: Keeper[str], writer: Writer, autojump_clock: MockClock
) -> None:
    writer.failing[ONE] = errno.EROFS
    keeper.put(ONE, "x")
    await trio.sleep(100)
    writer.pause = trio.Event()
    await trio.sleep(30)
    begin = trio.current_time()
    failed = len(writer.batches)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeper.settled)
        await wait_all_tasks_blocked()
        writer.pause.set()
        await wait_all_tasks_blocked()
        assert (len(writer.batches), trio.current_time()) == (failed + 2, begin)
        nursery.cancel_scope.cancel()


async def test_disk_that_does_not_answer_is_told(
    keeper: Keeper[str], writer: Writer, report: Report, autojump_clock: MockClock
) -> None:
    writer.pause = trio.Event()
    keeper.put(ONE, "x")
    await trio.sleep(9)
    assert report.told == []
    await trio.sleep(2)
    assert [told for told in report.told if "the disk does not answer" in told] == report.told != []
    writer.pause.set()
    await keeper.settled()
    await wait_all_tasks_blocked()
    assert report.told[-1] == "up"


async def test_same_failure_is_told_in_the_same_words_however_many_wait(
    keeper: Keeper[str], writer: Writer, report: Report, autojump_clock: MockClock
) -> None:
    writer.failing = dict.fromkeys(map(torrent_id, range(6)), errno.ENOSPC)
    for number in range(6):
        keeper.put(torrent_id(number), "x")
        await trio.sleep(60)
    assert len(report.told) == 1


async def test_waiting_item_is_merged_with_a_newer_one(report: Report, writer: Writer, nursery: trio.Nursery) -> None:
    keeper: Keeper[str] = Keeper(
        "notes", writer, problems=Problems(report), batch=1, merge=lambda older, newer: older + newer
    )
    nursery.start_soon(keeper.run)
    writer.failing[ONE] = errno.EIO
    writer.pause = trio.Event()
    keeper.put(ONE, "a")
    await wait_all_tasks_blocked()
    keeper.put(ONE, "b")
    keeper.put(ONE, "c")
    writer.pause.set()
    await wait_all_tasks_blocked()
    assert keeper.newest(ONE) == "abc"


@pytest.fixture
def patient(writer: Writer, report: Report, nursery: trio.Nursery) -> Keeper[str]:
    keeper = Keeper("notes", writer, problems=Problems(report), batch=100, patience=2.0, on_outcome=writer.note)
    nursery.start_soon(keeper.run)
    return keeper


async def test_patient_keeper_waits_for_the_end_of_a_burst(
    patient: Keeper[str], writer: Writer, autojump_clock: MockClock
) -> None:
    await wait_all_tasks_blocked()
    for number in range(3):
        patient.put(TorrentId(f"note {number}"), "x")
        await trio.sleep(0.4)
    assert writer.batches == []
    await trio.sleep(0.4)
    assert [len(batch) for batch in writer.batches] == [3]


async def test_burst_without_an_end_is_not_waited_for(
    patient: Keeper[str], writer: Writer, autojump_clock: MockClock
) -> None:
    await wait_all_tasks_blocked()
    for number in range(8):
        patient.put(TorrentId(f"note {number}"), "x")
        await trio.sleep(0.3)
    assert len(writer.batches[0]) == 7


async def test_patience_ends_when_somebody_waits_for_the_writes(
    patient: Keeper[str], writer: Writer, autojump_clock: MockClock
) -> None:
    begin = trio.current_time()
    patient.put(ONE, "before it began to wait")
    await patient.settled()
    patient.put(ONE, "while it waits")
    await wait_all_tasks_blocked()
    await patient.settled()
    assert [batch[ONE] for batch in writer.batches] == ["before it began to wait", "while it waits"]
    assert trio.current_time() == begin


def test_problems_are_told_together_and_cleared_one_by_one(report: Report) -> None:
    problems = Problems(report)
    problems.add("one", "the first")
    problems.add("two", "the second")
    problems.add("one", "the first")
    problems.clear("three")
    problems.clear("one")
    problems.clear("two")
    assert report.told == ["the first", "the first (and 1 more)", "the second", "up"]
