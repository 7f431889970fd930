"""Settings that change while the session runs, and the network that it is bound to."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from actors import HealthState
from revaer.session.messages import (
    AppliedSettings,
    ApplyLimits,
    ApplySettings,
    Rates,
    ReadLimits,
    SessionUnavailable,
    SettingRefused,
)
from revaer.session.port import EngineSettings, ListenerFailed, ListenerUp, PeerClass, Proxy
from tests.session.actor.node import Node

BOUND = EngineSettings(listen=("tun0:6881",), outgoing_interface="tun0")
BY_ADDRESS = EngineSettings(listen=("10.8.0.2:6881",), outgoing_interface="10.8.0.2")


def network(node: Node) -> tuple[HealthState, str | None]:
    """What is shown of the network."""
    shown = node.health.snapshot()["network"]
    return shown.state, shown.reason


# Live settings.


async def test_settings_are_the_engines_when_answered(node: Node, clock: MockClock) -> None:
    wanted = EngineSettings(
        listen=("127.0.0.1:0",),
        dht=False,
        peer_classes=(PeerClass("near", ("10.0.0.0/8",)),),
        blocked_networks=("192.0.2.0/24",),
        proxy=Proxy("socks5", "proxy.example", 1080, username="u", password="p"),
    )
    async with node.run():
        assert await node.ask(ApplySettings(wanted)) == AppliedSettings(())
        assert node.engine.settings == wanted


async def test_fields_that_need_a_start_are_named(node: Node, clock: MockClock) -> None:
    async with node.run():
        assert await node.ask(ApplySettings(EngineSettings(disk_io="posix"))) == AppliedSettings(("disk_io",))


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        ("peer_dscp", EngineSettings(peer_dscp=64)),
        ("listen", EngineSettings(listen=("nonsense",))),
        ("proxy", EngineSettings(proxy=Proxy("carrier", "p", 1))),
        ("outgoing_interface", EngineSettings(outgoing_interface="a b")),
    ],
)
async def test_wrong_setting_is_refused_by_name_and_nothing_changes(
    node: Node, clock: MockClock, field: str, settings: EngineSettings
) -> None:
    async with node.run():
        with pytest.raises(SettingRefused) as caught:
            await node.ask(ApplySettings(settings))
        assert caught.value.field == field
        assert node.engine.applied == []
        await node.ask(ApplySettings(EngineSettings(dht=False)))


async def test_setting_that_the_engine_refuses_is_refused_by_name(node: Node, clock: MockClock) -> None:
    async with node.run():
        node.engines.faults.invalid = ("peer_dscp", "not today")
        with pytest.raises(SettingRefused, match="not today") as caught:
            await node.ask(ApplySettings(EngineSettings(peer_dscp=5)))
        assert caught.value.field == "peer_dscp"


async def test_silent_engine_makes_settings_unavailable(node: Node, clock: MockClock) -> None:
    async with node.run():
        node.engines.faults.silent.add("apply")
        with pytest.raises(SessionUnavailable):
            await node.ask(ApplySettings(EngineSettings(dht=False)))
        node.engines.faults.silent.clear()
        await node.ask(ApplySettings(EngineSettings(dht=False)))
        assert not node.engine.settings.dht


async def test_restarted_session_opens_with_the_newest_settings(node: Node, clock: MockClock) -> None:
    async with node.run():
        assert node.engine.settings.disk_io == "pread"
        node.settings = EngineSettings(disk_io="posix", max_download_bps=5)
        assert node.supervisor is not None
        node.supervisor.crash("session", RuntimeError("drill"))
        await node.settled(5.0)
        assert node.engine.settings == node.settings
        assert (await node.ask(ReadLimits())).rates == Rates(5, None)


async def test_settings_that_come_at_once_end_with_the_last(node: Node, clock: MockClock) -> None:
    async with node.run(), trio.open_nursery() as nursery:
        for number in range(1, 30):
            nursery.start_soon(node.ask, ApplySettings(EngineSettings(peer_dscp=number)))
            nursery.start_soon(node.ask, ApplyLimits(Rates(number, number)))
        await node.settled()
        assert node.engine.settings.peer_dscp == node.engine.applied[-1].peer_dscp
        assert len(node.engine.applied) == 29
        assert (await node.ask(ReadLimits())).rates.download_bps in range(1, 30)


async def test_failure_of_a_listener_is_forgotten_when_it_is_moved(node: Node, clock: MockClock) -> None:
    async with node.run():
        node.engine.addresses = ()
        node.engine.emit(ListenerFailed("0.0.0.0:6881", "in use"))
        await node.settled()
        assert network(node)[0] is HealthState.DEGRADED
        await node.ask(ApplySettings(EngineSettings(dht=False)))
        await node.settled()
        assert network(node) == (HealthState.DEGRADED, "cannot listen on 0.0.0.0:6881: in use")
        await node.ask(ApplySettings(EngineSettings(listen=("0.0.0.0:6882",))))
        node.engine.emit(ListenerUp("0.0.0.0:6882"))
        await node.settled()
        assert network(node)[0] is HealthState.UP


async def test_listener_that_fails_where_it_was_moved_to_is_said(node: Node, clock: MockClock) -> None:
    async with node.run():
        node.engine.addresses = ()
        await node.ask(ApplySettings(EngineSettings(listen=("0.0.0.0:6882",))))
        node.engine.emit(ListenerFailed("0.0.0.0:6882", "in use"))
        await node.settled()
        assert network(node) == (HealthState.DEGRADED, "cannot listen on 0.0.0.0:6882: in use")


# The network that it is bound to.


@pytest.mark.parametrize("settings", [BOUND, BY_ADDRESS], ids=["interface", "address"])
async def test_session_goes_offline_when_its_way_vanishes_and_back_when_it_returns(
    node: Node, clock: MockClock, settings: EngineSettings
) -> None:
    node.settings = settings
    node.interfaces.plug("tun0", "10.8.0.2")
    async with node.run():
        assert not node.engine.settings.offline
        node.interfaces.unplug("tun0")
        await node.settled()
        assert node.engine.settings == replace(settings, offline=True)
        state, reason = network(node)
        assert state is HealthState.DEGRADED
        assert f"may leave by {settings.outgoing_interface} only" in (reason or "")
        node.interfaces.plug("tun0", "10.8.0.2")
        await node.settled(3.0)
        assert node.engine.settings == settings
        assert network(node) == (HealthState.UP, None)
    assert len(node.engines.opened) == 1


async def test_session_opens_offline_when_its_way_is_not_there(node: Node, clock: MockClock) -> None:
    node.settings = BOUND
    async with node.run():
        assert node.engine.settings.offline
        assert node.engine.applied == []
        assert network(node)[0] is HealthState.DEGRADED
        node.interfaces.plug("tun0", "10.8.0.2")
        await node.settled(3.0)
        assert not node.engine.settings.offline


async def test_address_that_an_interface_lost_is_gone(node: Node, clock: MockClock) -> None:
    node.settings = BY_ADDRESS
    node.interfaces.plug("tun0", "10.8.0.2")
    async with node.run():
        node.interfaces.up["tun0"] = frozenset({"10.8.0.3"})
        await node.settled()
        assert node.engine.settings.offline
        assert "no interface has this address" in (network(node)[1] or "")


async def test_way_that_came_back_between_two_looks_is_opened_anew(node: Node, clock: MockClock) -> None:
    """What was opened on the interface before leads nowhere."""
    node.settings = BOUND
    node.interfaces.plug("tun0", "10.8.0.2")
    async with node.run():
        node.interfaces.unplug("tun0")
        node.interfaces.plug("eth1", "192.0.2.1")
        node.interfaces.plug("tun0", "10.8.0.2")
        await node.settled()
        assert [settings.offline for settings in node.engine.applied] == [True, False]
        assert network(node)[0] is HealthState.UP


async def test_unchanged_network_leaves_the_engine_alone(node: Node, clock: MockClock) -> None:
    node.settings = BOUND
    node.interfaces.plug("tun0", "10.8.0.2")
    async with node.run():
        await node.settled(60.0)
        assert node.engine.applied == []
        assert node.interfaces.looks > 30


async def test_unbound_session_never_looks(node: Node, clock: MockClock) -> None:
    async with node.run():
        await node.settled(60.0)
        assert node.interfaces.looks == 0


async def test_network_that_cannot_be_looked_at_cuts_a_bound_session(node: Node, clock: MockClock) -> None:
    node.settings = BOUND
    node.interfaces.plug("tun0", "10.8.0.2")
    async with node.run():
        node.interfaces.trouble = OSError(errno.EMFILE, "Too many open files")
        await node.settled()
        assert node.engine.settings.offline
        assert "cannot be told: Too many open files" in (network(node)[1] or "")
        node.interfaces.trouble = None
        await node.settled(3.0)
        assert not node.engine.settings.offline


async def test_settings_bind_at_once_to_what_is_not_there(node: Node, clock: MockClock) -> None:
    async with node.run():
        await node.ask(ApplySettings(BOUND))
        assert node.engine.settings == replace(BOUND, offline=True)
        assert [settings.offline for settings in node.engine.applied] == [True]
        await node.ask(ApplySettings(EngineSettings()))
        assert not node.engine.settings.offline
        await node.settled(3.0)
        assert network(node) == (HealthState.UP, None)


async def test_session_that_was_bound_while_it_ran_is_watched(node: Node, clock: MockClock) -> None:
    node.interfaces.plug("tun0", "10.8.0.2")
    async with node.run():
        await node.settled(10.0)
        await node.ask(ApplySettings(BOUND))
        assert not node.engine.settings.offline
        node.interfaces.unplug("tun0")
        await node.settled()
        assert node.engine.settings.offline


async def test_settings_that_come_while_it_is_cut_leave_it_cut(node: Node, clock: MockClock) -> None:
    node.settings = BOUND
    async with node.run():
        await node.ask(ApplySettings(replace(BOUND, dht=False)))
        assert (node.engine.settings.offline, node.engine.settings.dht) == (True, False)
        await node.ask(ApplyLimits(Rates(5, 5)))
        node.interfaces.plug("tun0", "10.8.0.2")
        await node.settled(3.0)
        settings = node.engine.settings
        assert (settings.offline, settings.dht, settings.max_download_bps) == (False, False, 5)


async def test_cut_that_the_engine_did_not_hear_is_tried_again(node: Node, clock: MockClock) -> None:
    node.settings = BOUND
    node.interfaces.plug("tun0", "10.8.0.2")
    async with node.run():
        node.engines.faults.silent.add("apply")
        node.interfaces.unplug("tun0")
        await node.settled(35.0)
        assert not node.engine.settings.offline
        node.engines.faults.silent.clear()
        await node.settled(35.0)
        assert node.engine.settings.offline


async def test_listener_that_is_missing_is_said_while_all_goes_on(node: Node, clock: MockClock) -> None:
    node.settings = EngineSettings(listen=("0.0.0.0:6881", "tun0:6881"))
    async with node.run():
        await node.settled()
        assert network(node) == (HealthState.DEGRADED, "nobody can connect by tun0: there is no such interface")
        assert not node.engine.settings.offline
        node.interfaces.plug("tun0", "10.8.0.2")
        await node.settled(3.0)
        assert network(node) == (HealthState.UP, None)


async def test_torrents_are_kept_and_served_while_offline(node: Node, clock: MockClock) -> None:
    node.settings = BOUND
    async with node.run():
        key = (await node.add()).id
        assert list(await node.views()) == list(node.shelf.intents) == [key]
