"""What only the real engine can show of its settings: who is capped, who is shut out, who is announced to."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from revaer.session.adapter import LibtorrentEngine
from revaer.session.address_ranges import AddressRanges
from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.port import (
    DownloadFinished,
    EngineSettings,
    EngineState,
    InvalidSetting,
    ListenerUp,
    MetadataArrived,
    PeerClass,
    Rates,
)
from revaer.session.settings import native_settings
from revaer.types import TorrentId
from tests.session.engine.conftest import Rig, loopback, magnet, open_rig, torrent
from tests.support.torrents import info_hashes, make_torrent, payload
from tests.support.tracker import Tracker, open_tracker
from tests.support.waiting import eventually

pytestmark = pytest.mark.swarm

LONG = {"film.mkv": payload(4 << 20)}
CAP = 300_000


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig("libtorrent", tmp_path) as opened:
        yield opened


@pytest.fixture
async def tracker() -> AsyncIterator[Tracker]:
    async with open_tracker() as opened:
        yield opened


async def begin(rig: Rig, **changes: Any) -> TorrentId:
    """Begin to download four mebibytes; without a cap that is done at once."""
    metainfo = make_torrent(LONG, name="Long")
    await rig.seed(metainfo, LONG, name="Long")
    spec = rig.spec(metainfo, **changes)
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    return spec.torrent_id


async def received(rig: Rig, torrent_id: TorrentId, *, seconds: float = 2.0) -> int:
    """How many bytes there are after a while, or all of them when it is finished before."""
    with trio.move_on_after(seconds):
        await rig.event(DownloadFinished)
    (status,) = await rig.engine.statuses([torrent_id])
    return status.total_done


def is_open(address: str) -> bool:
    """Whether somebody listens there."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, int(port))) == 0


def native(rig: Rig) -> dict[str, Any]:
    """The settings as libtorrent itself has them."""
    assert isinstance(rig.engine, LibtorrentEngine)
    settings: dict[str, Any] = rig.engine._library.session.get_settings()
    return settings


# Who is capped.


async def test_live_limit_binds_a_running_transfer(rig: Rig) -> None:
    await rig.engine.apply(loopback(limit_local_peers=True, max_download_bps=CAP))
    torrent_id = await begin(rig)
    assert await received(rig, torrent_id) < 4 * CAP
    await rig.engine.set_limits(Rates())
    await rig.event(DownloadFinished)


async def test_peers_on_this_network_are_free_unless_that_is_not_wanted(rig: Rig) -> None:
    await rig.engine.apply(loopback(limit_local_peers=False, max_download_bps=CAP))
    await begin(rig)
    await rig.event(DownloadFinished)


async def test_peer_class_caps_its_networks(rig: Rig) -> None:
    classes = (PeerClass("near", ("127.0.0.0/8",), max_download_bps=CAP),)
    await rig.engine.apply(loopback(peer_classes=classes))
    torrent_id = await begin(rig)
    assert await received(rig, torrent_id) < 4 * CAP
    await rig.engine.apply(loopback(peer_classes=(PeerClass("near", ("127.0.0.0/8",)),)))
    await rig.event(DownloadFinished)


async def test_engine_opens_with_its_classes_and_filter(rig: Rig, tmp_path: Path) -> None:
    settings = loopback(peer_classes=(PeerClass("near", ("127.0.0.0/8",)),), blocked_networks=("127.0.0.1",))
    engine = await open_libtorrent(settings, state_dir=tmp_path)
    try:
        assert isinstance(engine, LibtorrentEngine)
        assert engine._library.session.get_ip_filter().access("127.0.0.1") == 1
        assert engine._library.session.get_peer_class(3)["label"] == "near"
    finally:
        await engine.close(within=1.0)


async def test_own_cap_binds_a_torrent(rig: Rig) -> None:
    torrent_id = await begin(rig, max_download_bps=CAP)
    assert await received(rig, torrent_id) < 4 * CAP
    await rig.engine.set_rates({torrent_id: Rates()})
    await rig.event(DownloadFinished)


# Who is shut out.


async def test_blocked_network_is_no_peer_until_it_is_let_in(rig: Rig) -> None:
    await rig.engine.apply(loopback(blocked_networks=("127.0.0.0/8",)))
    torrent_id = await begin(rig)
    assert await received(rig, torrent_id, seconds=1.0) == 0
    await rig.engine.apply(loopback())
    await rig.meet(torrent_id)
    await rig.event(DownloadFinished)


