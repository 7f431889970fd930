"""Loading: everything accepted is there, and records that are broken are set aside and named."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from revaer.resume.disk import PosixDisk
from revaer.resume.messages import (
    FlushRecords,
    RecordVerdict,
    Recovery,
    ResumeRefusal,
    SaveRecord,
    StoreUnavailable,
    UnknownIntent,
)
from revaer.resume.record_format import pack_record
from revaer.types import TorrentId
from tests.resume.conftest import MakeIntent, RunStore, names_in
from tests.resume.faults import FaultyDatabase, FaultyDisk
from tests.resume.support import copy_file, fill, record_file, verdicts


async def test_fresh_directory_and_database_hold_nothing(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore
) -> None:
    async with run_store(database, tmp_path / "deep" / "resume") as store:
        recovery = await store.load()
        assert recovery == Recovery((), clean=False, from_copies=False)
        assert store.health.state == "up"
    assert names_in(tmp_path / "deep" / "resume") == []


async def test_everything_comes_back_in_the_order_of_acceptance(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 3, 1, 2)
        record_file(tmp_path, make_intent(2).torrent_id).unlink()
    async with run_store(database, tmp_path) as again:
        recovery = await again.load()
        assert [torrent.intent for torrent in recovery.torrents] == [make_intent(number) for number in (1, 2, 3)]
        assert verdicts(recovery) == [
            (RecordVerdict.GOOD, b"record 1"),
            (RecordVerdict.MISSING, None),
            (RecordVerdict.GOOD, b"record 3"),
        ]
        assert [torrent.detail for torrent in recovery.torrents] == ["", "", ""]
        assert again.health.state == "up"


@pytest.mark.parametrize(
    "damage",
    [
        (b"", "empty"),
        (b"d10:file-formate", "not begin like a record"),
        (b"".join(pack_record(TorrentId("01900000-0000-7000-8000-000000000002"), b"x")), "another torrent"),
        (b"".join(pack_record(TorrentId("01900000-0000-7000-8000-000000000001"), b"whole"))[:-2], "cut off"),
    ],
)
async def test_broken_record_is_kept_aside_and_named_until_a_new_one_is_saved(
    database: FaultyDatabase,
    tmp_path: Path,
    run_store: RunStore,
    make_intent: MakeIntent,
    damage: tuple[bytes, str],
) -> None:
    content, says = damage
    torrent_id = make_intent(1).torrent_id
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1, 2)
    record_file(tmp_path, torrent_id).write_bytes(content)
    async with run_store(database, tmp_path) as again:
        first, second = (await again.load()).torrents
        assert (first.intent, first.record, first.verdict) == (make_intent(1), None, RecordVerdict.QUARANTINED)
        assert says in first.detail
        assert second.verdict is RecordVerdict.GOOD
        (kept,) = names_in(tmp_path / "quarantine")
        assert kept.endswith(f"Z-{torrent_id}.fastresume")
        assert (tmp_path / "quarantine" / kept).read_bytes() == content
        assert again.health.state == "degraded"
        assert torrent_id in (again.health.reason or "")
        await again.ref.tell(SaveRecord(torrent_id, b"new"))
        await again.ask(FlushRecords())
        assert again.health.state == "up"


async def test_record_that_cannot_be_read_stays_where_it_is(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    """It may be whole: the next load finds it when the disk was only in trouble for a while."""
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1)
    disk = FaultyDisk(PosixDisk(tmp_path))
    disk.fail("read", errno.EIO, name=".fastresume")
    async with run_store(database, tmp_path, disk=disk) as again:
        (torrent,) = (await again.load()).torrents
        assert torrent.verdict is RecordVerdict.MISSING
        assert "Input/output error" in torrent.detail
        assert "cannot be read" in (again.health.reason or "")
        one = await again.load_one(torrent.intent.torrent_id)
        assert (one.verdict, one.detail) == (RecordVerdict.MISSING, torrent.detail)
        assert not (tmp_path / "quarantine").exists()
        disk.heal()
        assert verdicts(await again.load()) == [(RecordVerdict.GOOD, b"record 1")]
        assert again.health.state == "up"


@pytest.mark.parametrize("method", ["head", "read"])
@pytest.mark.parametrize("without", ["a database", "rows", "nothing"])
async def test_copy_that_cannot_be_read_stays_where_it_is(
    database: FaultyDatabase,
    tmp_path: Path,
    run_store: RunStore,
    make_intent: MakeIntent,
    method: str,
    without: str,
) -> None:
    """Nor is a record set aside whose copy alone could speak for it, and no copy is written over one that is newer."""
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1)
    before = copy_file(tmp_path, make_intent(1).torrent_id).read_bytes()
    if without == "a database":
        database.leave()
    elif without == "rows":
        await database.execute("DELETE FROM torrents")
    disk = FaultyDisk(PosixDisk(tmp_path))
    disk.fail(method, errno.EACCES, name=".intent")
    async with run_store(database, tmp_path, disk=disk) as again:
        await again.load()
        await again.copies_written()
        assert not (tmp_path / "quarantine").exists()
        assert copy_file(tmp_path, make_intent(1).torrent_id).read_bytes() == before
        if (method, without) in (("head", "rows"), ("read", "a database")):
            assert "Permission denied" in (again.health.reason or "")
        disk.heal()
        assert verdicts(await again.load()) == [(RecordVerdict.GOOD, b"record 1")]
        assert again.health.state == "up"


async def test_many_broken_records_are_one_problem_that_is_told_once(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    numbers = range(1, 31)
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, *numbers)
    for number in numbers:
        record_file(tmp_path, make_intent(number).torrent_id).write_bytes(b"nonsense")
    async with run_store(database, tmp_path) as again:
        with capture_logs() as lines:
            recovery = await again.load()
            reason = again.health.reason
            for number in numbers:
                await again.ref.tell(SaveRecord(make_intent(number).torrent_id, b"new"))
                assert again.health.reason in (reason, None)
            await again.ask(FlushRecords())
        assert [torrent.verdict for torrent in recovery.torrents] == [RecordVerdict.QUARANTINED] * 30
        assert make_intent(1).torrent_id in (reason or "")
        assert "(and 29 more like it)" in (reason or "")
        told = [line["event"] for line in lines if line["event"].startswith("resume_")]
        assert told == ["resume_degraded", "resume_recovered"]
        assert again.health.state == "up"


async def test_broken_record_that_cannot_be_moved_is_still_not_used(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1, 2)
    broken = [record_file(tmp_path, make_intent(number).torrent_id) for number in (1, 2)]
    for path in broken:
        path.write_bytes(b"nonsense")
    disk = FaultyDisk(PosixDisk(tmp_path))
    disk.fail("replace", errno.EROFS, name=make_intent(1).torrent_id)
    async with run_store(database, tmp_path, disk=disk) as again:
        recovery = await again.load()
        assert verdicts(recovery) == [(RecordVerdict.QUARANTINED, None)] * 2
        assert "could not be moved" in recovery.torrents[0].detail
        assert [path.exists() for path in broken] == [True, False]
        disk.fail("make", errno.EROFS)
        assert "could not be moved" in (await again.load()).torrents[0].detail


async def test_files_set_aside_at_the_same_moment_do_not_meet(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path, clock=lambda: 1e9) as store:
        await fill(store, make_intent, 1)
        for content in (b"one", b"two"):
            record_file(tmp_path, make_intent(1).torrent_id).write_bytes(content)
            await store.load()
    name = f"{make_intent(1).torrent_id}.fastresume"
    assert names_in(tmp_path / "quarantine") == [
        f"20010909T014640.000000Z-{name}",
        f"20010909T014640.000000Z.2-{name}",
    ]


async def test_record_without_an_intent_goes_to_the_quarantine_and_strangers_stay(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, id_of: Callable[[int], TorrentId]
) -> None:
    record_file(tmp_path, id_of(9)).write_bytes(b"".join(pack_record(id_of(9), b"x")))
    for stranger in ("notes.txt", "x.fastresume", f"{id_of(8)}.backup"):
        (tmp_path / stranger).write_bytes(b"precious")
    async with run_store(database, tmp_path) as store:
        assert (await store.load()).torrents == ()
        assert store.health.state == "up"
    assert names_in(tmp_path) == [f"{id_of(8)}.backup", "notes.txt", "quarantine", "x.fastresume"]
    assert names_in(tmp_path / "quarantine")[0].endswith(f"{id_of(9)}.fastresume")


async def test_directory_that_cannot_be_listed_costs_records_only(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    disk = FaultyDisk(PosixDisk(tmp_path))
    async with run_store(database, tmp_path, disk=disk) as store:
        await fill(store, make_intent, 1)
        disk.fail("names", errno.EIO)
        recovery = await store.load()
        assert verdicts(recovery) == [(RecordVerdict.MISSING, None)]
        assert "Input/output error" in (store.health.reason or "")
        disk.heal()
        assert verdicts(await store.load()) == [(RecordVerdict.GOOD, b"record 1")]
        assert store.health.state == "up"


async def test_record_that_waits_in_memory_is_newer_than_the_file(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    disk = FaultyDisk(PosixDisk(tmp_path))
    torrent_id = make_intent(1).torrent_id
    async with run_store(database, tmp_path, disk=disk) as store:
        await fill(store, make_intent, 1)
        disk.fail("write", errno.ENOSPC)
        await store.ref.tell(SaveRecord(torrent_id, b"newer"))
        assert verdicts(await store.load()) == [(RecordVerdict.GOOD, b"newer")]
        assert (await store.load_one(torrent_id)).record == b"newer"
        disk.heal()


async def test_one_torrent_is_loaded_with_its_sources_and_record(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1, 2)
        one = await store.load_one(make_intent(2).torrent_id)
        assert (one.intent, one.record, one.verdict) == (make_intent(2), b"record 2", RecordVerdict.GOOD)
        record_file(tmp_path, make_intent(1).torrent_id).write_bytes(b"")
        record_file(tmp_path, make_intent(2).torrent_id).unlink()
        assert (await store.load_one(make_intent(1).torrent_id)).verdict is RecordVerdict.QUARANTINED
        assert (await store.load_one(make_intent(2).torrent_id)).verdict is RecordVerdict.MISSING


async def test_one_torrent_comes_from_its_copy_when_the_database_is_away(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1)
        database.leave()
        one = await store.load_one(make_intent(1).torrent_id)
        assert one.intent == make_intent(1)
        assert "stands in" in one.detail


async def test_one_torrent_that_the_database_lost_comes_from_its_copy(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1)
        await database.execute("DELETE FROM torrents")
        assert (await store.load_one(make_intent(1).torrent_id)).intent == make_intent(1)


@pytest.mark.parametrize(
    "case", [("there", UnknownIntent), ("away", StoreUnavailable), ("unreadable", StoreUnavailable)]
)
async def test_one_torrent_that_cannot_be_found_is_refused(
    database: FaultyDatabase,
    tmp_path: Path,
    run_store: RunStore,
    make_intent: MakeIntent,
    case: tuple[str, type[ResumeRefusal]],
) -> None:
    situation, refusal = case
    async with run_store(database, tmp_path) as store:
        if situation == "unreadable":
            await fill(store, make_intent, 1)
            await database.execute("UPDATE torrents SET options = '{}'")
            copy_file(tmp_path, make_intent(1).torrent_id).unlink()
        elif situation == "away":
            database.leave()
        with pytest.raises(refusal):
            await store.load_one(make_intent(1).torrent_id)
