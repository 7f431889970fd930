"""Loading: everything accepted is there, what is broken is set aside and named, and a start is never stopped."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from revaer.database.messages import StatementFailed, StatementTimeout
from revaer.resume import copy_format, record_format
from revaer.resume.copy_format import pack_copy
from revaer.resume.disk import PosixDisk
from revaer.resume.documents import Stored
from revaer.resume.messages import (
    FlushRecords,
    PersistIntent,
    RecordVerdict,
    Recovery,
    Removing,
    ResumeRefusal,
    SaveRecord,
    StoreUnavailable,
    UnknownIntent,
    UpdateIntent,
)
from revaer.resume.queries import IDS_OF_INTENTS, INSERT_INTENTS, UPDATE_INTENTS
from revaer.resume.record_format import pack_record
from revaer.types import TorrentId
from tests.resume.conftest import MakeIntent, RunningStore, RunStore, names_in
from tests.resume.faults import AwayDatabase, FaultyDatabase, FaultyDisk, InlineLane


def record_file(directory: Path, torrent_id: TorrentId) -> Path:
    return directory / (torrent_id + record_format.SUFFIX)


def copy_file(directory: Path, torrent_id: TorrentId) -> Path:
    return directory / (torrent_id + copy_format.SUFFIX)


def verdicts(recovery: Recovery) -> list[tuple[RecordVerdict, bytes | None]]:
    return [(torrent.verdict, torrent.record) for torrent in recovery.torrents]


async def fill(store: RunningStore, make_intent: MakeIntent, *numbers: int) -> None:
    """Accept some torrents with records, and wait until every file is written."""
    for number in numbers:
        await store.ask(PersistIntent(make_intent(number)))
        await store.ref.tell(SaveRecord(make_intent(number).torrent_id, b"record %d" % number))
    await store.ask(FlushRecords())
    await store.copies_written()


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


async def test_record_that_cannot_be_read_is_kept_aside(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1)
    disk = FaultyDisk(PosixDisk(tmp_path))
    disk.fail("read", errno.EIO, name=".fastresume")
    async with run_store(database, tmp_path, disk=disk) as again:
        (torrent,) = (await again.load()).torrents
        assert torrent.verdict is RecordVerdict.QUARANTINED
        assert "Input/output error" in torrent.detail


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


async def test_lost_database_is_filled_from_the_copies(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    removing = make_intent(3, removing=Removing(delete_data=True))
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1, 2)
        await store.ask(PersistIntent(removing))
        await store.copies_written()
    await database.execute("DELETE FROM torrents WHERE id <> $1", make_intent(2).torrent_id)
    async with run_store(database, tmp_path) as again:
        recovery = await again.load()
        assert not recovery.from_copies
        assert [torrent.intent for torrent in recovery.torrents] == [make_intent(1), make_intent(2), removing]
        assert ["put back" in torrent.detail for torrent in recovery.torrents] == [True, False, True]
        assert verdicts(recovery)[0] == (RecordVerdict.GOOD, b"record 1")
        await again.copies_written()
        recovery = await again.load()
        assert [torrent.detail for torrent in recovery.torrents] == ["", "", ""]


async def test_database_of_yesterday_gets_what_was_accepted_since(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1)
        for position in range(3):
            await store.ask(UpdateIntent(make_intent(1, metainfo=None, options={"queue_position": position})))
        await store.copies_written()
    await database.execute("UPDATE torrents SET revision = 2, options = options || '{\"queue_position\": 0}'")
    async with run_store(database, tmp_path) as again:
        (torrent,) = (await again.load()).torrents
        assert torrent.intent == make_intent(1, options={"queue_position": 2})
        assert "older intent" in torrent.detail
        await again.copies_written()
        assert (await again.load()).torrents[0].detail == ""


async def test_copy_whose_hash_belongs_to_another_now_is_set_aside(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1)
        await database.execute("DELETE FROM torrents")
        heir = make_intent(2, hashes=make_intent(1).hashes)
        await store.ask(PersistIntent(heir))
        await store.copies_written()
        recovery = await store.load()
    assert [torrent.intent for torrent in recovery.torrents] == [heir]
    kept = names_in(tmp_path / "quarantine")
    assert sorted(name.partition("Z-")[2] for name in kept) == [
        f"{make_intent(1).torrent_id}.fastresume",
        f"{make_intent(1).torrent_id}.intent",
    ]


@pytest.mark.parametrize("damage", ["missing", "older", "broken", "longer"])
async def test_copy_that_lags_behind_its_row_is_made_again(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent, damage: str
) -> None:
    path = copy_file(tmp_path, make_intent(1).torrent_id)
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1)
        old = path.read_bytes()
        await store.ask(UpdateIntent(make_intent(1, options={"paused": True})))
        await store.copies_written()
        new = path.read_bytes()
    assert old != new
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"older": old, "broken": b"nonsense", "longer": new + b"x"}[damage])
    async with run_store(database, tmp_path) as again:
        (torrent,) = (await again.load()).torrents
        assert torrent.intent.options.paused
        await again.copies_written()
        assert path.read_bytes() == new
        assert again.health.state == "up"
    assert (tmp_path / "quarantine").exists() == (damage in ("broken", "longer"))


async def test_head_longer_than_usual_is_read_whole(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    wordy = make_intent(1, options={"comment": "x" * 20_000})
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(wordy))
        await store.copies_written()
        await database.execute("DELETE FROM torrents")
        assert (await store.load()).torrents[0].intent == wordy


async def test_last_trace_of_a_torrent_that_is_broken_is_named(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1, 2)
    await database.execute("DELETE FROM torrents")
    damaged = copy_file(tmp_path, make_intent(1).torrent_id)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"X")
    copy_file(tmp_path, make_intent(2).torrent_id).write_bytes(b"nonsense")
    async with run_store(database, tmp_path) as again:
        assert (await again.load()).torrents == ()
        assert again.health.state == "degraded"
        assert "does not know it either" in (again.health.reason or "")
        assert "(and 1 more)" in (again.health.reason or "")


@pytest.mark.parametrize("damage", ['{"download_dir": 7}', "[]", '{"selection": {"include": 1}}'])
async def test_unreadable_row_is_named_and_its_copy_stands_in(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent, damage: str
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1, 2)
    await database.execute(
        "UPDATE torrents SET options = $2::text::jsonb WHERE id = $1", make_intent(1).torrent_id, damage
    )
    async with run_store(database, tmp_path) as again:
        first, second = (await again.load()).torrents
        assert (first.intent, first.record) == (make_intent(1), b"record 1")
        assert "stands in" in first.detail
        assert second.intent == make_intent(2)
        assert make_intent(1).torrent_id in (again.health.reason or "")
        one = await again.load_one(make_intent(1).torrent_id)
        assert one.intent == make_intent(1)


async def test_unreadable_row_without_a_copy_does_not_stop_the_others(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1, 2, 3)
    await database.execute("UPDATE torrents SET options = '{}' WHERE id <> $1", make_intent(2).torrent_id)
    copy_file(tmp_path, make_intent(1).torrent_id).unlink()
    copy_file(tmp_path, make_intent(3).torrent_id).write_bytes(b"nonsense")
    async with run_store(database, tmp_path) as again:
        (torrent,) = (await again.load()).torrents
        assert torrent.intent == make_intent(2)
        assert again.health.state == "degraded"
        # Its record stays: the row may be mended.
        assert record_file(tmp_path, make_intent(1).torrent_id).exists()
        await database.execute("DELETE FROM torrents WHERE options = '{}'")
        await again.load()
        assert make_intent(1).torrent_id not in (again.health.reason or "")


async def test_without_a_database_the_copies_are_served(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1, 2, 3)
    copy_file(tmp_path, make_intent(2).torrent_id).write_bytes(b"nonsense")
    copy_file(tmp_path, make_intent(3).torrent_id).unlink()
    database.leave()
    async with run_store(database, tmp_path) as again:
        recovery = await again.load()
        assert recovery.from_copies
        assert [torrent.intent for torrent in recovery.torrents] == [make_intent(1)]
        assert verdicts(recovery) == [(RecordVerdict.GOOD, b"record 1")]
        # What no copy speaks of is not judged: its row may be there.
        assert record_file(tmp_path, make_intent(3).torrent_id).exists()
        assert again.health.state == "degraded"
        database.come_back()
        recovery = await again.load()
        assert not recovery.from_copies
        assert [torrent.intent for torrent in recovery.torrents] == [make_intent(number) for number in (1, 2, 3)]
        assert verdicts(recovery)[2] == (RecordVerdict.GOOD, b"record 3")
        await again.copies_written()
        assert again.health.state == "up"


async def test_database_that_comes_up_a_moment_later_is_waited_for(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1)
        database.leave()
        recoveries: list[Recovery] = []

        async def load() -> None:
            recoveries.append(await store.load())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(load)
            await trio.testing.wait_all_tasks_blocked()
            database.come_back()
    assert [recovery.from_copies for recovery in recoveries] == [False]


async def test_database_that_leaves_while_loading_is_away(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1)
        database.refuse(IDS_OF_INTENTS, StatementTimeout(20.0))
        recovery = await store.load()
    assert recovery.from_copies
    assert len(recovery.torrents) == 1


@pytest.mark.parametrize("statement", [INSERT_INTENTS, UPDATE_INTENTS])
async def test_database_that_leaves_while_it_is_mended_is_asked_again(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent, statement: str
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1, 2)
        await store.ask(UpdateIntent(make_intent(2, options={"paused": True})))
        await store.copies_written()
        await database.execute("DELETE FROM torrents WHERE id = $1", make_intent(1).torrent_id)
        await database.execute("UPDATE torrents SET revision = 1")
        database.refuse(statement, StatementTimeout(4.0))
        recovery = await store.load()
        assert recovery.from_copies
        assert [torrent.intent for torrent in recovery.torrents] == [
            make_intent(1),
            make_intent(2, options={"paused": True}),
        ]
        recovery = await store.load()
        assert not recovery.from_copies
        assert len(recovery.torrents) == 2


async def test_database_that_refuses_to_be_mended_is_named_and_nothing_is_set_aside(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1)
        await database.execute("DELETE FROM torrents")
        database.refuse(INSERT_INTENTS, StatementFailed("permission denied"))
        (torrent,) = (await store.load()).torrents
        assert "permission denied" in torrent.detail
        assert "permission denied" in (store.health.reason or "")
        assert not (tmp_path / "quarantine").exists()


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


async def test_copies_of_two_lives_are_served_without_any_database(
    tmp_path: Path, run_store: RunStore, make_intent: MakeIntent, autojump_clock: MockClock
) -> None:
    for number in (1, 2):
        intent = replace(make_intent(number), metainfo=b"m%d" % number)
        copy_file(tmp_path, intent.torrent_id).write_bytes(b"".join(pack_copy(Stored(intent, number))))
    async with run_store(AwayDatabase(), tmp_path, lane=InlineLane()) as store:
        recovery = await store.load()
    assert [torrent.intent.metainfo for torrent in recovery.torrents] == [b"m1", b"m2"]
