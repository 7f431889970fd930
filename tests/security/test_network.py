"""Who is calling, through proxies and lies; what counts as local; which hosts and origins pass."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.security.network import Client, NetworkRules, Networks, client_of, is_loopback, parse_network

PROXIES = ["10.0.0.0/8", "fd00::/8", "127.0.0.1"]
TRUSTED = Networks(PROXIES)
ADDRESSES = st.ip_addresses().map(str)


def client(peer: str, *forwarded: str) -> str:
    return client_of(peer, forwarded, TRUSTED).address


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("1.2.3.4",), "203.0.113.9"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("1.2.3.4, 198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("1.2.3.4", "198.51.100.7"), "198.51.100.7"),
        ("10.0.0.1", ("127.0.0.1, 198.51.100.7, 10.9.9.9",), "198.51.100.7"),
        ("10.0.0.1", ("10.0.0.2, 10.0.0.3",), "10.0.0.2"),
        ("::ffff:10.0.0.1", ("::ffff:198.51.100.7",), "198.51.100.7"),
        ("fd00::1", ("2001:DB8::1",), "2001:db8::1"),
        ("10.0.0.1", ("[2001:db8::1]:4711",), "2001:db8::1"),
        ("10.0.0.1", ("[2001:db8::1]",), "2001:db8::1"),
        ("10.0.0.1", ("198.51.100.7:4711",), "198.51.100.7"),
        ("10.0.0.1", (" \t198.51.100.7\t ",), "198.51.100.7"),
        ("10.0.0.1", ("fe80::1%eth0",), "fe80::1"),
        ("10.0.0.1", ("nonsense, 198.51.100.7",), "198.51.100.7"),
    ],
)
def test_the_client_is_the_right_most_untrusted_hop(peer: str, forwarded: tuple[str, ...], expected: str) -> None:
    assert client_of(peer, forwarded, TRUSTED) == Client(expected)


@pytest.mark.parametrize(
    "entry",
    [
        "",
        " ",
        "unknown",
        "_hidden",
        "198.51.100.7 10.0.0.1",
        "198.51.100.7\n",
        "198.51.100.07",
        "198.51.100",
        "0x7f000001",
        "2130706433",
        "198.51.100.7:",
        "198.51.100.7:x",
        "198.51.100.7:123456",
        "198.51.100.7:\uff11",
        "[198.51.100.7]",
        "[2001:db8::1",
        "[2001:db8::1]x",
        "2001:db8::1]",
        '"198.51.100.7"',
        "for=198.51.100.7",
        "127.0.0.1;",
        "localhost",
        "é",
        "\0",
    ],
)
def test_what_is_no_address_stops_the_walk_in_doubt(entry: str) -> None:
    """The proxy's own address stands, but it is nobody local: a smuggled word must not open what is for the house."""
    found = client_of("10.0.0.1", (f"198.51.100.7, {entry}",), TRUSTED)
    assert found == Client("10.0.0.1", certain=False)
    rules = NetworkRules(bind="127.0.0.1", trusted_proxies=PROXIES, local_networks=["0.0.0.0/0", "::/0"])
    assert not rules.is_local(found)


def test_a_peer_that_is_no_address_is_nobody() -> None:
    """As over a unix socket."""
    assert client("", "1.2.3.4") == ""
    assert not NetworkRules(bind="::1", local_networks=["::/0"]).is_local(Client(""))


@given(forged=st.lists(st.one_of(ADDRESSES, st.text(max_size=20)), max_size=8), real=ADDRESSES)
def test_nothing_that_a_client_sends_changes_who_it_is(forged: list[str], real: str) -> None:
    """Whatever it puts into the header stands left of what the first proxy adds."""
    address = ipaddress.ip_address(real)
    mapped = getattr(address, "ipv4_mapped", None)
    if (mapped or address) in TRUSTED:
        return
    honest = client_of("10.0.0.1", (real,), TRUSTED)
    assert client_of("10.0.0.1", (", ".join([*forged, real]),), TRUSTED) == honest
    assert client_of("10.0.0.1", (*forged, f"{real}, 10.1.1.1"), TRUSTED) == honest
    assert honest == Client(str(mapped or address))


@given(peer=ADDRESSES, forged=st.text(max_size=100))
def test_an_untrusted_peer_is_itself(peer: str, forged: str) -> None:
    address = ipaddress.ip_address(peer)
    assert client_of(peer, (forged,), Networks([])).address == str(getattr(address, "ipv4_mapped", None) or address)


def test_a_chain_without_end_is_cut() -> None:
    assert client_of("10.0.0.1", (",".join(["10.0.0.2"] * 100_000),), TRUSTED).certain is False


def test_only_what_is_trusted_and_written_right_is_a_network() -> None:
    for text in ("10.0.0.1/8", "x", "", "10.0.0.0/33", "::/129", "1.2.3.4/"):
        with pytest.raises(ValueError, match=r"."):
            parse_network(text)
    assert parse_network("::ffff:10.0.0.0/104") == ipaddress.ip_network("10.0.0.0/8")
    assert parse_network("10.0.0.1") == ipaddress.ip_network("10.0.0.1/32")
    assert ipaddress.ip_address("1.2.3.4") not in Networks(["::/0"])
    assert "10.0.0.1" not in TRUSTED


@pytest.mark.parametrize(
    ("address", "local"),
    [("192.168.1.5", True), ("::ffff:192.168.1.5", True), ("fd00::5", True), ("8.8.8.8", False), ("x", False)],
)
def test_local_is_who_is_in_a_local_network(address: str, local: bool) -> None:
    rules = NetworkRules(bind="0.0.0.0", local_networks=["192.168.0.0/16", "fd00::/8"])
    assert rules.is_local(rules.client(address, ())) is local


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:7070",
        "localhost.",
        "127.0.0.1",
        "127.8.9.10:80",
        "[::1]:7070",
        "[::1]",
        "192.168.1.5:7070",
        "node.example",
        "Node.Example.:443",
        "10.0.0.9:7070",
        "[::ffff:127.0.0.1]",
    ],
)
def test_our_own_names_pass(host: str) -> None:
    rules = NetworkRules(bind="192.168.1.5", allowed_hosts=["node.example"])
    assert rules.allows_host(host, local_address="10.0.0.9")


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":7070",
        "evil.example",
        "node.example.evil.example",
        "localhost.evil.example",
        "localhost:x",
        "localhost:123456",
        "[::1",
        "[::1]x",
        "::1:7070:",
        "127.0.0.1.evil.example",
        "8.8.8.8",
        "user@localhost",
        "localhost/path",
        "local host",
    ],
)
def test_other_names_do_not_pass(host: str) -> None:
    assert not NetworkRules(bind="192.168.1.5", allowed_hosts=["node.example"]).allows_host(host)


def test_origins_pass_when_named_and_null_never() -> None:
    rules = NetworkRules(bind="127.0.0.1", allowed_origins=["https://ui.example"])
    assert rules.allows_origin("https://UI.example")
    for origin in ("null", "", "http://ui.example", "https://ui.example:8443", "https://ui.example.evil.example"):
        assert not rules.allows_origin(origin)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1", "::1%lo"])
def test_loopback_is_known_in_every_writing(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["", "localhost", "10.0.0.1", "::", "0.0.0.0", "fe80::1"])
def test_everything_else_is_not_loopback(address: str) -> None:
    assert not is_loopback(address)
