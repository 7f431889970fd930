"""Settings on their way to the engine: each is translated, and refused by its name when it is out of its bounds."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.session.address_ranges import AddressRanges
from revaer.session.bounds import MAX_INT, MAX_RATE, address_range, native_rate, read_rate
from revaer.session.listeners import surviving
from revaer.session.peer_classes import MAX_CLASSES, ClassBook, Rule, rules
from revaer.session.port import EngineSettings, InvalidSetting, PeerClass, Proxy
from revaer.session.settings import native_rates, native_settings, ranges_to_block

SECRET = "planted-secret-8d1f"
PROXY = Proxy("socks5", "proxy.example", 1080)


@pytest.mark.parametrize(
    ("changes", "native"),
    [
        ({"outgoing_interface": "tun0"}, {"outgoing_interfaces": "tun0"}),
        ({"outgoing_ports": (50_000, 50_009)}, {"outgoing_port": 50_000, "num_outgoing_ports": 9}),
        ({"outgoing_ports": None}, {"outgoing_port": 0, "num_outgoing_ports": 0}),
        ({"peer_dscp": 46}, {"peer_dscp": 46}),
        ({"dht": False}, {"enable_dht": False}),
        ({"dht_bootstrap_nodes": ("a.example:1", "[::1]:2")}, {"dht_bootstrap_nodes": "a.example:1,[::1]:2"}),
        ({"dht_bootstrap_nodes": ()}, {"dht_bootstrap_nodes": ""}),
        ({"lsd": False, "upnp": False}, {"enable_lsd": False, "enable_upnp": False, "enable_natpmp": True}),
        ({"natpmp": False}, {"enable_natpmp": False}),
        ({"utp_in": False}, {"enable_incoming_utp": False, "enable_outgoing_utp": True}),
        ({"utp_out": False}, {"enable_incoming_utp": True, "enable_outgoing_utp": False}),
        ({"encryption": "disable"}, {"in_enc_policy": 2, "out_enc_policy": 2}),
        ({"anonymous": True}, {"anonymous_mode": True}),
        ({"user_agent": "mine/1"}, {"user_agent": "mine/1"}),
        ({"announce_ip": "203.0.113.7"}, {"announce_ip": "203.0.113.7"}),
        ({"verify_tls": False}, {"validate_https_trackers": False}),
        ({"choking_algorithm": "rate_based"}, {"choking_algorithm": 2}),
        ({"seed_choking_algorithm": "anti_leech"}, {"seed_choking_algorithm": 2}),
        ({"dont_count_slow_torrents": False}, {"dont_count_slow_torrents": False}),
        ({"max_active": 7, "max_active_seeds": 5}, {"active_limit": 7, "active_seeds": 5, "active_downloads": -1}),
        ({"unchoke_slots": 8, "connections_limit": 9}, {"unchoke_slots_limit": 8, "connections_limit": 9}),
        ({"max_queued_disk_bytes": 1 << 20}, {"max_queued_disk_bytes": 1 << 20}),
        ({"max_download_bps": 0, "max_upload_bps": 7}, {"download_rate_limit": 0, "upload_rate_limit": 7}),
        ({"proxy": PROXY}, {"proxy_type": 2, "proxy_hostname": "proxy.example", "proxy_port": 1080}),
        ({"proxy": Proxy("socks4", "::1", 1, username="u")}, {"proxy_type": 1, "proxy_username": "u"}),
        ({"proxy": Proxy("http", "p", 1, username="u", password="p")}, {"proxy_type": 5, "proxy_password": "p"}),
        ({"proxy": Proxy("socks5", "p", 1, username="u")}, {"proxy_type": 3}),
        ({"proxy": Proxy("http", "p", 1, peers=False)}, {"proxy_type": 4, "proxy_peer_connections": False}),
        ({"proxy": None}, {"proxy_type": 0, "proxy_hostname": "", "proxy_password": ""}),
    ],
)
def test_each_setting_has_its_native_form(changes: dict[str, Any], native: dict[str, object]) -> None:
    translated = native_settings(EngineSettings(**changes))
    assert {name: translated[name] for name in native} == native


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("listen", {"listen": ("127.0.0.1",)}),
        ("listen", {"listen": ("::1:6881",)}),
        ("listen", {"listen": ("a b:1",)}),
        ("listen", {"listen": ("[fe80::1",)}),
        ("ipv6", {"ipv6": "sometimes"}),
        ("outgoing_interface", {"outgoing_interface": "two names"}),
        ("outgoing_interface", {"outgoing_interface": "eth0,eth1"}),
        ("outgoing_interface", {"outgoing_interface": "256.0.0.1"}),
        ("outgoing_ports", {"outgoing_ports": (0, 5)}),
        ("outgoing_ports", {"outgoing_ports": (5, 4)}),
        ("outgoing_ports", {"outgoing_ports": (5, 65_536)}),
        ("peer_dscp", {"peer_dscp": 64}),
        ("peer_dscp", {"peer_dscp": -1}),
        ("dht_bootstrap_nodes", {"dht_bootstrap_nodes": ("a.example",)}),
        ("dht_bootstrap_nodes", {"dht_bootstrap_nodes": ("a.example:0",)}),
        ("dht_bootstrap_nodes", {"dht_bootstrap_nodes": ("a b:1",)}),
        ("encryption", {"encryption": "perhaps"}),
        ("user_agent", {"user_agent": "x" * 256}),
        ("user_agent", {"user_agent": "a\nb"}),
        ("announce_ip", {"announce_ip": "here"}),
        ("extra_trackers", {"extra_trackers": ("file:///etc/passwd",)}),
        ("extra_trackers", {"extra_trackers": ("http://t/" + "a" * 512,)}),
        ("choking_algorithm", {"choking_algorithm": "bittyrant"}),
        ("seed_choking_algorithm", {"seed_choking_algorithm": ""}),
        ("connections_limit", {"connections_limit": 1}),
        ("connections_limit_per_torrent", {"connections_limit_per_torrent": 1}),
        ("unchoke_slots", {"unchoke_slots": -2}),
        ("max_active", {"max_active": 2**31}),
        ("max_queued_disk_bytes", {"max_queued_disk_bytes": 2**31}),
        ("max_download_bps", {"max_download_bps": -1}),
        ("max_upload_bps", {"max_upload_bps": True}),
        ("disk_io", {"disk_io": "tape"}),
        ("proxy", {"proxy": Proxy("carrier", "p", 1)}),
        ("proxy", {"proxy": Proxy("http", "a b", 1)}),
        ("proxy", {"proxy": Proxy("http", "p", 0)}),
        ("proxy", {"proxy": Proxy("http", "p", 1, password="p")}),
        ("proxy", {"proxy": Proxy("socks4", "p", 1, username="u", password="p")}),
        ("peer_classes", {"peer_classes": (PeerClass("a", ("10.0.0.0/8",)), PeerClass("a", ("10.0.0.0/8",)))}),
        ("peer_classes", {"peer_classes": (PeerClass("", ("10.0.0.0/8",)),)}),
        ("peer_classes", {"peer_classes": (PeerClass("a", ("nowhere",)),)}),
        ("peer_classes", {"peer_classes": (PeerClass("a", ("::/0",), max_upload_bps=2**31),)}),
        ("peer_classes", {"peer_classes": (PeerClass("a", ("::/0",), download_priority=0),)}),
        ("peer_classes", {"peer_classes": (PeerClass("a", ("::/0",), upload_priority=256),)}),
        ("peer_classes", {"peer_classes": (PeerClass("a", ("::/0",), connection_limit_factor=0),)}),
        ("peer_classes", {"peer_classes": tuple(PeerClass(str(number), ()) for number in range(MAX_CLASSES + 1))}),
    ],
)
def test_value_out_of_its_bounds_is_refused_by_name(name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting) as caught:
        native_settings(EngineSettings(**changes))
    assert caught.value.name == name
    assert str(caught.value) == f"{name}: {caught.value.message}"


def test_ipv6_is_left_out_or_comes_first() -> None:
    listen = ("0.0.0.0:1", "eth0:2", "[::]:3")
    for mode, expected in (
        ("enabled", "0.0.0.0:1,eth0:2,[::]:3"),
        ("disabled", "0.0.0.0:1,eth0:2"),
        ("prefer_v6", "[::]:3,0.0.0.0:1,eth0:2"),
    ):
        assert native_settings(EngineSettings(listen=listen, ipv6=mode))["listen_interfaces"] == expected


def test_offline_nothing_speaks_to_the_network() -> None:
    online = EngineSettings(listen=("127.0.0.1:1",), outgoing_interface="tun0", proxy=PROXY)
    native = native_settings(EngineSettings(**{**_fields(online), "offline": True}))
    assert native["listen_interfaces"] == ""
    assert native["proxy_type"] == 0
    assert not any(native[name] for name in ("enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp"))
    assert native["outgoing_interfaces"] == "tun0"


def test_offline_settings_are_checked_all_the_same() -> None:
    with pytest.raises(InvalidSetting):
        native_settings(EngineSettings(offline=True, proxy=Proxy("carrier", "p", 1)))


def _fields(settings: EngineSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in EngineSettings.__dataclass_fields__}


@pytest.mark.parametrize(
    "proxy",
    [
        Proxy("http", "p", 1, username=SECRET, password=SECRET + "\n"),
        Proxy("http", "p", 1, username=SECRET * 20),
        Proxy("http", "p", 1, password=SECRET),
        Proxy("socks4", "p", 1, username=SECRET, password=SECRET),
    ],
)
def test_secrets_are_in_no_message(proxy: Proxy) -> None:
    settings = EngineSettings(proxy=proxy)
    with pytest.raises(InvalidSetting) as caught:
        native_settings(settings)
    assert SECRET not in f"{caught.value} {settings!r} {proxy}"


# Rates.


@given(st.integers(0, MAX_INT))
def test_rate_that_was_given_is_read_back(rate: int) -> None:
    assert read_rate(native_rate("rate", rate), rate) == (rate or None)


def test_largest_rates_are_not_taken_for_unlimited() -> None:
    assert native_rate("rate", MAX_INT) == MAX_RATE
    assert read_rate(MAX_RATE, MAX_INT) == MAX_INT
    assert read_rate(MAX_RATE, MAX_RATE) == MAX_RATE
    assert read_rate(MAX_RATE, None) == MAX_RATE


@pytest.mark.parametrize("held", [0, -1])
def test_engine_has_two_words_for_unlimited(held: int) -> None:
    assert read_rate(held, 5) is None


# Addresses that are never peers.


def test_networks_addresses_and_ranges_are_blocked() -> None:
    blocked = ("10.0.0.0/8", "192.0.2.7", "198.51.100.1 - 198.51.100.9", "2001:db8::/32")
    assert ranges_to_block(EngineSettings(blocked_networks=blocked)) == [
        ("10.0.0.0", "10.255.255.255"),
        ("192.0.2.7", "192.0.2.7"),
        ("198.51.100.1", "198.51.100.9"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ]


def test_a_list_is_blocked_beside_the_networks() -> None:
    listed = AddressRanges.merged([(1, 2)])
    found = ranges_to_block(EngineSettings(blocked_networks=("192.0.2.7",), blocklist=listed))
    assert found == [("192.0.2.7", "192.0.2.7"), ("0.0.0.1", "0.0.0.2")]


@pytest.mark.parametrize(
    ("caps", "expected"),
    [
        ((None, None), (500, 3, 500)),
        ((0, 0), (500, 3, 500)),
        ((5 << 20, None), (10, 1, 64)),
        ((20 << 20, 1), (10, 1, 256)),
        ((1, None), (10, 1, 16)),
        ((64 << 20, None), (10, 1, 500)),
        ((65 << 20, 65 << 20), (500, 3, 500)),
        ((None, 5 << 20), (10, 3, 500)),
    ],
)
def test_transfers_are_smoothed_where_a_cap_binds_and_only_there(
    caps: tuple[int | None, int | None], expected: tuple[int, int, int]
) -> None:
    native = native_rates(*caps)
    names = ("tick_interval", "request_queue_time", "max_out_request_queue")
    assert tuple(native[name] for name in names) == expected
    assert (native["download_rate_limit"], native["upload_rate_limit"]) == (caps[0] or 0, caps[1] or 0)


def test_without_ipv6_none_of_its_addresses_is_a_peer() -> None:
    (everything,) = ranges_to_block(EngineSettings(ipv6="disabled"))
    assert everything == ("::", ":".join(["ffff"] * 8))


@pytest.mark.parametrize("network", ["", "x", "10.0.0.0/33", "10.0.0.9-10.0.0.1", "10.0.0.1-::1", "1-2", "10.0.0.1-"])
def test_unreadable_network_is_refused(network: str) -> None:
    with pytest.raises(InvalidSetting, match="blocked_networks"):
        ranges_to_block(EngineSettings(blocked_networks=(network,)))


# Peer classes.


def at(address: str, chosen: list[Rule]) -> Rule:
    """What holds for an address: the last rule that covers it."""
    wanted = ipaddress.ip_address(address)

    def covers(rule: Rule) -> bool:
        first, last = ipaddress.ip_address(rule.first), ipaddress.ip_address(rule.last)
        return first.version == wanted.version and int(first) <= int(wanted) <= int(last)

    return [rule for rule in chosen if covers(rule)][-1]


@pytest.mark.parametrize("address", ["203.0.113.1", "8.8.8.8", "2001:db8::1", "0.0.0.0", "255.255.255.255"])
@pytest.mark.parametrize("limit_local_peers", [True, False])
def test_global_caps_bind_everybody_outside(address: str, limit_local_peers: bool) -> None:
    assert at(address, list(rules((), limit_local_peers=limit_local_peers))).is_capped


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.0.9", "::1", "fe80::1", "fd00::2"])
def test_local_peers_are_capped_when_that_is_wanted(address: str) -> None:
    assert at(address, list(rules((), limit_local_peers=True))).is_capped
    assert not at(address, list(rules((), limit_local_peers=False))).is_capped


def test_first_class_that_fits_counts() -> None:
    classes = (PeerClass("near", ("10.1.0.0/16",)), PeerClass("far", ("10.0.0.0/8", "11.0.0.0/8")))
    chosen = list(rules(classes, limit_local_peers=False))
    assert [at(address, chosen).name for address in ("10.1.2.3", "10.2.0.0", "11.0.0.1", "12.0.0.1")] == [
        "near",
        "far",
        "far",
        None,
    ]


def test_class_over_local_and_other_networks_keeps_both_apart() -> None:
    chosen = list(rules((PeerClass("wide", ("0.0.0.0/0",)),), limit_local_peers=False))
    assert at("10.0.0.1", chosen) == Rule("10.0.0.0", "10.255.255.255", is_capped=False, name="wide")
    assert at("203.0.113.1", chosen).is_capped
    assert at("203.0.113.1", chosen).name == "wide"


class FakeFilter:
    def __init__(self) -> None:
        self.rules: list[tuple[str, str, int]] = []

    def add_rule(self, first: str, last: str, mask: int) -> None:
        self.rules.append((first, last, mask))


class FakeSession:
    """The few calls of an engine's session that classes need."""

    global_peer_class_id = 0
    local_peer_class_id = 2

    def __init__(self) -> None:
        self.classes: dict[int, dict[str, Any]] = {}
        self.filter = FakeFilter()
        self.next = 3

    def create_peer_class(self, label: str) -> int:
        self.classes[self.next] = {"label": label}
        self.next += 1
        return self.next - 1

    def set_peer_class(self, number: int, values: dict[str, Any]) -> None:
        self.classes[number] = values

    def delete_peer_class(self, number: int) -> None:
        assert all(not mask >> number & 1 for _, _, mask in self.filter.rules), "nobody is in a class that goes"
        del self.classes[number]

    def set_peer_class_filter(self, chosen: FakeFilter) -> None:
        self.filter = chosen


