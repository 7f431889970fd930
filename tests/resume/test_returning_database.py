"""A session that had to start from copies, and the database that returns: with torrents added, changed and removed
there meanwhile. What the database says wins, nothing accepted is lost, and transfers go on all the time."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import trio

from actors import Request
from revaer.database.messages import Database
from revaer.resume.actor import ResumeStore
from revaer.resume.messages import UpdateIntent
from revaer.session.messages import Act, AddTorrent, DuplicateTorrent, Pause, RemoveTorrent, SessionUnavailable, SetRate
from revaer.session.simulated import open_simulated
from revaer.types import TorrentId, TorrentState, TorrentView
from tests.resume.conftest import MakeIntent, RunStore, names_in
from tests.resume.faults import FaultyDatabase
from tests.resume.support import copy_file, fill
from tests.support.late_reader import LateReader, assert_agree
from tests.support.torrents import info_hashes, magnet_for, make_torrent, payload
from tests.support.whole_node import WholeNode, open_node

FILES = {"film.mkv": payload(200_000), "film.nfo": b"about it" * 10}

OpenNode = Callable[[], AbstractAsyncContextManager[WholeNode]]


def film(number: int) -> bytes:
    return make_torrent(FILES, name=f"Film {number}")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first load does not wait for a database that is about to come."""
    monkeypatch.setattr("revaer.resume.load.PATIENCE", 0.02)


@pytest.fixture
def open_session(tmp_path: Path, database: FaultyDatabase) -> OpenNode:
    def start() -> AbstractAsyncContextManager[WholeNode]:
        return open_node(tmp_path, engine=open_simulated, store=lambda: ResumeStore(database, tmp_path / "resume"))

    return start


async def add(node: WholeNode, number: int, **options: Any) -> TorrentView:
    return await node.ask(AddTorrent(node.options(**options), metainfo=film(number)))


async def until_copied(node: WholeNode, *torrents: TorrentView) -> None:
    """Wait for the copies of what was accepted."""
    copies = [copy_file(node.root / "resume", torrent.id) for torrent in torrents]
    await node.eventually(lambda: all(path.exists() for path in copies), "the copies")


async def until_listed(node: WholeNode) -> dict[TorrentId, TorrentView]:
    """Wait until the list is whole."""

    async def whole() -> bool:
        return not (await node.snapshot()).loading

    await node.eventually(whole, "the whole list")
    return await node.views()


async def change(database: Database, torrent_id: TorrentId, **options: Any) -> None:
    """Change options by hand, as another daemon on this database would."""
    await database.execute(
        "UPDATE torrents SET options = options || $2::text::jsonb, revision = revision + 1 WHERE id = $1",
        torrent_id,
        json.dumps(options),
    )


async def copy_row(database: Database, torrent_id: TorrentId, new_id: str, torrent: bytes) -> None:
    """Add a torrent by hand, with the options of another."""
    await database.execute(
        "INSERT INTO torrents (id, info_hash_v1, metainfo, options, added_at)"
        " SELECT $2::text::uuid, $3, $4, options, added_at FROM torrents WHERE id = $1",
        torrent_id,
        new_id,
        info_hashes(torrent)[0],
        torrent,
    )


# The store alone.


async def test_row_that_was_changed_meanwhile_wins_and_its_copy_follows(
    database: FaultyDatabase, real_database: Database, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1, 2)
    database.leave()
    async with run_store(database, tmp_path) as again:
        assert [torrent.intent for torrent in (await again.load()).torrents] == [make_intent(1), make_intent(2)]
        await change(real_database, make_intent(1).torrent_id, paused=True)
        database.come_back()
        recovery = await again.load()
        assert not recovery.from_copies
        assert [torrent.intent.options.paused for torrent in recovery.torrents] == [True, False]
        await again.copies_written()
        database.leave()
        served = (await again.load()).torrents
        assert [torrent.intent.options.paused for torrent in served] == [True, False]


async def test_row_that_was_added_meanwhile_is_loaded_and_gets_a_copy(
    database: FaultyDatabase, real_database: Database, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1)
    database.leave()
    async with run_store(database, tmp_path) as again:
        await again.load()
        await copy_row(real_database, make_intent(1).torrent_id, make_intent(2).torrent_id, film(2))
        database.come_back()
        assert [torrent.intent.torrent_id for torrent in (await again.load()).torrents] == [
            make_intent(number).torrent_id for number in (1, 2)
        ]
        await again.copies_written()
    assert copy_file(tmp_path, make_intent(2).torrent_id).exists()


async def test_row_that_vanished_meanwhile_is_put_back(
    database: FaultyDatabase, real_database: Database, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    """A row that is gone looks like a database that was lost: what was accepted is not given up."""
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1, 2)
    database.leave()
    async with run_store(database, tmp_path) as again:
        await again.load()
        await real_database.execute("DELETE FROM torrents WHERE id = $1", make_intent(1).torrent_id)
        database.come_back()
        recovery = await again.load()
        assert [torrent.intent for torrent in recovery.torrents] == [make_intent(1), make_intent(2)]
        assert "put back" in recovery.torrents[0].detail
    assert len(await real_database.fetch("SELECT id FROM torrents")) == 2


