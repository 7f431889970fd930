"""Where database and copies differ: nothing accepted is lost, and a start is never stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from revaer.database.messages import StatementFailed, StatementTimeout
from revaer.resume.copy_format import pack_copy
from revaer.resume.documents import Stored
from revaer.resume.messages import (
    PersistIntent,
    RecordVerdict,
    Recovery,
    Removing,
    UpdateIntent,
)
from revaer.resume.queries import IDS_OF_INTENTS, INSERT_INTENTS, UPDATE_INTENTS
from tests.resume.conftest import MakeIntent, RunStore, names_in
from tests.resume.faults import AwayDatabase, FaultyDatabase, InlineLane
from tests.resume.support import copy_file, fill, record_file, verdicts


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
        assert "(and 1 more like it)" in (again.health.reason or "")


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


async def test_copies_of_two_lives_are_served_without_any_database(
    tmp_path: Path, run_store: RunStore, make_intent: MakeIntent, autojump_clock: MockClock
) -> None:
    for number in (1, 2):
        intent = replace(make_intent(number), metainfo=b"m%d" % number)
        copy_file(tmp_path, intent.torrent_id).write_bytes(b"".join(pack_copy(Stored(intent, number))))
    async with run_store(AwayDatabase(), tmp_path, lane=InlineLane()) as store:
        recovery = await store.load()
    assert [torrent.intent.metainfo for torrent in recovery.torrents] == [b"m1", b"m2"]
