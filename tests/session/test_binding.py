"""What a bound engine may do, and the network interfaces of a host."""

from __future__ import annotations

import socket

import pytest

from revaer.session.binding import UNBOUND, blind, judge, locate, named
from revaer.session.interfaces import Interface, system_interfaces
from revaer.session.port import EngineSettings

HOST = {
    "lo": Interface(1, is_up=True, addresses=frozenset({"127.0.0.1", "::1"})),
    "eth0": Interface(2, is_up=True, addresses=frozenset({"192.0.2.7", "2001:db8::7", "fe80::7%eth0"})),
    "tun0": Interface(3, is_up=True, addresses=frozenset({"10.8.0.2"})),
    "tun1": Interface(4, is_up=True, addresses=frozenset()),
    "tun4": Interface(6, is_up=True, addresses=frozenset({"fe80::4%tun4"})),
    "tun2": Interface(5, is_up=False, addresses=frozenset({"10.9.0.2"})),
}


def bound(way: str, *listen: str) -> EngineSettings:
    return EngineSettings(listen=listen or (f"{way}:6881",), outgoing_interface=way)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("lo", 1),
        ("eth0", 2),
        ("tun0", 3),
        ("192.0.2.7", 2),
        ("2001:db8::7", 2),
        ("2001:0db8:0:0::7", 2),
        ("fe80::7%eth0", 2),
        ("fe80::7", 2),
        ("10.8.0.2", 3),
        ("127.0.0.1", 1),
        ("127.9.9.9", 1),
        ("::1", 1),
        ("tun1", None),
        ("tun2", None),
        ("tun4", None),
        ("fe80::4%tun4", 6),
        ("tun3", None),
        ("10.9.0.2", None),
        ("192.0.2.8", None),
        ("2001:db8::8", None),
        ("fe80::7%tun0", None),
        ("::2", None),
    ],
)
def test_interface_counts_when_it_is_on_and_has_an_address(name: str, index: int | None) -> None:
    assert locate(name, HOST) == index


def test_loopback_address_needs_a_loopback_interface() -> None:
    assert locate("127.0.0.1", {"eth0": HOST["eth0"]}) is None


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (EngineSettings(), ()),
        (EngineSettings(listen=("0.0.0.0:1", "eth0:1", "[2001:db8::7]:1", "eth0:2")), ("eth0", "2001:db8::7")),
        (bound("tun0"), ("tun0",)),
        (bound("10.8.0.2", "10.8.0.2:1"), ("10.8.0.2",)),
        (bound("tun0", "eth0:1"), ("tun0", "eth0")),
    ],
)
def test_only_what_is_named_must_be_there(settings: EngineSettings, names: tuple[str, ...]) -> None:
    assert named(settings) == names


def test_bound_engine_is_free_while_its_way_is_there() -> None:
    binding = judge(bound("tun0"), HOST)
    assert (binding.is_cut, binding.reason, binding.way) == (False, "", 3)


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("tun9", "there is no such interface"),
        ("tun1", "it has no address"),
        ("tun2", "it is switched off"),
        ("10.8.0.9", "no interface has this address"),
    ],
)
def test_bound_engine_is_cut_when_its_way_is_gone(way: str, reason: str) -> None:
    binding = judge(bound(way), HOST)
    assert binding.is_cut
    assert binding.way is None
    assert f"may leave by {way} only, and {reason}" in binding.reason


def test_missing_listener_is_said_and_cuts_nothing() -> None:
    binding = judge(EngineSettings(listen=("eth0:1", "tun9:1")), HOST)
    assert not binding.is_cut
    assert binding.reason == "nobody can connect by tun9: there is no such interface"


def test_unbound_engine_needs_nothing() -> None:
    assert judge(EngineSettings(), {}) == UNBOUND
    assert blind(EngineSettings(), "no answer") == UNBOUND


def test_bound_engine_is_cut_when_nobody_can_tell() -> None:
    binding = blind(bound("tun0"), "no answer")
    assert binding.is_cut
    assert "whether tun0 is there cannot be told: no answer" in binding.reason


def test_listeners_that_nobody_can_look_at_cut_nothing() -> None:
    binding = blind(EngineSettings(listen=("tun0:1",)), "no answer")
    assert not binding.is_cut
    assert binding.reason


def test_real_interfaces_are_those_of_the_system() -> None:
    found = system_interfaces()
    assert {name: each.index for name, each in found.items()} == {name: index for index, name in socket.if_nameindex()}
    assert locate("127.0.0.1", found) is not None
    assert locate("203.0.113.254", found) is None


def test_real_addresses_can_be_listened_on() -> None:
    for each in system_interfaces().values():
        for address in each.addresses:
            if each.is_up and ":" not in address:
                with socket.socket() as listener:
                    listener.bind((address, 0))