@pytest.mark.parametrize("way", ["203.0.113.9", "nodevice0"])
async def test_nothing_leaves_by_another_way_than_the_one_it_is_bound_to(rig: Rig, way: str) -> None:
    quick: dict[str, Any] = {"extra": {"allow_multiple_connections_per_ip": True, "min_reconnect_time": 1}}
    await rig.engine.apply(loopback(outgoing_interface=way, **quick))
    torrent_id = await begin(rig)
    assert await received(rig, torrent_id, seconds=1.0) == 0
    await rig.engine.apply(loopback(**quick))

    async def done() -> bool:
        await rig.meet(torrent_id)
        return (await rig.engine.statuses([torrent_id]))[0].state is EngineState.SEEDING

    await eventually(done, "it goes on by the way that is there")


async def test_offline_engine_refuses_connections(rig: Rig) -> None:
    address = (await rig.event(ListenerUp)).address
    assert await trio.to_thread.run_sync(is_open, address)
    await rig.engine.apply(loopback(offline=True))
    assert not await trio.to_thread.run_sync(is_open, address)
    await rig.engine.apply(loopback())
    rig.events.clear()
    address = rig.engine.listening()[0] if rig.engine.listening() else (await rig.event(ListenerUp)).address
    assert await trio.to_thread.run_sync(is_open, address)


async def test_engine_that_opens_offline_is_silent_until_it_is_let(tmp_path: Path, tracker: Tracker) -> None:
    engine = await open_libtorrent(loopback(offline=True), state_dir=tmp_path)
    rig = Rig(engine, tmp_path)
    try:
        await engine.add(rig.spec(torrent(), trackers=(tracker.url,)))
        assert engine.listening() == ()
        assert engine._library.session.is_paused()  # type: ignore[attr-defined]  # the real engine
        await engine.apply(loopback())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rig.read)
            await eventually(lambda: tracker.announces["started"], "it announces itself")
            nursery.cancel_scope.cancel()
        assert tracker.announces["started"] == 1
    finally:
        await engine.close(within=1.0)


# Who is announced to.


async def test_extra_tracker_is_told_of_every_torrent_that_is_not_private(rig: Rig, tracker: Tracker) -> None:
    (open_hash,) = info_hashes(torrent())[:1]
    private = make_torrent({"secret": bytes(50_000)}, name="private", private=True)
    (private_hash,) = info_hashes(private)[:1]
    await rig.engine.apply(loopback(extra_trackers=(tracker.url,)))
    await rig.engine.add(rig.spec(private))
    await rig.engine.add(rig.spec(torrent()))
    await eventually(lambda: tracker.peers(open_hash or ""), "the open torrent is announced")
    assert not tracker.peers(private_hash or "")


async def test_extra_tracker_comes_and_goes_while_torrents_run(rig: Rig, tracker: Tracker) -> None:
    (own_hash,) = info_hashes(torrent())[:1]
    await rig.engine.add(rig.spec(torrent()))
    await rig.engine.apply(loopback(extra_trackers=(tracker.url,)))
    await eventually(lambda: tracker.peers(own_hash or ""), "the running torrent is announced")
    await rig.engine.apply(loopback())
    assert await trackers_of(rig) == []


async def test_magnet_gets_extra_trackers_once_it_is_known_not_to_be_private(rig: Rig, tracker: Tracker) -> None:
    await rig.seed(torrent())
    await rig.engine.apply(loopback(extra_trackers=(tracker.url,)))
    spec = rig.spec(magnet())
    await rig.engine.add(spec)
    assert await trackers_of(rig) == []
    await rig.meet(spec.torrent_id)
    arrived = await rig.event(MetadataArrived)
    assert tracker.url.encode() not in arrived.metainfo
    (info_hash,) = info_hashes(torrent())[:1]
    await eventually(lambda: tracker.peers(info_hash or ""), "it is announced")


async def test_own_trackers_stay_beside_the_extra_ones(rig: Rig, tracker: Tracker) -> None:
    own = "http://127.0.0.1:9/announce"
    spec = rig.spec(torrent(), trackers=(own,), paused=True)
    await rig.engine.add(spec)
    await rig.engine.apply(loopback(extra_trackers=(tracker.url, own)))
    assert await trackers_of(rig) == [own, tracker.url]
    await rig.engine.set_trackers(spec.torrent_id, ["http://127.0.0.1:10/announce"])
    assert await trackers_of(rig) == ["http://127.0.0.1:10/announce", tracker.url, own]