def test_classes_are_made_changed_and_let_go() -> None:
    session = FakeSession()
    book = ClassBook(session, FakeFilter)
    book.apply((PeerClass("a", ("10.0.0.0/8",)), PeerClass("b", ("11.0.0.0/8",))), limit_local_peers=True)
    assert [values["label"] for values in session.classes.values()] == ["a", "b"]
    assert ("10.0.0.0", "10.255.255.255", 1 << 3 | 1) in session.filter.rules
    book.apply((PeerClass("b", ("11.0.0.0/8",), max_upload_bps=9),), limit_local_peers=True)
    assert [values["upload_limit"] for values in session.classes.values()] == [9]
    book.apply((), limit_local_peers=True)
    assert session.classes == {}


def test_every_value_of_a_class_is_given() -> None:
    session = FakeSession()
    ClassBook(session, FakeFilter).apply((PeerClass("a", ()),), limit_local_peers=True)
    assert session.classes[3] == {
        "label": "a",
        "download_limit": 0,
        "upload_limit": 0,
        "download_priority": 1,
        "upload_priority": 1,
        "connection_limit_factor": 100,
        "ignore_unchoke_slots": False,
    }


def test_masks_name_the_local_class_of_the_engine() -> None:
    session = FakeSession()
    ClassBook(session, FakeFilter).apply((), limit_local_peers=False)
    assert ("0.0.0.0", "255.255.255.255", 1) in session.filter.rules
    assert ("127.0.0.0", "127.255.255.255", 1 << 2) in session.filter.rules


