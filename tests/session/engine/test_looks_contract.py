"""What every engine must show of peers, trackers and pieces, and the changes of single options that it must take."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from revaer.session.looks import PEER_FLAGS, PEER_SOURCES
from revaer.session.port import (
    DownloadFinished,
    EngineClosed,
    EngineRefused,
    InvalidMetainfo,
    MetadataArrived,
    PieceMap,
    TrackerState,
    TrackerView,
)
from revaer.session.simulated import SimulatedEngine
from revaer.types import TorrentId
from tests.session.engine.conftest import FILES, WITHIN, Rig, loopback, magnet, torrent
from tests.support.torrents import magnet_for, make_torrent
from tests.support.tracker import open_tracker
from tests.support.waiting import eventually

UNKNOWN = TorrentId("01900000-0000-7000-8000-000000000000")
PIECES = -(-sum(map(len, FILES.values())) // 16384)
SLOW = 20_000
"""Bytes per second: slow enough that a download is seen half-way."""


async def begin_slowly(rig: Rig) -> TorrentId:
    """Begin to download the suite's torrent so slowly that it does not end."""
    await rig.engine.apply(loopback(limit_local_peers=True))
    await rig.seed(torrent())
    spec = rig.spec(torrent(), max_download_bps=SLOW)
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    return spec.torrent_id