async def trackers_of(rig: Rig) -> list[str]:
    """The trackers of the one torrent, as libtorrent has them."""
    assert isinstance(rig.engine, LibtorrentEngine)
    (handle,) = rig.engine._library.session.get_torrents()
    return [tracker["url"] for tracker in await trio.to_thread.run_sync(handle.trackers)]


# How many peers.


async def test_torrents_without_a_limit_of_peers_follow_the_setting(rig: Rig) -> None:
    own = rig.spec(torrent(), paused=True, max_connections=7)
    other = rig.spec(make_torrent({"x": bytes(100)}, name="x"), paused=True)
    await rig.engine.add(own)
    await rig.engine.apply(loopback(connections_limit_per_torrent=50))
    await rig.engine.add(other)
    assert limits(rig) == [7, 50]
    await rig.engine.apply(loopback(connections_limit_per_torrent=60))
    assert limits(rig) == [7, 60]
    await rig.engine.set_connections_limit(own.torrent_id, None)
    assert limits(rig) == [60, 60]


def limits(rig: Rig) -> list[int]:
    """The limits of peers of all torrents."""
    assert isinstance(rig.engine, LibtorrentEngine)
    return sorted(handle.max_connections() for handle in rig.engine._library.session.get_torrents())


# How they are applied.


async def test_libtorrent_knows_every_setting_and_has_it(rig: Rig) -> None:
    settings = loopback(peer_dscp=9, announce_ip="127.0.0.1", outgoing_ports=(50_000, 50_005), user_agent="mine/1")
    await rig.engine.apply(settings)
    has, wanted = native(rig), native_settings(settings)
    assert {name: has[name] for name in wanted if has[name] != wanted[name]} == {}


async def test_smoothing_comes_and_goes_with_the_cap(rig: Rig) -> None:
    before = native(rig)["tick_interval"], native(rig)["max_out_request_queue"]
    await rig.engine.set_limits(Rates(5 << 20, None))
    assert (native(rig)["tick_interval"], native(rig)["max_out_request_queue"]) == (10, 64)
    await rig.engine.set_limits(Rates())
    assert (native(rig)["tick_interval"], native(rig)["max_out_request_queue"]) == before == (500, 500)


async def test_a_setting_of_the_engines_own_name_wins_over_smoothing(rig: Rig) -> None:
    await rig.engine.apply(loopback(extra={"tick_interval": 70}))
    await rig.engine.set_limits(Rates(5 << 20, None))
    assert native(rig)["tick_interval"] == 70


async def test_list_and_networks_are_blocked_together(rig: Rig) -> None:
    listed = AddressRanges.merged([(0xC0000201, 0xC0000209)])
    await rig.engine.apply(loopback(blocked_networks=("198.51.100.0/24",), blocklist=listed))
    blocks = rig.engine._library.session.get_ip_filter  # type: ignore[attr-defined]  # the real engine's
    assert [blocks().access(one) for one in ("192.0.2.1", "192.0.2.10", "198.51.100.7")] == [1, 0, 1]
    await rig.engine.apply(loopback())
    assert blocks().access("192.0.2.1") == 0


async def test_change_that_was_cut_short_is_made_up_for(rig: Rig) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await rig.engine.apply(loopback(peer_dscp=9, max_download_bps=5))
    await rig.engine.apply(loopback(peer_dscp=1))
    assert (native(rig)["peer_dscp"], await rig.engine.limits()) == (1, Rates())


async def test_two_changes_at_once_end_as_one_of_them(rig: Rig) -> None:
    async with trio.open_nursery() as nursery:
        for rate in range(1, 20):
            nursery.start_soon(rig.engine.set_limits, Rates(rate, rate))
            nursery.start_soon(rig.engine.apply, loopback(max_download_bps=rate, max_upload_bps=rate))
    limits = await rig.engine.limits()
    assert limits.download_bps == limits.upload_bps
    assert native(rig)["download_rate_limit"] == limits.download_bps


async def test_setting_that_libtorrent_does_not_know_is_refused_while_running(rig: Rig) -> None:
    with pytest.raises(InvalidSetting, match="no such setting"):
        await rig.engine.apply(loopback(extra={"no_such_thing": 1}, max_download_bps=5))
    assert await rig.engine.limits() == Rates()


async def test_defaults_open_an_engine(tmp_path: Path) -> None:
    """With the defaults of a server but for what leaves loopback."""
    quiet = EngineSettings(listen=("127.0.0.1:0",), dht=False, lsd=False, upnp=False, natpmp=False)
    engine = await open_libtorrent(quiet, state_dir=tmp_path)
    assert engine.listening()
    await engine.close(within=1.0)
