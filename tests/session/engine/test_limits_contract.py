"""What every engine must do about limits, settings and being offline: one suite over both."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from revaer.session.port import (
    AddSpec,
    DownloadFinished,
    EngineClosed,
    EngineRefused,
    EngineState,
    InvalidSetting,
    ListenerUp,
    PeerClass,
    Proxy,
    Rates,
)
from revaer.types import TorrentId, new_torrent_id
from tests.session.engine.conftest import FILES, NAME, Rig, loopback, magnet, torrent
from tests.support.torrents import make_torrent, write_files

UNKNOWN = TorrentId("01900000-0000-7000-8000-000000000000")
LARGEST = 2**31 - 1


async def add_paused(rig: Rig, **changes: Any) -> TorrentId:
    spec = rig.spec(torrent(), paused=True, **changes)
    await rig.engine.add(spec)
    return spec.torrent_id


def spec_of(rig: Rig, name: str) -> AddSpec:
    return rig.spec(make_torrent({name: bytes(100)}, name=name), paused=True)


# Global limits.


async def test_limits_are_those_of_the_settings_at_first(rig: Rig) -> None:
    assert await rig.engine.limits() == Rates()
    await rig.engine.apply(loopback(max_download_bps=5_000))
    assert await rig.engine.limits() == Rates(5_000, None)


@pytest.mark.parametrize(
    "rates", [Rates(1, 2), Rates(None, 7), Rates(7, None), Rates(LARGEST, LARGEST), Rates(LARGEST - 1, 1)]
)
async def test_limits_are_read_back_as_they_were_set(rig: Rig, rates: Rates) -> None:
    await rig.engine.set_limits(Rates(99, 99))
    await rig.engine.set_limits(rates)
    assert await rig.engine.limits() == rates


async def test_limit_of_zero_is_read_back_as_unlimited(rig: Rig) -> None:
    await rig.engine.set_limits(Rates(0, 0))
    assert await rig.engine.limits() == Rates(None, None)


@pytest.mark.parametrize("rates", [Rates(-1, None), Rates(None, 2**31)])
async def test_senseless_limits_change_nothing(rig: Rig, rates: Rates) -> None:
    await rig.engine.set_limits(Rates(5, 6))
    with pytest.raises(InvalidSetting):
        await rig.engine.set_limits(rates)
    assert await rig.engine.limits() == Rates(5, 6)


async def test_settings_bring_their_own_limits(rig: Rig) -> None:
    await rig.engine.set_limits(Rates(5, 6))
    await rig.engine.apply(loopback(max_download_bps=7))
    assert await rig.engine.limits() == Rates(7, None)


# Caps of torrents.


async def test_caps_of_many_torrents_are_read_back(rig: Rig) -> None:
    specs = [spec_of(rig, f"f{number}") for number in range(4)]
    for spec in specs:
        await rig.engine.add(spec)
    wanted = dict(
        zip(
            [spec.torrent_id for spec in specs],
            [Rates(1, 2), Rates(None, 3), Rates(None, None), Rates(LARGEST, LARGEST - 1)],
            strict=True,
        )
    )
    assert await rig.engine.set_rates(wanted) == wanted
    lifted = dict.fromkeys(wanted, Rates())
    assert await rig.engine.set_rates(lifted) == lifted


async def test_caps_of_the_add_hold(rig: Rig) -> None:
    torrent_id = await add_paused(rig, max_download_bps=500, max_upload_bps=None)
    assert await rig.engine.set_rates({torrent_id: Rates(500, 9)}) == {torrent_id: Rates(500, 9)}


async def test_unknown_torrents_are_left_out(rig: Rig) -> None:
    torrent_id = await add_paused(rig)
    known = Rates(5, None)
    assert await rig.engine.set_rates({UNKNOWN: Rates(1, 1), torrent_id: known}) == {torrent_id: known}
    assert await rig.engine.set_rates({}) == {}
    (status,) = await rig.engine.statuses([UNKNOWN, torrent_id])
    assert status.torrent_id == torrent_id
    assert await rig.engine.statuses([]) == ()


async def test_one_senseless_cap_leaves_all_as_they_were(rig: Rig) -> None:
    torrent_id = await add_paused(rig)
    with pytest.raises(EngineRefused):
        await rig.engine.set_rates({torrent_id: Rates(5, 5), UNKNOWN: Rates(-1, None)})
    assert await rig.engine.set_rates({torrent_id: Rates(None, 6)}) == {torrent_id: Rates(None, 6)}


async def test_closed_engine_takes_no_settings(rig: Rig) -> None:
    torrent_id = await add_paused(rig)
    engine = rig.engine
    await engine.close(within=1.0)
    calls = [
        engine.apply(loopback()),
        engine.set_limits(Rates()),
        engine.limits(),
        engine.set_rates({torrent_id: Rates()}),
        engine.statuses([torrent_id]),
    ]
    for call in calls:
        with pytest.raises(EngineClosed):
            await call


# Figures.


async def test_figures_are_read_as_they_are_now(rig: Rig) -> None:
    await rig.seed(torrent())
    spec = rig.spec(torrent())
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    await rig.event(DownloadFinished)
    (status,) = await rig.engine.statuses([spec.torrent_id])
    assert status.state is EngineState.SEEDING
    assert status.wanted_done == status.wanted == sum(map(len, FILES.values()))


async def test_time_counts_from_when_everything_wanted_is_there(rig: Rig) -> None:
    """A torrent whose other files are not wanted seeds too."""
    write_files(rig.downloads, FILES, name=NAME)
    metainfo = make_torrent(FILES, name=NAME, piece_length=16384)
    have = [True] * rig.engine.parse_metainfo(metainfo).pieces
    have[-1] = False
    wanted = tuple(4 if entry.path == "film.mkv" else 0 for entry in rig.engine.parse_metainfo(metainfo).files)
    spec = rig.spec(metainfo, have=have, file_priorities=wanted)
    await rig.engine.add(spec)
    status = await rig.status(spec.torrent_id, until=lambda status: status.seeding_seconds > 0)
    assert status.state is EngineState.FINISHED


# Settings.

EVERYTHING: dict[str, Any] = {
    "ipv6": "disabled",
    "outgoing_ports": (50_000, 50_100),
    "peer_dscp": 8,
    "dht_bootstrap_nodes": ("127.0.0.1:1",),
    "pex": False,
    "encryption": "require",
    "anonymous": True,
    "user_agent": "test/1",
    "announce_ip": "127.0.0.1",
    "verify_tls": False,
    "extra_trackers": ("http://127.0.0.1:9/announce",),
    "max_download_bps": 1_000_000,
    "max_upload_bps": 1_000_000,
    "connections_limit": 50,
    "connections_limit_per_torrent": 5,
    "unchoke_slots": 3,
    "choking_algorithm": "rate_based",
    "seed_choking_algorithm": "fastest_upload",
    "max_active_downloads": 3,
    "max_active_seeds": 3,
    "max_active": 6,
    "dont_count_slow_torrents": False,
    "limit_local_peers": True,
    "blocked_networks": ("10.0.0.0/8", "192.0.2.1-192.0.2.9"),
    "peer_classes": (PeerClass("near", ("127.0.0.0/8",), max_download_bps=5_000_000),),
    "max_queued_disk_bytes": 2 << 20,
    "expected_torrents": 50,
}


@pytest.mark.parametrize("name", list(EVERYTHING))
async def test_each_setting_changes_while_running_and_back(rig: Rig, name: str) -> None:
    await add_paused(rig)
    await rig.engine.add(rig.spec(magnet("v2"), paused=True))
    assert await rig.engine.apply(loopback(**{name: EVERYTHING[name]})) == ()
    assert await rig.engine.apply(loopback()) == ()


async def test_everything_changes_at_once(rig: Rig) -> None:
    assert await rig.engine.apply(loopback(**EVERYTHING)) == ()
    assert await rig.engine.limits() == Rates(1_000_000, 1_000_000)


async def test_proxy_comes_and_goes(rig: Rig) -> None:
    proxy = Proxy("socks5", "127.0.0.1", 9, username="u", password="p")
    assert await rig.engine.apply(loopback(proxy=proxy, offline=True)) == ()
    assert await rig.engine.apply(loopback()) == ()


async def test_what_cannot_change_is_named_and_the_rest_applied(rig: Rig) -> None:
    assert await rig.engine.apply(loopback(disk_io="posix", max_upload_bps=5)) == ("disk_io",)
    assert await rig.engine.limits() == Rates(None, 5)
    assert await rig.engine.apply(loopback(disk_io="posix")) == ("disk_io",)
    assert await rig.engine.apply(loopback()) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"peer_dscp": 99},
        {"disk_io": "tape"},
        {"blocked_networks": ("nowhere",)},
        {"peer_classes": (PeerClass("a", ("nowhere",)),)},
        {"proxy": Proxy("carrier", "p", 1)},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_refused_settings_change_nothing(rig: Rig, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting) as caught:
        await rig.engine.apply(loopback(max_download_bps=7, **changes))
    assert caught.value.name in changes
    assert await rig.engine.limits() == Rates()


async def test_another_listener_is_opened_beside_the_first(rig: Rig) -> None:
    before = (await rig.event(ListenerUp)).address
    await rig.engine.apply(loopback(listen=("127.0.0.1:0", "127.0.0.2:0")))
    added = await rig.event(ListenerUp, matching=lambda event: event.address.startswith("127.0.0.2:"))
    assert set(rig.engine.listening()) >= {added.address}
    assert all(address.startswith(("127.0.0.1:", "127.0.0.2:")) for address in rig.engine.listening())
    await rig.engine.apply(loopback(listen=("127.0.0.2:0",)))
    assert before not in rig.engine.listening()


# Offline.


async def test_offline_engine_listens_nowhere_and_comes_back(rig: Rig) -> None:
    await rig.event(ListenerUp)
    await rig.engine.apply(loopback(offline=True))
    assert rig.engine.listening() == ()
    rig.events.clear()
    await rig.engine.apply(loopback())
    assert rig.engine.listening() == ((await rig.event(ListenerUp)).address,)


async def test_nothing_moves_offline_and_all_goes_on_afterwards(rig: Rig) -> None:
    await rig.seed(torrent())
    await rig.engine.apply(loopback(offline=True))
    spec = rig.spec(torrent())
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    with trio.move_on_after(0.5):
        await rig.event(DownloadFinished)
    (status,) = await rig.engine.statuses([spec.torrent_id])
    assert (status.total_done, status.peers, status.paused) == (0, 0, False)
    await rig.engine.apply(loopback())
    await rig.meet(spec.torrent_id)
    await rig.event(DownloadFinished)


async def test_transfer_stops_when_the_engine_goes_offline(rig: Rig) -> None:
    files = {"film.mkv": bytes(range(256)) * 16_384}
    metainfo = make_torrent(files, name="Long")
    await rig.seed(metainfo, files, name="Long")
    spec = rig.spec(metainfo, max_download_bps=400_000)
    await rig.engine.apply(loopback(limit_local_peers=True))
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    await rig.status(spec.torrent_id, until=lambda status: status.total_done > 0)
    await rig.engine.apply(loopback(limit_local_peers=True, offline=True))
    (before,) = await rig.engine.statuses([spec.torrent_id])
    with trio.move_on_after(1.0):
        await rig.event(DownloadFinished)
    (after,) = await rig.engine.statuses([spec.torrent_id])
    assert after.total_done == before.total_done < after.wanted
    assert after.peers == 0


async def test_offline_engine_still_pauses_removes_and_saves(rig: Rig) -> None:
    await rig.engine.apply(loopback(offline=True))
    torrent_id = await add_paused(rig)
    await rig.engine.resume(torrent_id, auto_managed=False)
    await rig.engine.reannounce(torrent_id)
    await rig.engine.pause(torrent_id)
    assert (await rig.status(torrent_id)).paused
    await rig.engine.remove(torrent_id, delete_data=True)
    assert await rig.engine.statuses([torrent_id]) == ()
    assert new_torrent_id() != torrent_id
