"""Looking at one torrent: what the engine says, and what is known when it has nothing to say."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from revaer.session.messages import (
    AddTorrent,
    PieceMap,
    ReadPeers,
    ReadPieces,
    ReadTrackers,
    SessionUnavailable,
    TrackerState,
    UnknownTorrent,
)
from revaer.types import TorrentId
from tests.session.actor.node import FILES, Node
from tests.support.torrents import encode, make_torrent

NOBODY = TorrentId("01890000-0000-7000-8000-000000000000")
TRACKER = "http://a.test/announce"
PIECES = -(-sum(map(len, FILES.values())) // 16384)


async def hurt(node: Node, key: TorrentId) -> None:
    """Leave a torrent without its payload, so that the next start does not bring it into the engine."""
    node.shelf.records[key] = encode({"pieces": b"\x80" + bytes(PIECES // 8), "file-version": 2, "file_priority": []})


async def test_engine_is_asked_for_what_it_has(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        assert [peer.client for peer in await node.ask(ReadPeers(key))] == ["Fake"]
        assert await node.ask(ReadTrackers(key)) == ()
        pieces = await node.ask(ReadPieces(key))
        assert (pieces.count, pieces.piece_length, pieces.have_count) == (PIECES, 16384, 0)


async def test_magnet_has_no_pieces_yet(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add_magnet()).id
        assert await node.ask(ReadPieces(key)) == PieceMap()


async def test_torrent_without_its_files_is_shown_as_it_is_remembered(node: Node, clock: MockClock) -> None:
    metainfo = make_torrent(FILES, name="Film", trackers=[TRACKER])
    async with node.run():
        key = (await node.ask(AddTorrent(node.options(), metainfo=metainfo))).id
    await hurt(node, key)
    async with node.run():
        await node.settled()
        assert key not in node.engine.torrents
        assert await node.ask(ReadPeers(key)) == ()
        (tracker,) = await node.ask(ReadTrackers(key))
        assert (tracker.url, tracker.state) == (TRACKER, TrackerState.IDLE)
        pieces = await node.ask(ReadPieces(key))
        assert (pieces.count, pieces.have_count, pieces.have[0]) == (PIECES, 1, 0x80)


async def test_torrent_that_leaves_the_engine_meanwhile_is_shown_without_it(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        for call in ("peers", "trackers", "pieces"):
            node.engines.faults.refusals[call] = "gone"
        assert await node.ask(ReadPeers(key)) == ()
        assert await node.ask(ReadTrackers(key)) == ()
        assert (await node.ask(ReadPieces(key))).count == PIECES


@pytest.mark.parametrize(
    ("call", "request_"), [("peers", ReadPeers), ("trackers", ReadTrackers), ("pieces", ReadPieces)]
)
async def test_silent_engine_makes_a_look_unavailable(
    node: Node, clock: MockClock, call: str, request_: type[ReadPeers]
) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engines.faults.silent.add(call)
        with pytest.raises(SessionUnavailable):
            await node.ask(request_(key))


@pytest.mark.parametrize("request_", [ReadPeers, ReadTrackers, ReadPieces])
async def test_unknown_torrent_cannot_be_looked_at(node: Node, clock: MockClock, request_: type[ReadPeers]) -> None:
    async with node.run():
        with pytest.raises(UnknownTorrent):
            await node.ask(request_(NOBODY))


def test_pieces_are_counted_by_their_bits() -> None:
    assert PieceMap(11, 16384, b"\xff\xe0").have_count == 11
