"""Starts: everything stored comes back, with what is on disk, and failures say what to do."""

from __future__ import annotations

import shutil

import pytest
import trio
from trio.testing import MockClock

from actors import ActorDown, Stamped
from revaer.events import CatalogueListed, TorrentAdded
from revaer.session.messages import Act, Pause, SessionUnavailable, SetRate, Snapshot
from revaer.types import TorrentId, TorrentState
from tests.session.actor.node import FILES, Node
from tests.support.torrents import write_files


async def test_stored_torrents_come_back_with_their_options(node: Node, clock: MockClock) -> None:
    async with node.run():
        first, second = (await node.add("One")).id, (await node.add("Two")).id
        await node.ask(Act(first, SetRate(9_000, None)))
        await node.ask(Act(second, Pause()))
    async with node.run():
        await node.settled()
        views = await node.views()
        assert set(views) == {first, second} == set(node.engine.torrents)
        assert views[first].descriptor.max_download_bps == 9_000
        assert views[second].state.kind is TorrentState.STOPPED


async def test_end_of_the_listing_is_announced_after_every_torrent(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = {(await node.add("One")).id, (await node.add("Two")).id}
    with node.bus.subscribe("test", wants=lambda event: isinstance(event, TorrentAdded | CatalogueListed)) as events:
        async with node.run():
            await node.settled()
            snapshot = await node.ask(Snapshot())
            assert (snapshot.listed, snapshot.loading) == (True, False)
        seen = [item.event for _ in range(3) if isinstance(item := await anext(events), Stamped)]
    assert {event.torrent_id for event in seen[:2] if isinstance(event, TorrentAdded)} == keys
    assert seen[2] == CatalogueListed(complete=True)


async def test_snapshot_says_that_nothing_is_listed_while_nothing_can_be_loaded(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    node.shelf.is_broken = True
    async with node.run():
        await node.settled()
        snapshot = await node.ask(Snapshot())
        assert (snapshot.listed, snapshot.loading, snapshot.views) == (False, True, ())
        node.shelf.is_broken = False
        await node.settled(10.0)
        assert (await node.ask(Snapshot())).listed
        assert key in await node.views()


async def test_list_from_copies_is_announced_as_such_and_again_when_it_is_whole(node: Node, clock: MockClock) -> None:
    async with node.run():
        await node.add()
    node.shelf.is_away = True
    with node.bus.subscribe("test", wants=lambda event: isinstance(event, CatalogueListed)) as events:
        async with node.run():
            await node.settled()
            snapshot = await node.ask(Snapshot())
            assert (snapshot.listed, snapshot.loading) == (True, True)
            node.shelf.is_away = False
            await node.settled(10.0)
        seen = [item.event for _ in range(2) if isinstance(item := await anext(events), Stamped)]
    assert seen == [CatalogueListed(complete=False), CatalogueListed(complete=True)]


async def test_orderly_stop_saves_records_and_marks_clean(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engine.finish(key)
        await node.settled()
    assert node.shelf.is_clean
    assert key in node.shelf.records
    assert node.engine.is_closed


@pytest.mark.parametrize("was_clean", [True, False])
async def test_stop_before_everything_is_restored_is_as_clean_as_the_one_before(
    node: Node, clock: MockClock, was_clean: bool
) -> None:
    async with node.run():
        key = (await node.add()).id
    node.shelf.is_clean = was_clean
    node.engines.faults.silent.add("add")
    async with node.run():
        await node.settled()
        assert key not in node.engine.torrents
    assert node.shelf.is_clean is was_clean


async def test_completion_is_stored_and_survives(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engine.finish(key)
        assert await node.state(key) is TorrentState.SEEDING
        done = (await node.views())[key].descriptor.completed_at
        assert done is not None
        assert node.shelf.intents[key].completed_at == done


async def test_after_an_unclean_stop_pieces_on_disk_are_claimed_without_a_record(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    node.shelf.records.clear()
    node.shelf.is_clean = False
    write_files(node.downloads, {"film.mkv": FILES["film.mkv"][:40_000]}, name="Film")
    async with node.run():
        await node.settled()
        assert node.engine.torrents[key].spec.have == [True, True, False, False]


async def test_after_a_clean_stop_nothing_is_hashed(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    async with node.run():
        await node.settled()
        assert node.engine.torrents[key].spec.have is None
        assert node.engine.torrents[key].spec.record == node.shelf.records[key]


async def test_missing_directory_fails_the_torrent_until_it_is_back(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    shutil.rmtree(node.downloads)
    async with node.run():
        await node.settled()
        shown = (await node.views())[key].state
        assert shown.kind is TorrentState.FAILED
        assert str(node.downloads) in (shown.message or "")
        assert key not in node.engine.torrents
        node.downloads.mkdir()
        await node.settled(120.0)
        assert key in node.engine.torrents
        assert await node.state(key) is not TorrentState.FAILED


async def test_start_without_the_database_lists_from_copies_and_takes_no_changes(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add("One")).id
    node.shelf.is_away = True
    async with node.run():
        await node.settled()
        assert set(await node.views()) == {key} == set(node.engine.torrents)
        with pytest.raises(SessionUnavailable):
            await node.add("Two")
        node.shelf.is_away = False
        await node.settled(10.0)
        assert (await node.add("Two")).id in await node.views()


async def test_source_that_cannot_be_read_fails_with_what_to_do_and_the_others_run(
    node: Node, clock: MockClock
) -> None:
    async with node.run():
        broken, whole = (await node.add("One")).id, (await node.add("Two")).id
    intent = node.shelf.intents[broken]
    node.shelf.intents[broken] = type(intent)(
        torrent_id=broken,
        hashes=intent.hashes,
        info_hash=intent.info_hash,
        options=intent.options,
        added_at=intent.added_at,
        metainfo=b"rubbish",
    )
    async with node.run():
        await node.settled()
        views = await node.views()
        assert views[broken].state.kind is TorrentState.FAILED
        assert "remove it and add it again" in (views[broken].state.message or "")
        assert whole in node.engine.torrents


async def test_crashed_session_comes_back_with_every_torrent_on_a_fresh_engine(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        assert node.supervisor is not None
        node.supervisor.crash("session", RuntimeError("drill"))
        await node.settled(5.0)
        assert len(node.engines.opened) == 2
        assert node.engines.opened[0].is_closed
        assert key in node.engine.torrents
        assert set(await node.views()) == {key}
        assert key in node.shelf.records


async def test_crashed_session_saves_every_record_but_that_of_a_torrent_on_its_way_out(
    node: Node, clock: MockClock
) -> None:
    async with node.run():
        first, second = [(await node.add(name)).id for name in ("one", "two")]
        before = dict(node.engine.records_asked)
        engine = node.engine
        del engine.torrents[first]
        assert node.supervisor is not None
        node.supervisor.crash("session", RuntimeError("drill"))
        await node.settled(5.0)
        assert engine.records_asked[second] == before.get(second, 0) + 1
        assert engine.is_closed
        assert set(await node.views()) == {first, second}


async def test_crashed_session_closes_its_engine_whatever_saving_comes_to(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        engine = node.engine

        def fail(torrent_id: TorrentId, *, only_if_changed: bool = True) -> None:
            raise RuntimeError("a second fault")

        engine.request_record = fail  # type: ignore[method-assign]
        assert node.supervisor is not None
        node.supervisor.crash("session", RuntimeError("drill"))
        await node.settled(5.0)
        assert engine.is_closed
        assert key in await node.views()


async def test_asker_of_a_crashing_session_gets_an_error_at_once(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        assert node.supervisor is not None
        node.engines.faults.silent.add("pause")

        async def ask() -> None:
            with pytest.raises(ActorDown):
                await node.ask(Act(key, Pause()))

        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            while ("pause", key) not in node.engine.calls:
                await trio.lowlevel.checkpoint()
            node.supervisor.crash("session", RuntimeError("drill"))
        assert trio.current_time() == begun
        node.engines.faults.silent.clear()
        await node.settled(5.0)
        assert key in await node.views()


async def test_rates_return_to_zero_without_news(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engine.run_at(key, 70_000)
        await node.settled(1.0)
        assert (await node.views())[key].progress.download_bps == 70_000
        await node.settled(5.0)
        assert (await node.views())[key].progress.download_bps == 0


async def test_torrent_that_a_silent_engine_took_in_is_restored_when_it_speaks_again(
    node: Node, clock: MockClock
) -> None:
    async with node.run():
        key = (await node.add()).id
    node.engines.faults.silent.add("answer to add")
    async with node.run():
        await node.settled(11.0)
        node.engines.faults.silent.clear()
        await node.settled(5.0)
        assert key in node.engine.torrents
        assert await node.state(key) is TorrentState.DOWNLOADING


async def test_place_that_a_silent_engine_does_not_give_holds_up_nothing_else(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add(queue_position=3)).id
    shutil.rmtree(node.downloads)
    node.engines.faults.silent.add("set_queue_position")
    async with node.run():
        await node.settled()
        node.downloads.mkdir()
        await node.settled(120.0)
        assert key in node.engine.torrents
        assert (await node.ask(Act(key, Pause()))).id == key
        node.engines.faults.silent.clear()
        del node.engine.calls[:]
        await node.settled(60.0)
        assert ("set_queue_position", key) in node.engine.calls
        assert not any(call == "add" for call, _ in node.engine.calls)


async def test_places_in_the_queue_are_restored_with_one_call(node: Node, clock: MockClock) -> None:
    async with node.run():
        keys = [(await node.add(name, queue_position=place)).id for name, place in (("One", 2), ("Two", 1), ("Six", 0))]
    async with node.run():
        await node.settled()
        calls = node.engine.calls
    moved = [key for call, key in calls if call == "move_in_queue"]
    assert moved == keys[::-1]
    assert not any(call == "set_queue_position" for call, _ in calls)
