"""Last-known copies: they follow the commits, and are made from the rows when memory does not suffice."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import trio

from revaer.database.messages import StatementTimeout
from revaer.resume.copies import Copies
from revaer.resume.copy_format import SUFFIX, unpack_copy
from revaer.resume.disk import PosixDisk
from revaer.resume.documents import Stored
from revaer.resume.messages import PersistIntent, UpdateIntent
from revaer.resume.problems import Problems
from revaer.resume.queries import INTENTS_BY_ID
from tests.resume.conftest import MakeIntent, RunStore, torrent_id
from tests.resume.faults import FaultyDatabase, FaultyDisk, InlineLane
from tests.resume.test_keeper import Report
from tests.support.waiting import eventually

ONE, TWO = torrent_id(1), torrent_id(2)


def copy_of(directory: Path, number: int) -> Stored:
    return unpack_copy(torrent_id(number), (directory / (torrent_id(number) + SUFFIX)).read_bytes())


async def test_copy_follows_every_change(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    magnet = make_intent(1, metainfo=None, magnet="magnet:?xt=urn:btih:01")
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(magnet))
        await store.copies_written()
        assert copy_of(tmp_path, 1) == Stored(magnet, 1)
        await store.ask(UpdateIntent(make_intent(1, metainfo=b"arrived")))
        await store.copies_written()
        assert copy_of(tmp_path, 1) == Stored(make_intent(1, metainfo=b"arrived", magnet=magnet.magnet), 2)
        paused = make_intent(1, metainfo=None, options={"paused": True})
        await store.ask(UpdateIntent(paused))
        await store.copies_written()
        expected = make_intent(1, metainfo=b"arrived", magnet=magnet.magnet, options={"paused": True})
        assert copy_of(tmp_path, 1) == Stored(expected, 3)


async def test_metainfo_that_still_waits_goes_with_the_next_change(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    disk = FaultyDisk(PosixDisk(tmp_path))
    disk.fail("create", errno.ENOSPC)
    async with run_store(database, tmp_path, disk=disk) as store:
        await store.ask(PersistIntent(make_intent(1)))
        await store.ask(UpdateIntent(make_intent(1, metainfo=None, options={"paused": True})))
        await eventually(lambda: "copies of intents cannot be written" in (store.health.reason or ""), "the trouble")
        disk.heal()
        await store.copies_written()
        assert copy_of(tmp_path, 1) == Stored(make_intent(1, options={"paused": True}), 2)
        assert store.health.state == "up"


@pytest.mark.parametrize("damage", ["missing", "broken"])
async def test_copy_without_its_metainfo_is_made_from_the_row(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent, damage: str
) -> None:
    path = tmp_path / (ONE + SUFFIX)
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        await store.copies_written()
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(b"nonsense")
        database.refuse(INTENTS_BY_ID, StatementTimeout(20.0))
        await store.ask(UpdateIntent(make_intent(1, metainfo=None, options={"paused": True})))
        await store.copies_written()
    assert copy_of(tmp_path, 1) == Stored(make_intent(1, options={"paused": True}), 2)


async def test_more_metainfo_than_may_wait_is_read_from_the_rows(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path / "elsewhere") as store:
        for number in range(1, 20):
            await store.ask(PersistIntent(make_intent(number)))
    copies = Copies(database, trio.Lock(), PosixDisk(tmp_path), InlineLane(), Problems(Report()), max_held=3 * 20 * 13)
    async with trio.open_nursery() as nursery:
        for number in range(1, 20):
            copies.put(Stored(make_intent(number), 1))
        assert sum(copies._held.values()) <= 3 * 20 * 13
        nursery.start_soon(copies.run)
        nursery.start_soon(copies.run_refresh)
        with trio.fail_after(10):
            while copies.waiting:
                await copies.settled()
                await trio.lowlevel.checkpoint()
        assert copies._held_bytes == 0
        nursery.cancel_scope.cancel()
    assert [copy_of(tmp_path, number).intent for number in range(1, 20)] == [make_intent(n) for n in range(1, 20)]


async def test_copies_wait_for_the_database_without_complaint(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        await store.copies_written()
        (tmp_path / (ONE + SUFFIX)).unlink()
        database.leave()
        store.store._copies.refresh([ONE])
        await trio.testing.wait_all_tasks_blocked()
        assert store.store.statistics().copies_waiting == 1
        assert store.health.state == "up"
        database.come_back()
        await store.copies_written()
    assert copy_of(tmp_path, 1) == Stored(make_intent(1), 1)