async def test_change_that_no_copy_saw_is_served_once_the_database_is_back(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await fill(store, make_intent, 1)
        old = copy_file(tmp_path, make_intent(1).torrent_id).read_bytes()
        await store.ask(UpdateIntent(make_intent(1, options={"paused": True})))
        await store.copies_written()
    copy_file(tmp_path, make_intent(1).torrent_id).write_bytes(old)
    database.leave()
    async with run_store(database, tmp_path) as again:
        assert not (await again.load()).torrents[0].intent.options.paused
        database.come_back()
        assert (await again.load()).torrents[0].intent.options.paused


# The session on it.


async def test_everything_is_listed_from_copies_and_downloads_while_the_database_is_away(
    open_session: OpenNode, database: FaultyDatabase
) -> None:
    async with open_session() as node:
        first, second = await add(node, 1), await add(node, 2, paused=True)
        await until_copied(node, first, second)
    database.leave()
    async with open_session() as node:
        await node.until(second.id, TorrentState.STOPPED)
        assert (await node.snapshot()).loading
        node.engine.world.seed(film(1), rate=50_000_000)
        await node.until(first.id, TorrentState.SEEDING)
        requests: tuple[Request[Any], ...] = (
            AddTorrent(node.options(), metainfo=film(3)),
            Act(second.id, SetRate(1000, None)),
            RemoveTorrent(second.id),
        )
        for request in requests:
            with pytest.raises(SessionUnavailable):
                await node.ask(request)
        with pytest.raises(DuplicateTorrent):
            await node.ask(AddTorrent(node.options(), magnet=magnet_for(film(1))))
        database.come_back()
        assert set(await until_listed(node)) == {first.id, second.id}
        assert (await node.view(first.id)).state.kind is TorrentState.SEEDING
        assert node.kinds(first.id).count("completed") == 1
        third = await add(node, 3)
    async with open_session() as node:
        views = await until_listed(node)
        assert set(views) == {first.id, second.id, third.id}
        assert views[first.id].descriptor.completed_at is not None, "what ended meanwhile was stored when it could be"


async def test_wishes_that_were_changed_meanwhile_are_applied(
    open_session: OpenNode, database: FaultyDatabase, real_database: Database
) -> None:
    async with open_session() as node:
        first, second = await add(node, 1), await add(node, 2)
        await until_copied(node, first, second)
    database.leave()
    async with open_session() as node:
        node.engine.world.seed(film(2), rate=50_000_000)
        await node.until(second.id, TorrentState.SEEDING)
        await change(real_database, first.id, paused=True, max_download_bps=5_000)
        database.come_back()
        stopped = await node.until(first.id, TorrentState.STOPPED)
        await until_listed(node)
        assert stopped.descriptor.max_download_bps == 5_000

        def is_paused() -> bool:
            torrent = node.engine._torrents.get(first.id)
            return torrent is not None and bool(torrent.paused)

        await node.eventually(is_paused, "the engine has it, paused")
        assert (await node.view(second.id)).progress.percent_complete == 100.0
        assert "torrent_removed" not in node.kinds(second.id)


async def test_changed_torrent_keeps_what_it_has(
    open_session: OpenNode, database: FaultyDatabase, real_database: Database
) -> None:
    async with open_session() as node:
        view = await add(node, 1)
        node.engine.world.seed(film(1), rate=50_000_000)
        await node.until(view.id, TorrentState.SEEDING)
        await node.eventually((node.root / "resume" / f"{view.id}.fastresume").exists, "its record")
        await until_copied(node, view)
    database.leave()
    async with open_session() as node:
        await node.until(view.id, TorrentState.SEEDING)
        await change(real_database, view.id, tags=["changed"])
        database.come_back()
        changed = await node.until(view.id, lambda view: view.descriptor.tags == ("changed",))
        await until_listed(node)
        seeding = await node.until(view.id, TorrentState.SEEDING)
        assert changed.id == view.id
        assert seeding.progress.percent_complete == 100.0
        assert "completed" not in node.kinds(view.id)


async def test_torrents_that_were_added_meanwhile_enter(
    open_session: OpenNode, database: FaultyDatabase, real_database: Database
) -> None:
    new = TorrentId("01900000-0000-7000-8000-000000000009")
    async with open_session() as node:
        first = await add(node, 1)
        await until_copied(node, first)
    database.leave()
    async with open_session() as node:
        await node.until(first.id, lambda _: True)
        await copy_row(real_database, first.id, new, film(9))
        database.come_back()
        assert set(await until_listed(node)) == {first.id, new}
        node.engine.world.seed(film(9), rate=50_000_000)
        await node.until(new, TorrentState.SEEDING)
        with pytest.raises(DuplicateTorrent) as caught:
            await add(node, 9)
        assert caught.value.existing == new


async def test_row_that_was_deleted_by_hand_is_put_back_and_its_torrent_goes_on(
    open_session: OpenNode, database: FaultyDatabase, real_database: Database
) -> None:
    async with open_session() as node:
        first = await add(node, 1)
        await until_copied(node, first)
    database.leave()
    async with open_session() as node:
        await node.until(first.id, lambda _: True)
        await real_database.execute("DELETE FROM torrents")
        database.come_back()
        assert set(await until_listed(node)) == {first.id}
        assert "torrent_removed" not in node.kinds(first.id)
        assert (await node.ask(Act(first.id, Pause()))).state.kind is TorrentState.STOPPED


async def test_torrent_whose_hash_belongs_to_another_now_gives_way(
    open_session: OpenNode, database: FaultyDatabase, real_database: Database
) -> None:
    heir = TorrentId("01900000-0000-7000-8000-000000000009")
    async with open_session() as node:
        first = await add(node, 1)
        await until_copied(node, first)
    database.leave()
    async with open_session() as node:
        await node.until(first.id, lambda _: True)
        await copy_row(real_database, first.id, heir, film(2))
        await real_database.execute("DELETE FROM torrents WHERE id = $1", first.id)
        await real_database.execute(
            "UPDATE torrents SET info_hash_v1 = $1, metainfo = $2", info_hashes(film(1))[0], film(1)
        )
        database.come_back()
        assert set(await until_listed(node)) == {heir}
        assert "torrent_removed" in node.kinds(first.id)
        node.engine.world.seed(film(1), rate=50_000_000)
        await node.until(heir, TorrentState.SEEDING)
        assert any(name.endswith(f"{first.id}.intent") for name in names_in(node.root / "resume" / "quarantine"))


async def test_removal_that_was_accepted_before_is_finished_when_the_database_is_back(
    open_session: OpenNode, database: FaultyDatabase, real_database: Database
) -> None:
    """The row knows of the removal; the copy was not written any more."""
    async with open_session() as node:
        node.engine.world.seed(film(1), rate=50_000_000)
        first = await add(node, 1)
        await node.until(first.id, TorrentState.SEEDING)
        await until_copied(node, first)
    await real_database.execute("UPDATE torrents SET removing = '{\"delete_data\": true}', revision = revision + 1")
    database.leave()
    async with open_session() as node:
        await node.until(first.id, lambda _: True)
        database.come_back()

        async def gone() -> bool:
            return first.id not in await node.views()

        await node.eventually(gone, "the end of the removal")
        await node.eventually(lambda: not (node.downloads / "Film 1").exists(), "the data is deleted")
        assert await real_database.fetch("SELECT id FROM torrents") == []
        assert (await add(node, 1)).id != first.id


async def test_metadata_that_came_meanwhile_is_stored_when_the_database_is_back(
    open_session: OpenNode, database: FaultyDatabase, real_database: Database
) -> None:
    async with open_session() as node:
        view = await node.ask(AddTorrent(node.options(), magnet=magnet_for(film(1))))
        await until_copied(node, view)
    database.leave()
    async with open_session() as node:
        await node.until(view.id, TorrentState.FETCHING_METADATA)
        node.engine.world.seed(film(1), rate=50_000_000)
        await node.until(view.id, TorrentState.SEEDING)
        database.come_back()
        await until_listed(node)

        async def stored() -> bool:
            (row,) = await real_database.fetch("SELECT metainfo FROM torrents")
            return bool(row["metainfo"] == film(1))

        await node.eventually(stored, "its metadata")
        assert (await node.view(view.id)).state.kind is TorrentState.SEEDING


async def test_readers_follow_the_return_event_by_event(
    open_session: OpenNode, database: FaultyDatabase, real_database: Database
) -> None:
    new = TorrentId("01900000-0000-7000-8000-000000000009")
    async with open_session() as node:
        first, second = await add(node, 1), await add(node, 2)
        await until_copied(node, first, second)
    database.leave()
    async with open_session() as node:
        await node.until(second.id, lambda _: True)
        with node.bus.subscribe("late reader", capacity=10_000) as events:
            reader = LateReader(node.session, events)
            await reader.catch_up()
            await change(real_database, first.id, paused=True)
            await copy_row(real_database, second.id, new, film(9))
            database.come_back()
            await until_listed(node)
            await node.until(new, TorrentState.DOWNLOADING)
            await node.until(first.id, TorrentState.STOPPED)
            snapshot = await node.snapshot()
            await reader.catch_up()
            assert reader.seq == snapshot.seq
            assert_agree(reader.views, snapshot)


async def test_crash_while_on_copies_comes_back_on_copies_and_then_on_the_database(
    open_session: OpenNode, database: FaultyDatabase
) -> None:
    async with open_session() as node:
        first = await add(node, 1)
        await until_copied(node, first)
    database.leave()
    async with open_session() as node:
        await node.until(first.id, lambda _: True)
        node.crash("session")
        await node.eventually(lambda: len(node.engines) == 2 and node.session.running, "a new session")
        await node.until(first.id, lambda _: True)
        assert (await node.snapshot()).loading
        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_listed, node)
            database.come_back()
        assert set(await node.views()) == {first.id}
