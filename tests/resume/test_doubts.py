"""Commits whose fate is unknown: what was refused does not show up later, whatever the server did with it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from revaer.database.messages import StatementFailed
from revaer.resume.disk import PosixDisk
from revaer.resume.doubts import FILE
from revaer.resume.messages import ForgetIntent, PersistIntent, Removing, StoreUnavailable, UpdateIntent
from revaer.resume.queries import TRANSACTION_STATUS, UNDO_INSERTS
from tests.resume.conftest import MakeIntent, RunningStore, RunStore, names_in
from tests.resume.faults import Fate, FaultyDatabase, FaultyDisk
from tests.support.waiting import eventually


async def rows(database: FaultyDatabase) -> list[tuple[str, bool]]:
    found = await database.fetch("SELECT id::text, removing IS NOT NULL FROM torrents ORDER BY id")
    return [(row[0], row[1]) for row in found]


async def settled(store: RunningStore) -> None:
    await eventually(lambda: store.store.statistics().in_doubt == 0, "the doubts to be settled")


@pytest.mark.parametrize("fate", ["lost", "unconfirmed"])
async def test_refused_add_leaves_no_phantom(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent, fate: Fate
) -> None:
    async with run_store(database, tmp_path) as store:
        database.fates.append(fate)
        with pytest.raises(StoreUnavailable):
            await store.ask(PersistIntent(make_intent(1)))
        await settled(store)
        assert await rows(database) == []
        assert names_in(tmp_path) == []


@pytest.mark.parametrize("fate", ["lost", "unconfirmed"])
async def test_add_can_be_repeated_at_once(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent, fate: Fate
) -> None:
    async with run_store(database, tmp_path) as store:
        database.fates.append(fate)
        with pytest.raises(StoreUnavailable):
            await store.ask(PersistIntent(make_intent(1)))
        await store.ask(PersistIntent(make_intent(1)))
        database.fates.append(fate)
        with pytest.raises(StoreUnavailable):
            await store.ask(PersistIntent(make_intent(2)))
        await store.ask(PersistIntent(make_intent(3, hashes=make_intent(2).hashes)))
        assert [torrent_id for torrent_id, _ in await rows(database)] == [
            make_intent(1).torrent_id,
            make_intent(3).torrent_id,
        ]


@pytest.mark.parametrize("fate", ["lost", "unconfirmed"])
async def test_refused_removal_is_not_carried_out_after_a_restart(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent, fate: Fate
) -> None:
    """Nothing worse than payload that is deleted although the request was refused."""
    first = make_intent(1, options={"paused": True}, completed_at=3.5, magnet="magnet:?xt=urn:btih:01")
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(first))
        database.fates.append(fate)
        with pytest.raises(StoreUnavailable):
            await store.ask(
                UpdateIntent(
                    make_intent(1, metainfo=b"other", magnet="magnet:?other", removing=Removing(delete_data=True))
                )
            )
    async with run_store(database, tmp_path) as again:
        (recovered,) = (await again.load()).torrents
    assert recovered.intent == first


async def test_metainfo_that_came_with_a_refused_update_is_taken_back(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    magnet = make_intent(1, metainfo=None, magnet="magnet:?xt=urn:btih:01")
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(magnet))
        database.fates.append("unconfirmed")
        with pytest.raises(StoreUnavailable):
            await store.ask(UpdateIntent(make_intent(1)))
        await settled(store)
        (recovered,) = (await store.load()).torrents
        assert recovered.intent == magnet


async def test_doubt_outlives_the_daemon(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        await store.copies_written()
        database.fates.append("gone")
        with pytest.raises(StoreUnavailable):
            await store.ask(PersistIntent(make_intent(2)))
    assert (tmp_path / FILE).exists()
    database.come_back()
    assert len(await rows(database)) == 2
    async with run_store(database, tmp_path) as again:
        assert [recovered.intent for recovered in (await again.load()).torrents] == [make_intent(1)]
    assert not (tmp_path / FILE).exists()


async def test_nothing_is_written_while_the_server_still_works_on_the_commit(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        database.fates.append("late")
        with pytest.raises(StoreUnavailable):
            await store.ask(PersistIntent(make_intent(1)))
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="still works on an interrupted write"):
                await store.ask(PersistIntent(make_intent(1)))
        assert (await store.load()).from_copies
        assert "until an interrupted write is settled" in (store.health.reason or "")
        database.late_commits.set()
        await database.late_done.wait()
        assert len(await rows(database)) == 1
        await store.ask(PersistIntent(make_intent(2)))
        assert await rows(database) == [(make_intent(2).torrent_id, False)]
        assert store.health.state == "up"


async def test_row_that_was_accepted_later_is_not_undone(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    """A list of doubts that could not be deleted is read again at the next start, and does no harm."""
    async with run_store(database, tmp_path) as store:
        database.fates.append("unconfirmed")
        with pytest.raises(StoreUnavailable):
            await store.ask(PersistIntent(make_intent(1)))
        await eventually((tmp_path / FILE).exists, "the list of doubts")
        content = (tmp_path / FILE).read_bytes()
        await store.ask(PersistIntent(make_intent(1)))
    (tmp_path / FILE).write_bytes(content)
    async with run_store(database, tmp_path) as again:
        (torrent,) = (await again.load()).torrents
        assert torrent.detail == "", "the row was deleted and came back from its copy"


async def test_doubts_of_another_server_are_dropped(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    doubt = f'[{{"xid": "123456789012", "created": ["{make_intent(1).torrent_id}"], "before": []}}]'
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
    (tmp_path / FILE).write_text(doubt)
    async with run_store(database, tmp_path) as again:
        assert len((await again.load()).torrents) == 1
        await settled(again)


@pytest.mark.parametrize("method", ["make", "names", "remove"])
async def test_doubts_are_recalled_whatever_else_is_wrong_with_the_directory(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent, method: str
) -> None:
    async with run_store(database, tmp_path) as store:
        database.fates.append("gone")
        with pytest.raises(StoreUnavailable):
            await store.ask(PersistIntent(make_intent(1)))
    (tmp_path / f".{FILE}.0123456789abcdef.tmp").write_bytes(b"cut o")
    disk = FaultyDisk(PosixDisk(tmp_path))
    disk.fail(method, errno.EPERM, name=".tmp" if method == "remove" else "")
    async with run_store(database, tmp_path, disk=disk) as again:
        assert again.store.statistics().in_doubt == 1
        assert again.health.state == ("up" if method == "remove" else "degraded")
        database.come_back()
        await settled(again)
        assert await rows(database) == []


async def test_server_that_fails_at_the_question_leaves_the_doubt(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        database.fates.append("unconfirmed")
        database.refuse(TRANSACTION_STATUS, StatementFailed("could not read file", "58030"))
        with pytest.raises(StoreUnavailable):
            await store.ask(PersistIntent(make_intent(1)))
        await settled(store)
        assert await rows(database) == []


async def test_unreadable_list_of_doubts_goes_to_the_quarantine(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore
) -> None:
    (tmp_path / FILE).write_bytes(b"nonsense")
    async with run_store(database, tmp_path) as store:
        assert store.health.state == "degraded"
        assert FILE in (store.health.reason or "")
        assert not (await store.load()).from_copies
    (kept,) = (tmp_path / "quarantine").iterdir()
    assert kept.read_bytes() == b"nonsense"


async def test_undoing_that_fails_is_repeated(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        database.fates.append("unconfirmed")
        database.refuse(UNDO_INSERTS, StatementFailed("not now"))
        with pytest.raises(StoreUnavailable):
            await store.ask(PersistIntent(make_intent(1)))
        await settled(store)
        assert await rows(database) == []


async def test_forget_in_doubt_can_be_repeated(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        database.fates.append("unconfirmed")
        with pytest.raises(StoreUnavailable):
            await store.ask(ForgetIntent(make_intent(1).torrent_id))
        assert store.store.statistics().in_doubt == 0
        await store.ask(ForgetIntent(make_intent(1).torrent_id))
        await store.copies_written()
        assert names_in(tmp_path) == []


async def test_doubt_that_cannot_be_written_down_is_remembered_in_memory(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    disk = FaultyDisk(PosixDisk(tmp_path))
    disk.fail("create", errno.ENOSPC, name=FILE)
    async with run_store(database, tmp_path, disk=disk) as store:
        database.fates.append("gone")
        with pytest.raises(StoreUnavailable):
            await store.ask(PersistIntent(make_intent(1)))
        assert "in memory only" in (store.health.reason or "")
        database.come_back()
        await settled(store)
        assert await rows(database) == []
        await eventually(lambda: store.health.state == "up", "the store to be well again")


async def test_list_of_doubts_that_cannot_be_deleted_is_named(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    disk = FaultyDisk(PosixDisk(tmp_path))
    disk.fail("remove", errno.EROFS, name=FILE)
    async with run_store(database, tmp_path, disk=disk) as store:
        database.fates.append("unconfirmed")
        with pytest.raises(StoreUnavailable):
            await store.ask(PersistIntent(make_intent(1)))
        await store.ask(PersistIntent(make_intent(1)))
        assert FILE in (store.health.reason or "")
        await store.copies_written()
