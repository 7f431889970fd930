"""The whole session on the real engine, bound to an address that comes and goes."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from actors import HealthState
from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.messages import (
    AddTorrent,
    ApplyLimits,
    ApplySettings,
    CapTorrents,
    Rates,
    ReadLimits,
    ReadPayloadFacts,
    ReadSeedingFacts,
    ReportEngine,
)
from revaer.types import TorrentId, TorrentState
from tests.session.actor.node import FakeInterfaces
from tests.session.conftest import FakeStore, StoredTorrents
from tests.support.real_peer import Seeder, loopback, open_seeder
from tests.support.torrents import make_torrent, payload
from tests.support.whole_node import WholeNode, open_node

pytestmark = pytest.mark.swarm

NAME = "Film"
FILES = {"film.mkv": payload(3 << 20)}
FILM = make_torrent(FILES, name=NAME)
WAY = "127.0.0.5"
SLOW = 300_000
QUICK: dict[str, int | bool | str] = {"allow_multiple_connections_per_ip": True, "min_reconnect_time": 1}
BOUND = loopback(listen=(f"{WAY}:0",), outgoing_interface=WAY, extra=QUICK, max_download_bps=SLOW)


@pytest.fixture
def interfaces() -> FakeInterfaces:
    """The loopback interface is out of sight, so that an address on it can come and go."""
    found = FakeInterfaces()
    found.unplug("lo")
    found.plug("tun0", WAY)
    return found


@pytest.fixture
async def node(tmp_path: Path, interfaces: FakeInterfaces) -> AsyncIterator[WholeNode]:
    store = StoredTorrents()
    async with open_node(
        tmp_path, engine=open_libtorrent, store=lambda: FakeStore(store), settings=BOUND, interfaces=interfaces
    ) as opened:
        yield opened


@pytest.fixture
async def seeder(tmp_path: Path) -> AsyncIterator[Seeder]:
    async with open_seeder(tmp_path / "seeder") as opened:
        await opened.seed(FILM, FILES, name=NAME)
        yield opened


def is_open(address: str) -> bool:
    """Whether somebody listens there."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, int(port))) == 0


async def begin(node: WholeNode, seeder: Seeder) -> TorrentId:
    """Begin a download that takes ten seconds, and wait for the first bytes."""
    view = await node.ask(AddTorrent(node.options(), metainfo=FILM))
    await seeder.meet(node, view.id)
    await node.until(view.id, lambda view: view.progress.bytes_downloaded > 0)
    return view.id


async def listening(node: WholeNode) -> tuple[str, ...]:
    return (await node.ask(ReportEngine())).listening


def network(node: WholeNode) -> HealthState:
    return node.health.snapshot()["network"].state


async def test_transfer_stops_when_the_address_vanishes_and_goes_on_when_it_returns(
    node: WholeNode, seeder: Seeder, interfaces: FakeInterfaces
) -> None:
    torrent_id = await begin(node, seeder)
    (address,) = await listening(node)
    assert address.startswith(WAY)
    interfaces.unplug("tun0")
    await node.eventually(lambda: network(node) is HealthState.DEGRADED, "the network is degraded")
    assert await listening(node) == ()
    assert not await trio.to_thread.run_sync(is_open, address)
    view = await node.until(torrent_id, lambda view: view.progress.download_bps == 0)
    await seeder.meet(node, torrent_id)
    with trio.move_on_after(1.5):
        await node.until(torrent_id, lambda now: now.progress.bytes_downloaded > view.progress.bytes_downloaded)
        raise AssertionError("something came by another way")
    assert [status.peers for status in await node.engine.statuses([torrent_id])] == [0]
    interfaces.plug("tun0", WAY)
    await node.eventually(lambda: network(node) is HealthState.UP, "the network is up")
    (address,) = await listening(node)
    assert await trio.to_thread.run_sync(is_open, address)
    await node.ask(ApplyLimits(Rates()))

    async def done() -> bool:
        await seeder.meet(node, torrent_id)
        return (await node.view(torrent_id)).state.kind is TorrentState.SEEDING

    await node.eventually(done, "the download is complete")
    assert len(node.engines) == 1


async def test_session_that_starts_without_its_address_listens_when_it_comes(
    tmp_path: Path, interfaces: FakeInterfaces
) -> None:
    interfaces.unplug("tun0")
    store = StoredTorrents()
    async with open_node(
        tmp_path, engine=open_libtorrent, store=lambda: FakeStore(store), settings=BOUND, interfaces=interfaces
    ) as node:
        assert await listening(node) == ()
        assert network(node) is HealthState.DEGRADED
        interfaces.plug("tun0", WAY)

        async def is_listening() -> bool:
            return bool(await listening(node))

        await node.eventually(is_listening, "it listens")


async def test_crashed_session_comes_back_offline_while_its_address_is_away(
    node: WholeNode, interfaces: FakeInterfaces
) -> None:
    interfaces.unplug("tun0")
    node.crash("session")
    await node.eventually(lambda: len(node.engines) == 2, "it restarts")
    assert await listening(node) == ()


async def test_new_port_and_limits_hold_without_a_restart(node: WholeNode, seeder: Seeder) -> None:
    await node.ask(ApplyLimits(Rates(None, 5_000_000)))
    (before,) = await listening(node)
    await node.ask(ApplySettings(replace(BOUND, listen=("127.0.0.1:0",), outgoing_interface="")))

    async def has_moved() -> bool:
        found = await listening(node)
        return bool(found) and all(address.startswith("127.0.0.1:") for address in found)

    await node.eventually(has_moved, "it listens elsewhere")
    assert before not in await listening(node)
    assert (await node.ask(ReadLimits())).rates == Rates(None, 5_000_000)
    torrent_id = (await node.ask(AddTorrent(node.options(), metainfo=FILM))).id
    capped = Rates(1_000_000, None)
    assert await node.ask(CapTorrents({torrent_id: capped})) == {torrent_id: capped}
    await seeder.meet(node, torrent_id)
    await node.until(torrent_id, TorrentState.SEEDING)
    facts = (await node.ask(ReadSeedingFacts((torrent_id,))))[torrent_id]
    assert (facts.state, facts.complete, facts.ratio) == (TorrentState.SEEDING, True, 0.0)
    payload_facts = await node.ask(ReadPayloadFacts(torrent_id))
    assert (payload_facts.readable, payload_facts.links, payload_facts.used_by) == (True, 1, ())
