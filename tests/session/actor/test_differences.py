"""What was stored of a torrent did not agree: the database wins, and every difference is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trio.testing import MockClock

from actors import Stamped, Subscription
from revaer.events import Event, SelectionReconciled, TorrentAdded, TorrentRemoved
from revaer.resume.messages import Intent, Removing
from revaer.session.messages import Act, Pause, RemoveTorrent, SessionUnavailable, SetRate
from revaer.types import TorrentId
from tests.session.actor.node import Node, torrent_file


def told(events: Subscription[Event], torrent_id: TorrentId) -> list[tuple[str, str]]:
    """What was said about a torrent since the last look."""
    found = []
    while (item := events.try_next()) is not None:
        if isinstance(item, Stamped) and isinstance(item.event, SelectionReconciled):
            assert item.event.torrent_id == torrent_id
            found.append((item.event.reason, item.event.detail))
    return found


def changed(node: Node, key: TorrentId, **changes: object) -> Intent:
    intent = node.shelf.intents[key]
    return replace(intent, options=replace(intent.options, **changes))  # type: ignore[arg-type]  # its fields


async def test_quarantined_record_and_restored_intent_are_told_at_a_start(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    node.shelf.remarks[key] = ("its last-known copy was put back", "its record was unusable; it is kept as q")
    with node.bus.subscribe("test") as events:
        async with node.run():
            await node.settled()
            reasons = told(events, key)
    assert [detail for _, detail in reasons] == list(node.shelf.remarks[key])
    assert "copy" in reasons[0][0]
    assert "record" in reasons[1][0]


async def test_agreement_is_not_told(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    with node.bus.subscribe("test") as events:
        async with node.run():
            await node.settled()
            assert told(events, key) == []


async def test_difference_that_is_found_when_a_torrent_enters_again_is_told(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    node.downloads.rmdir()
    async with node.run():
        await node.settled()
        node.shelf.remarks[key] = ("", "its record was unusable")
        with node.bus.subscribe("test") as events:
            node.downloads.mkdir()
            await node.settled(120.0)
            assert "its record was unusable" in [detail for _, detail in told(events, key)]


# A start from copies, and the database that comes back.


async def test_newer_wish_of_the_database_takes_the_place_of_its_copy(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    node.shelf.copies[key] = node.shelf.intents[key]
    node.shelf.intents[key] = changed(node, key, max_download_bps=9_000, sequential=True)
    node.shelf.is_away = True
    with node.bus.subscribe("test") as events:
        async with node.run():
            await node.settled()
            assert (await node.views())[key].descriptor.max_download_bps is None
            told(events, key)
            node.shelf.is_away = False
            await node.settled(10.0)
            descriptor = (await node.views())[key].descriptor
            assert (descriptor.max_download_bps, descriptor.sequential) == (9_000, True)
            assert node.engine.torrents[key].spec.max_download_bps == 9_000
            assert [reason for reason, _ in told(events, key)] == ["the copy that the start had to use was old"]


async def test_torrent_that_changes_its_wish_neither_leaves_nor_comes(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    node.shelf.copies[key] = node.shelf.intents[key]
    node.shelf.intents[key] = changed(node, key, max_download_bps=9_000)
    node.shelf.is_away = True
    async with node.run():
        await node.settled()
        with node.bus.subscribe("test", wants=lambda event: isinstance(event, TorrentAdded | TorrentRemoved)) as events:
            node.shelf.is_away = False
            await node.settled(10.0)
            assert (await node.views())[key].descriptor.max_download_bps == 9_000
            assert events.try_next() is None


async def test_metadata_that_only_the_database_has_is_used(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add_magnet()).id
    node.shelf.copies[key] = node.shelf.intents[key]
    node.shelf.intents[key] = replace(node.shelf.intents[key], metainfo=torrent_file())
    node.shelf.is_away = True
    async with node.run():
        await node.settled()
        node.shelf.is_away = False
        await node.settled(10.0)
        assert (await node.views())[key].descriptor.content_path == str(node.downloads / "Film")
        assert node.engine.torrents[key].spec.metainfo == torrent_file()


async def test_removal_that_only_the_database_knows_is_finished(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    node.shelf.copies[key] = node.shelf.intents[key]
    node.shelf.intents[key] = replace(node.shelf.intents[key], removing=Removing(delete_data=False))
    node.shelf.is_away = True
    async with node.run():
        await node.settled()
        node.shelf.is_away = False
        await node.settled(10.0)
        assert await node.views() == {}
        assert node.shelf.intents == {}


async def test_torrent_that_the_database_does_not_know_leaves(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add("One")).id
        other = (await node.add("Two")).id
    node.shelf.is_away = True
    async with node.run():
        await node.settled()
        del node.shelf.intents[key]
        node.shelf.is_away = False
        await node.settled(10.0)
        assert set(await node.views()) == {other} == set(node.engine.torrents)


async def test_engine_that_is_silent_when_the_database_comes_back_is_asked_again(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    node.shelf.copies[key] = node.shelf.intents[key]
    node.shelf.intents[key] = changed(node, key, max_download_bps=9_000)
    node.shelf.is_away = True
    async with node.run():
        await node.settled()
        node.engines.faults.silent.add("remove")
        node.shelf.is_away = False
        await node.settled(5.0)
        assert (await node.views())[key].descriptor.max_download_bps is None
        node.engines.faults.silent.clear()
        await node.settled(30.0)
        assert (await node.views())[key].descriptor.max_download_bps == 9_000


async def test_nothing_changes_before_the_copy_is_compared(node: Node, clock: MockClock) -> None:
    """The database is back, but the session has not heard what it says: a change would undo what it knows."""
    async with node.run():
        key = (await node.add()).id
    node.shelf.copies[key] = node.shelf.intents[key]
    node.shelf.intents[key] = changed(node, key, max_download_bps=9_000)
    node.shelf.is_away = True
    async with node.run():
        await node.settled()
        node.shelf.is_away = False
        with pytest.raises(SessionUnavailable, match="not known yet"):
            await node.ask(Act(key, Pause()))
        with pytest.raises(SessionUnavailable, match="not known yet"):
            await node.ask(RemoveTorrent(key))
        await node.settled(10.0)
        await node.ask(Act(key, Pause()))
        options = node.shelf.intents[key].options
        assert (options.paused, options.max_download_bps) == (True, 9_000)


async def test_completion_of_a_copy_is_not_written_over_what_the_database_knows(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    node.shelf.copies[key] = node.shelf.intents[key]
    node.shelf.intents[key] = changed(node, key, max_download_bps=9_000)
    node.shelf.is_away = True
    async with node.run():
        await node.settled()
        node.engine.finish(key)
        node.shelf.is_away = False
        await node.settled(60.0)
        assert node.shelf.intents[key].options.max_download_bps == 9_000
        assert (await node.views())[key].descriptor.max_download_bps == 9_000


async def test_torrent_that_is_removed_while_the_list_is_compared_does_not_come_back(
    node: Node, clock: MockClock
) -> None:
    async with node.run():
        first, second = (await node.add("One")).id, (await node.add("Two")).id
        for number in range(40):
            await node.add(f"More {number}")
    node.shelf.copies[second] = node.shelf.intents[second]
    node.shelf.intents[second] = changed(node, second, max_download_bps=9_000)
    node.shelf.is_away = True
    node.engines.faults.silent.add("remove")
    async with node.run():
        await node.settled()
        node.shelf.is_away = False
        await node.settled(2.5)  # the comparison is under way: the engine does not let the second go
        node.engines.faults.silent.clear()
        await node.ask(RemoveTorrent(first))
        await node.settled(60.0)
        views = await node.views()
        assert first not in views
        assert len(views) == 41
        assert first not in node.engine.torrents


async def test_change_that_is_made_while_the_list_is_compared_stays(node: Node, clock: MockClock) -> None:
    async with node.run():
        first, second = (await node.add("One")).id, (await node.add("Two")).id
    node.shelf.copies[second] = node.shelf.intents[second]
    node.shelf.intents[second] = changed(node, second, max_download_bps=9_000)
    node.shelf.is_away = True
    node.engines.faults.silent.add("remove")
    async with node.run():
        await node.settled()
        node.shelf.is_away = False
        await node.settled(2.5)
        await node.ask(Act(first, SetRate(5_000, None)))
        node.engines.faults.silent.clear()
        await node.settled(60.0)
        assert (await node.views())[first].descriptor.max_download_bps == 5_000
        assert node.shelf.intents[first].options.max_download_bps == 5_000
        assert (await node.views())[second].descriptor.max_download_bps == 9_000