async def until_true(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    await eventually(condition, what, within=WITHIN, every=0.02)


@asynccontextmanager
async def tracker_of(rig: Rig) -> AsyncIterator[str]:
    """Have a tracker that answers, and return its URL."""
    if isinstance(rig.engine, SimulatedEngine):
        url = "http://tracker.test/announce"
        rig.engine.world.tracker(url, 3)
        yield url
        return
    async with open_tracker() as tracker:
        yield tracker.url


async def tracker_view(rig: Rig, key: TorrentId, state: TrackerState) -> TrackerView:
    """Wait until a torrent's only tracker is in a state."""
    seen: list[TrackerView] = []

    async def there() -> bool:
        seen[:] = await rig.engine.trackers(key)
        return [view.state for view in seen] == [state]

    await eventually(there, lambda: f"{state}: {seen}", within=WITHIN, every=0.02)
    return seen[0]


async def test_seeder_is_shown_as_a_peer(rig: Rig) -> None:
    key = await begin_slowly(rig)

    async def whole() -> bool:
        return [peer.progress for peer in await rig.engine.peers(key)] == [1.0]

    await until_true(whole, "a peer that has everything")
    (peer,) = await rig.engine.peers(key)
    port = 6881 if rig.seeder is None else int(rig.seeder.listening()[0].rpartition(":")[2])
    assert (peer.address, peer.port, peer.connection) == ("127.0.0.1", port, "bittorrent")
    assert peer.client
    assert {"interesting", "seed"} <= set(peer.flags) <= {word for _, word in PEER_FLAGS}
    assert set(peer.source) <= {word for _, word in PEER_SOURCES}
    assert (peer.upload_bps, peer.uploaded_bytes) == (0, 0)


async def test_what_comes_from_a_peer_is_counted(rig: Rig) -> None:
    key = await begin_slowly(rig)

    async def some() -> bool:
        return any(peer.downloaded_bytes > 0 for peer in await rig.engine.peers(key))

    await until_true(some, "bytes from a peer")


async def test_paused_torrent_has_no_peers(rig: Rig) -> None:
    key = await begin_slowly(rig)

    async def met() -> bool:
        return bool(await rig.engine.peers(key))

    await until_true(met, "a peer")
    await rig.engine.pause(key)

    async def alone() -> bool:
        return await rig.engine.peers(key) == ()

    await until_true(alone, "nobody")


async def test_trackers_are_shown_tier_by_tier(rig: Rig) -> None:
    urls = ["udp://127.0.0.1:1/announce", "http://127.0.0.1:1/announce"]
    spec = rig.spec(torrent(), paused=True, trackers=tuple(urls))
    await rig.engine.add(spec)
    assert await rig.engine.trackers(spec.torrent_id) == (TrackerView(urls[0], 0), TrackerView(urls[1], 1))
    await rig.engine.set_trackers(spec.torrent_id, urls[::-1])
    shown = await rig.engine.trackers(spec.torrent_id)
    assert [(view.url, view.tier) for view in shown] == [(urls[1], 0), (urls[0], 1)]


async def test_trackers_of_the_settings_are_shown_too(rig: Rig) -> None:
    extra = "http://127.0.0.1:1/announce"
    await rig.engine.apply(loopback(extra_trackers=(extra,)))
    public = rig.spec(torrent(), paused=True)
    private = rig.spec(make_torrent({"x": b"1"}, name="x", private=True), paused=True)
    for spec in (public, private):
        await rig.engine.add(spec)
    assert [view.url for view in await rig.engine.trackers(public.torrent_id)] == [extra]
    assert await rig.engine.trackers(private.torrent_id) == ()


async def test_tracker_that_answers_works(rig: Rig) -> None:
    async with tracker_of(rig) as url:
        spec = rig.spec(torrent(), trackers=(url,))
        await rig.engine.add(spec)
        view = await tracker_view(rig, spec.torrent_id, TrackerState.WORKING)
    assert (view.url, view.fails, view.last_error) == (url, 0, None)
    assert view.seeders is not None


async def test_tracker_that_fails_says_why(rig: Rig) -> None:
    url = "http://127.0.0.1:1/announce"
    if isinstance(rig.engine, SimulatedEngine):
        rig.engine.world.tracker(url, "Connection refused")
    spec = rig.spec(torrent(), trackers=(url,))
    await rig.engine.add(spec)
    view = await tracker_view(rig, spec.torrent_id, TrackerState.FAILING)
    assert view.last_error == "Connection refused"
    assert view.fails >= 1
    assert view.seeders is None


async def test_pieces_of_a_whole_download_are_all_there(rig: Rig) -> None:
    await rig.seed(torrent())
    spec = rig.spec(torrent())
    await rig.engine.add(spec)
    before = await rig.engine.pieces(spec.torrent_id)
    assert (before.count, before.piece_length, len(before.have)) == (PIECES, 16384, (PIECES + 7) // 8)
    await rig.meet(spec.torrent_id)
    await rig.event(DownloadFinished)
    after = await rig.engine.pieces(spec.torrent_id)
    assert (after.have_count, after.availability) == (PIECES, ())
    assert int.from_bytes(after.have, "big") << PIECES % 8 != 0
    assert not after.have[-1] & (0xFF >> PIECES % 8)  # no bits beyond the last piece


async def test_pieces_that_the_peer_has_are_available(rig: Rig) -> None:
    key = await begin_slowly(rig)

    async def available() -> bool:
        return set((await rig.engine.pieces(key)).availability) == {1}

    await until_true(available, "one peer with everything")


async def test_magnet_has_no_pieces_before_its_metadata(rig: Rig) -> None:
    spec = rig.spec(magnet())
    await rig.engine.add(spec)
    assert await rig.engine.pieces(spec.torrent_id) == PieceMap()
    assert await rig.engine.peers(spec.torrent_id) == ()
    await rig.seed(torrent())
    await rig.meet(spec.torrent_id)
    arrived = lambda _: any(isinstance(event, MetadataArrived) for event in rig.events)  # noqa: E731
    await rig.status(spec.torrent_id, until=arrived)
    shown = await rig.engine.pieces(spec.torrent_id)
    assert (shown.count, shown.have_count) == (PIECES, 0)


async def test_unknown_ids_are_refused_by_every_look_and_change(rig: Rig) -> None:
    engine = rig.engine
    calls = [
        engine.peers(UNKNOWN),
        engine.trackers(UNKNOWN),
        engine.pieces(UNKNOWN),
        engine.set_super_seeding(UNKNOWN, enable=True),
        engine.set_pex(UNKNOWN, enable=True),
        engine.set_auto_managed(UNKNOWN, enable=True),
    ]
    for call in calls:
        with pytest.raises(EngineRefused, match=UNKNOWN):
            await call


async def test_closed_engine_shows_and_takes_nothing(rig: Rig) -> None:
    spec = rig.spec(torrent(), paused=True)
    await rig.engine.add(spec)
    await rig.engine.close(within=1.0)
    with pytest.raises(EngineClosed):
        await rig.engine.peers(spec.torrent_id)
    with pytest.raises(EngineClosed):
        await rig.engine.add_many([rig.spec(magnet())])


async def test_single_options_are_taken(rig: Rig) -> None:
    spec = rig.spec(torrent(), auto_managed=True)
    await rig.engine.add(spec)
    key = spec.torrent_id
    await rig.engine.set_super_seeding(key, enable=True)
    await rig.engine.set_super_seeding(key, enable=False)
    await rig.engine.set_pex(key, enable=False)
    await rig.engine.set_pex(key, enable=True)
    await rig.engine.set_auto_managed(key, enable=False)
    assert not (await rig.status(key)).auto_managed
    await rig.engine.set_auto_managed(key, enable=True)
    assert (await rig.status(key)).auto_managed


async def test_paused_torrent_stays_paused_whatever_its_queue(rig: Rig) -> None:
    spec = rig.spec(torrent(), paused=True)
    await rig.engine.add(spec)
    for enable in (True, False):
        await rig.engine.set_auto_managed(spec.torrent_id, enable=enable)
        status = await rig.status(spec.torrent_id)
        assert (status.paused, status.auto_managed) == (True, False)


async def test_many_are_added_and_each_refusal_stands_alone(rig: Rig) -> None:
    def other(number: int) -> bytes:
        return make_torrent({f"f{number}": bytes(100)}, name=f"f{number}")

    known = rig.spec(other(0), paused=True)
    await rig.engine.add(known)
    specs = [
        rig.spec(torrent(), paused=True),
        rig.spec(other(0), paused=True),
        rig.spec(b"rubbish"),
        rig.spec(torrent(), paused=True),
        rig.spec(magnet_for(other(1)), paused=True),
        rig.spec(other(2), torrent_id=known.torrent_id),
        rig.spec(other(3), paused=True, max_connections=1),
    ]
    outcomes = await rig.engine.add_many(specs)
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        EngineRefused,
        InvalidMetainfo,
        EngineRefused,
        type(None),
        EngineRefused,
        EngineRefused,
    ]
    for spec in (specs[0], specs[4], known):
        assert (await rig.status(spec.torrent_id)).paused
    for spec in (specs[3], specs[6]):
        with pytest.raises(EngineRefused):
            await rig.engine.pause(spec.torrent_id)


async def test_none_are_added_at_once(rig: Rig) -> None:
    assert list(await rig.engine.add_many([])) == []


async def test_source_that_was_read_already_is_used(rig: Rig) -> None:
    spec = rig.spec(torrent(), paused=True, source=rig.engine.parse_metainfo(torrent()))
    assert list(await rig.engine.add_many([spec])) == [None]
    assert (await rig.engine.pieces(spec.torrent_id)).count == PIECES