# Listeners.


@pytest.mark.parametrize(
    ("had", "listen", "kept"),
    [
        (("127.0.0.1:5000",), ("127.0.0.1:0",), ("127.0.0.1:5000",)),
        (("127.0.0.1:5000",), ("127.0.0.1:5000", "[::1]:5000"), ("127.0.0.1:5000",)),
        (("127.0.0.1:5001",), ("127.0.0.1:5000",), ("127.0.0.1:5001",)),
        (("127.0.0.1:5000",), ("127.0.0.1:6000",), ()),
        (("127.0.0.1:5000",), ("127.0.0.2:5000",), ()),
        (("127.0.0.1:5000", "[::1]:5000"), ("0.0.0.0:5000",), ("127.0.0.1:5000",)),
        (("127.0.0.1:5000", "[::1]:5000"), ("[::]:5000",), ("[::1]:5000",)),
        (("127.0.0.1:5000",), ("lo:5000",), ("127.0.0.1:5000",)),
        (("127.0.0.1:5000",), ("lo:7000",), ()),
        (("127.0.0.1:5000",), (), ()),
    ],
)
def test_listener_stays_when_it_is_still_asked_for(
    had: tuple[str, ...], listen: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    assert surviving(had, listen) == kept


@given(st.ip_addresses(), st.ip_addresses())
def test_range_is_read_or_refused(first: Any, last: Any) -> None:
    if first.version == last.version and int(first) <= int(last):
        assert address_range("x", f"{first}-{last}") == (str(first), str(last))
    else:
        with pytest.raises(InvalidSetting):
            address_range("x", f"{first}-{last}")
