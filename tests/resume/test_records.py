"""Fast-resume records through the actor: newest wins, flushed when asked, and a bad disk loses nothing."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import ActorDown, RequestExpired
from revaer.resume.disk import PosixDisk
from revaer.resume.messages import FlushRecords, ForgetIntent, MarkClean, PersistIntent, SaveRecord, StoreUnavailable
from revaer.resume.problems import Problems
from revaer.resume.queries import IDS_OF_INTENTS
from revaer.resume.record_format import SUFFIX, unpack_record
from revaer.resume.records import FORGOTTEN, Records
from revaer.types import TorrentId
from tests.resume.conftest import MakeIntent, RunStore, names_in, torrent_id
from tests.resume.faults import AwayDatabase, FaultyDatabase, FaultyDisk, InlineLane
from tests.resume.test_keeper import Report
from tests.support.waiting import eventually

ONE, TWO = torrent_id(1), torrent_id(2)


def record_of(directory: Path, key: TorrentId) -> bytes:
    return unpack_record(key, (directory / (key + SUFFIX)).read_bytes())


@pytest.fixture
def disk(tmp_path: Path) -> FaultyDisk:
    return FaultyDisk(PosixDisk(tmp_path))


async def test_flushed_records_are_on_disk(tmp_path: Path, run_store: RunStore) -> None:
    outcomes: list[str] = []
    async with run_store(AwayDatabase(), tmp_path, on_save=outcomes.append) as store:
        await store.ref.tell(SaveRecord(ONE, b"old"))
        await store.ref.tell(SaveRecord(ONE, b"new"))
        await store.ref.tell(SaveRecord(TWO, b"other"))
        written = await store.ask(FlushRecords())
        assert record_of(tmp_path, ONE) == b"new"
        assert record_of(tmp_path, TWO) == b"other"
        assert written == store.store.statistics().records_written == outcomes.count("written")
        assert outcomes.count("replaced") + outcomes.count("written") == 3
        assert await store.ask(FlushRecords()) == written


async def test_two_thousand_records_are_written_in_batches(tmp_path: Path, run_store: RunStore) -> None:
    disk = FaultyDisk(PosixDisk(tmp_path))
    async with run_store(AwayDatabase(), tmp_path, disk=disk) as store:
        for number in range(2000):
            await store.ref.tell(SaveRecord(torrent_id(number), b"%d" % number), patience=10)
        assert await store.ask(FlushRecords()) == 2000
    assert len(names_in(tmp_path)) == 2000
    directory_syncs = [call for call in disk.calls if call[0] == "sync_directory"]
    assert len(directory_syncs) < 100


@pytest.mark.parametrize(
    "fault",
    [
        (method, number)
        for method in ("create", "write", "sync", "replace", "sync_directory")
        for number in (errno.ENOSPC, errno.EROFS, errno.EACCES)
    ],
)
async def test_disk_that_refuses_degrades_and_recovers_without_loss(
    disk: FaultyDisk, tmp_path: Path, run_store: RunStore, autojump_clock: MockClock, fault: tuple[str, int]
) -> None:
    disk.fail(*fault)
    async with run_store(AwayDatabase(), tmp_path, disk=disk, lane=InlineLane()) as store:
        await store.ref.tell(SaveRecord(ONE, b"kept"))
        await trio.sleep(100)
        assert store.health.state == "degraded"
        assert "fast-resume records cannot be written" in (store.health.reason or "")
        assert store.store.statistics().records_waiting == 1
        await store.ref.tell(SaveRecord(ONE, b"newer"))
        disk.heal()
        await trio.sleep(60)
        assert store.health.state == "up"
        assert record_of(tmp_path, ONE) == b"newer"
    assert names_in(tmp_path) == [ONE + SUFFIX]


async def test_flush_is_answered_when_the_disk_takes_records_again(
    disk: FaultyDisk, tmp_path: Path, run_store: RunStore, autojump_clock: MockClock
) -> None:
    disk.fail("sync", errno.ENOSPC)
    async with run_store(AwayDatabase(), tmp_path, disk=disk, lane=InlineLane()) as store:
        await store.ref.tell(SaveRecord(ONE, b"kept"))
        with pytest.raises(RequestExpired):
            await store.ask(FlushRecords(), within=20)
        disk.heal()
        assert await store.ask(FlushRecords(), within=60) == 1


async def test_outcomes_are_counted(
    disk: FaultyDisk, tmp_path: Path, run_store: RunStore, autojump_clock: MockClock
) -> None:
    outcomes: list[str] = []
    disk.fail("sync", errno.ENOSPC, times=1)
    options = {"disk": disk, "lane": InlineLane(), "on_save": outcomes.append}
    async with run_store(AwayDatabase(), tmp_path, **options) as store:
        await store.ref.tell(SaveRecord(ONE, b"x"))
        await trio.sleep(5)
    assert outcomes == ["failed", "written"]


async def test_record_that_comes_after_the_farewell_is_turned_away(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    outcomes: list[str] = []
    async with run_store(database, tmp_path, on_save=outcomes.append) as store:
        await store.ask(PersistIntent(make_intent(1)))
        await store.ref.tell(SaveRecord(ONE, b"x"))
        await store.ask(ForgetIntent(ONE))
        await store.ref.tell(SaveRecord(ONE, b"late"))
        await store.ask(FlushRecords())
        assert names_in(tmp_path) == []
        assert outcomes[-1] == "forgotten"
        await store.ask(PersistIntent(make_intent(1)))
        await store.ref.tell(SaveRecord(ONE, b"again"))
        await store.ask(FlushRecords())
        assert record_of(tmp_path, ONE) == b"again"


async def test_farewells_are_remembered_up_to_a_number(tmp_path: Path, nursery: trio.Nursery) -> None:
    outcomes: list[str] = []
    records = Records(PosixDisk(tmp_path), InlineLane(), Problems(Report()), outcomes.append)
    await records.forget([torrent_id(number) for number in range(FORGOTTEN + 1)])
    records.save(torrent_id(1), b"late")
    records.save(torrent_id(0), b"late")
    assert outcomes == ["forgotten"]
    assert records.waiting == 1


async def test_torrent_whose_files_stay_is_not_forgotten(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    """Its copy would bring it back at the next start, as if the database had lost it."""
    disk = FaultyDisk(PosixDisk(tmp_path))
    async with run_store(database, tmp_path, disk=disk) as store:
        for number in (1, 2):
            await store.ask(PersistIntent(make_intent(number)))
        await store.copies_written()
        disk.fail("remove", errno.EROFS, name=ONE)
        with pytest.raises(StoreUnavailable, match="Read-only file system"):
            await store.ask(ForgetIntent(ONE))
        await store.ask(ForgetIntent(TWO))
        assert [torrent.intent for torrent in (await store.load()).torrents] == [make_intent(1)]
        disk.heal()
        disk.fail("sync_directory", errno.EIO)
        with pytest.raises(StoreUnavailable, match="Input/output error"):
            await store.ask(ForgetIntent(ONE))
        disk.heal()
        await store.ask(ForgetIntent(ONE))
        assert names_in(tmp_path) == []


async def test_clean_stop_is_believed_once(tmp_path: Path, run_store: RunStore, autojump_clock: MockClock) -> None:
    database = AwayDatabase()
    async with run_store(database, tmp_path, lane=InlineLane()) as store:
        assert not (await store.load()).clean
        await store.ask(MarkClean())
    async with run_store(database, tmp_path, lane=InlineLane()) as store:
        assert (await store.load()).clean
        assert not (await store.load()).clean
    async with run_store(database, tmp_path, lane=InlineLane()) as store:
        assert not (await store.load()).clean


async def test_clean_stop_is_believed_by_the_last_who_asks(
    tmp_path: Path, run_store: RunStore, autojump_clock: MockClock
) -> None:
    """Who asks again has given the first answer up: no engine has run for it."""
    told: list[bool] = []
    async with run_store(AwayDatabase(), tmp_path, lane=InlineLane()) as store:
        await store.ask(MarkClean())

        async def load() -> None:
            told.append((await store.load()).clean)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(load)
            await wait_all_tasks_blocked()
            nursery.start_soon(load)
        assert told == [False, True]
        await load()
        assert told == [False, True, False]


async def test_clean_stop_is_believed_after_a_load_that_crashed(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(MarkClean())
        database.refuse(IDS_OF_INTENTS, RuntimeError("a mistake"))
        with pytest.raises(ActorDown):
            await store.load()
        await eventually(lambda: len(store.generations) == 2, "the next generation")
        assert (await store.load()).clean
        assert not (await store.load()).clean


async def test_mark_of_a_clean_stop_waits_for_the_records(
    disk: FaultyDisk, tmp_path: Path, run_store: RunStore, autojump_clock: MockClock
) -> None:
    disk.fail("sync", errno.ENOSPC, name=ONE)
    async with run_store(AwayDatabase(), tmp_path, disk=disk, lane=InlineLane()) as store:
        await store.ref.tell(SaveRecord(ONE, b"x"))
        with pytest.raises(RequestExpired):
            await store.ask(MarkClean(), within=10)
        assert names_in(tmp_path) == []


async def test_mark_that_cannot_be_made_is_refused(disk: FaultyDisk, tmp_path: Path, run_store: RunStore) -> None:
    disk.fail("create", errno.EACCES)
    async with run_store(AwayDatabase(), tmp_path, disk=disk, lane=InlineLane()) as store:
        with pytest.raises(StoreUnavailable, match="Permission denied"):
            await store.ask(MarkClean())


async def test_mark_that_cannot_be_deleted_is_not_believed(
    disk: FaultyDisk, tmp_path: Path, run_store: RunStore, autojump_clock: MockClock
) -> None:
    async with run_store(AwayDatabase(), tmp_path, disk=disk, lane=InlineLane()) as store:
        await store.ask(MarkClean())
        disk.fail("remove", errno.EROFS)
        assert not (await store.load()).clean
        assert "mark of a clean stop" in (store.health.reason or "")


async def test_stop_writes_what_waits(tmp_path: Path, run_store: RunStore) -> None:
    async with run_store(AwayDatabase(), tmp_path) as store:
        for number in range(300):
            await store.ref.tell(SaveRecord(torrent_id(number), b"%d" % number))
        await eventually(lambda: store.ref.statistics().depth == 0, "the mailbox to be empty")
    assert len(names_in(tmp_path)) == 300


async def test_stop_does_not_wait_for_a_disk_that_takes_nothing(
    disk: FaultyDisk, tmp_path: Path, run_store: RunStore, autojump_clock: MockClock
) -> None:
    disk.fail("create", errno.ENOSPC)
    async with run_store(AwayDatabase(), tmp_path, disk=disk, lane=InlineLane()) as store:
        await store.ref.tell(SaveRecord(ONE, b"x"))
        await wait_all_tasks_blocked()
        begin = trio.current_time()
    assert trio.current_time() - begin < 3
    assert names_in(tmp_path) == []


async def test_directory_that_cannot_be_used_does_not_stop_the_start(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    disk = FaultyDisk(PosixDisk(tmp_path))
    for method in ("make", "names", "create"):
        disk.fail(method, errno.EACCES)
    async with run_store(database, tmp_path, disk=disk) as store:
        assert store.health.state == "degraded"
        assert "Permission denied" in (store.health.reason or "")
        await store.ask(PersistIntent(make_intent(1)))
        assert [torrent.intent for torrent in (await store.load()).torrents] == [make_intent(1)]
        disk.heal()


async def test_crash_answers_who_waits_and_loses_no_file(
    disk: FaultyDisk, tmp_path: Path, run_store: RunStore, autojump_clock: MockClock
) -> None:
    disk.fail("sync", errno.ENOSPC, name=TWO)
    async with run_store(AwayDatabase(), tmp_path, disk=disk, lane=InlineLane()) as store:
        await store.ref.tell(SaveRecord(ONE, b"x"))
        assert await store.ask(FlushRecords()) == 1
        await store.ref.tell(SaveRecord(TWO, b"y"))

        async def expect_down() -> None:
            with pytest.raises(ActorDown):
                await store.ask(FlushRecords())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect_down)
            await wait_all_tasks_blocked()
            store.supervisor.crash("resume_store", RuntimeError("drill"))
        disk.heal()
        await trio.sleep(5)
        await store.ref.tell(SaveRecord(TWO, b"z"))
        assert await store.ask(FlushRecords()) == 1
        assert len(store.generations) == 2
    assert record_of(tmp_path, ONE) == b"x"
    assert record_of(tmp_path, TWO) == b"z"
