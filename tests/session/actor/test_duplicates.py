"""Two torrents that are one, as only metadata can show: the older goes on, also over restarts."""

from __future__ import annotations

from dataclasses import replace

from trio.testing import MockClock

from revaer.resume.messages import Intent
from revaer.session.messages import AddTorrent, RemoveTorrent
from revaer.types import InfoHash, TorrentId, TorrentState
from tests.session.actor.node import FILES, Node
from tests.support.torrents import magnet_for, make_torrent

HYBRID = make_torrent(FILES, name="Film", version="hybrid")


async def add_half(node: Node, version: str) -> TorrentId:
    """Add a magnet that knows one half of a hybrid torrent."""
    magnet = magnet_for(HYBRID, version=version)  # type: ignore[arg-type]  # one of two
    return (await node.ask(AddTorrent(node.options(), magnet=magnet))).id


async def revealed(node: Node) -> tuple[TorrentId, TorrentId]:
    """Have two magnets in the session of which metadata shows that they are one; the older and the newer."""
    async with node.run():
        older = await add_half(node, "v1")
        await node.settled(1.0)
        newer = await add_half(node, "v2")
        node.engine.bring_metadata(older, HYBRID)
        await node.settled(5.0)
        assert await node.state(newer) is TorrentState.FAILED
    return older, newer


async def test_duplicate_is_told_again_after_a_restart_and_the_older_runs(node: Node, clock: MockClock) -> None:
    older, newer = await revealed(node)
    async with node.run():
        await node.settled()
        views = await node.views()
        assert views[newer].state.kind is TorrentState.FAILED
        assert older in (views[newer].state.message or "")
        assert older in node.engine.torrents


async def test_duplicate_goes_on_when_the_other_is_removed_after_a_restart(node: Node, clock: MockClock) -> None:
    older, newer = await revealed(node)
    async with node.run():
        await node.settled()
        await node.ask(RemoveTorrent(older))
        await node.settled(5.0)
        assert newer in node.engine.torrents
        assert await node.state(newer) is not TorrentState.FAILED


async def test_duplicate_that_is_removed_leaves_the_other_alone(node: Node, clock: MockClock) -> None:
    older, newer = await revealed(node)
    async with node.run():
        await node.settled()
        await node.ask(RemoveTorrent(newer))
        await node.settled(5.0)
        assert set(await node.views()) == {older} == set(node.engine.torrents)


async def test_older_torrent_takes_the_place_of_a_newer_one_that_entered_first(node: Node, clock: MockClock) -> None:
    """Torrents are brought in in the order in which they are stored."""
    older, newer = await revealed(node)
    stored = node.shelf.intents
    node.shelf.intents = {key: stored[key] for key in (newer, older)}
    async with node.run():
        await node.settled(10.0)
        assert set(node.engine.torrents) == {older}
        assert await node.state(older) is not TorrentState.FAILED
        assert await node.state(newer) is TorrentState.FAILED


async def test_refusal_that_has_nothing_to_do_with_another_torrent_is_told_as_such(
    node: Node, clock: MockClock
) -> None:
    async with node.run():
        key = (await node.add()).id
    node.engines.faults.refusals["add"] = "no room"
    async with node.run():
        await node.settled()
        view = (await node.views())[key]
        assert "no room" in (view.state.message or "")


async def test_stored_hashes_of_both_halves_are_never_mixed(node: Node, clock: MockClock) -> None:
    """What the database holds of the two stays apart, or it would refuse one of them."""
    older, newer = await revealed(node)
    hashes = {key: node.shelf.intents[key].hashes for key in (older, newer)}
    assert not hashes[older].shares(hashes[newer])
    intent: Intent = replace(node.shelf.intents[newer])
    assert intent.hashes == InfoHash(v2=hashes[newer].v2)
