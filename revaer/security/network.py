"""Where calls come from and how they name this host: proxies, local networks, hosts and origins."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_MOST_HOPS: Final = 64


def parse_address(text: str) -> Address | None:
    """Read an IP address; an IPv4 address in IPv6 clothes becomes IPv4, a zone is dropped. None when it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def parse_network(text: str) -> Network:
    """Read a network or a single address, such as `10.0.0.0/8`, `::1`.

    Raises:
        ValueError: it is none, or has bits set after its prefix.
    """
    network = ipaddress.ip_network(text)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        base = network.network_address.ipv4_mapped
        if base is not None:
            return ipaddress.IPv4Network((base, network.prefixlen - 96))
    return network


class Networks:
    """A set of networks.

    Args:
        texts: networks and addresses.

    Raises:
        ValueError: one of them is none.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._networks = tuple(parse_network(text) for text in texts)

    def __contains__(self, address: object) -> bool:
        if not isinstance(address, Address):
            return False
        return any(network.version == address.version and address in network for network in self._networks)


@dataclass(frozen=True, slots=True)
class Client:
    """Who is on the other end.

    Attributes:
        address: the right-most address that no trusted proxy has; text as it came when it is no IP address.
        certain: False when a trusted proxy named something that is no address: `address` is then the proxy's, and
            the client must not be given what only local callers get.
    """

    address: str
    certain: bool = True


def client_of(peer: str, forwarded_for: Sequence[str], trusted: Networks) -> Client:
    """Find the client of a call.

    Read from the right, every address was written by the hop before it. The walk begins at the connection's own peer,
    goes on while the address at hand is a trusted proxy's, and stops at the first that is not, or at what is no
    address. What stands left of it may have been made up by anybody.

    Args:
        peer: address of the connection's other end.
        forwarded_for: values of the `X-Forwarded-For` header fields in the order of the request.
        trusted: the proxies.
    """
    current = parse_address(peer)
    if current is None:
        return Client(peer)
    hops = ",".join(forwarded_for).rsplit(",", _MOST_HOPS) if forwarded_for else []
    for hop in reversed(hops):
        if current not in trusted:
            break
        named = _hop_address(hop)
        if named is None:
            return Client(str(current), certain=False)
        current = named
    return Client(str(current))


def _hop_address(text: str) -> Address | None:
    """Read `address`, `address:port`, `[address]` or `[address]:port`."""
    text = text.strip(" \t")
    if text.startswith("["):
        inner, bracket, rest = text[1:].partition("]")
        return parse_address(inner) if bracket and ":" in inner and _is_port(rest) else None
    if text.count(":") == 1:
        text, _, port = text.partition(":")
        return parse_address(text) if _is_port(f":{port}") else None
    return parse_address(text)


def _is_port(text: str) -> bool:
    digits = text.removeprefix(":")
    return not text or (digits != text and digits.isascii() and digits.isdigit() and len(digits) <= 5)


class NetworkRules:
    """The rules of one configuration.

    Args:
        bind: the address that is listened on.
        trusted_proxies: networks whose `X-Forwarded-For` is believed.
        local_networks: networks whose callers need no key when keys are not asked for.
        allowed_hosts: names by which clients may call this host, besides loopback and the bind address.
        allowed_origins: origins whose pages may call.

    Raises:
        ValueError: a network is none.
    """

    def __init__(
        self,
        *,
        bind: str,
        trusted_proxies: Iterable[str] = (),
        local_networks: Iterable[str] = (),
        allowed_hosts: Iterable[str] = (),
        allowed_origins: Iterable[str] = (),
    ) -> None:
        self._trusted = Networks(trusted_proxies)
        self._local = Networks(local_networks)
        self._hosts = {"localhost", _host_name(bind), *map(_host_name, allowed_hosts)}
        self._origins = frozenset(map(_origin, allowed_origins))

    def client(self, peer: str, forwarded_for: Sequence[str]) -> Client:
        """Find the client of a call; see `client_of`."""
        return client_of(peer, forwarded_for, self._trusted)

    def is_local(self, client: Client) -> bool:
        """Tell whether a caller is in a local network, beyond doubt."""
        return client.certain and parse_address(client.address) in self._local

    def allows_host(self, host: str, *, local_address: str = "") -> bool:
        """Tell whether a `Host` header names this host.

        Args:
            host: the header's value, with or without a port.
            local_address: the address that the connection came to, which always passes.
        """
        name = _host_name(_without_port(host))
        if not name:
            return False
        address = parse_address(name)
        return (
            name in self._hosts
            or (address is not None and address.is_loopback)
            or (bool(local_address) and name == _host_name(local_address))
        )

    def allows_origin(self, origin: str) -> bool:
        """Tell whether pages of an origin may call. `null` never may."""
        return _origin(origin) in self._origins


def is_loopback(address: str) -> bool:
    """Tell whether an address is this host's own."""
    parsed = parse_address(address)
    return parsed is not None and parsed.is_loopback


def _without_port(host: str) -> str:
    """Take the port off; an IPv6 address has one only behind its bracket. Empty when it is no host."""
    if host.startswith("["):
        inner, bracket, rest = host[1:].partition("]")
        return inner if bracket and _is_port(rest) else ""
    name, colon, port = host.partition(":")
    if colon and not (port.isascii() and port.isdigit() and len(port) <= 5):
        return ""
    return name


def _host_name(host: str) -> str:
    """Write a host in one form: lower case, without brackets and the root's dot, addresses canonical."""
    plain = host.strip("[]").removesuffix(".").lower()
    address = parse_address(plain)
    return plain if address is None else str(address)


def _origin(origin: str) -> str:
    return origin.removesuffix("/").lower()
