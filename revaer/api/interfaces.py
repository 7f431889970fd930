"""The address behind the name of a network interface. Linux and macOS; IPv4 first."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
import sys
from pathlib import Path

from revaer.api.errors import CannotListen

_GET_ADDRESS = 0xC0206921 if sys.platform == "darwin" else 0x8915
_IPV6_TABLE = Path("/proc/net/if_inet6")
_GLOBAL_SCOPE = "00"


def address_to_bind(name: str) -> str:
    """Return the address that is meant: an interface's own when it is the name of one, else what was given.

    Raises:
        CannotListen: the interface has no address now.
    """
    if name not in _interfaces():
        return name
    address = _ipv4_address(name) or _ipv6_address(name)
    if address is None:
        raise CannotListen(f"cannot listen on {name}: this interface has no address now")
    return address


def _interfaces() -> list[str]:
    try:
        return [name for _, name in socket.if_nameindex()]
    except OSError:
        return []


def _ipv4_address(interface: str) -> str | None:
    request = struct.pack("256s", interface.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe.fileno(), _GET_ADDRESS, request)
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])


def _ipv6_address(interface: str) -> str | None:
    try:
        lines = _IPV6_TABLE.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        address, _, _, scope, _, name = line.split()
        if name == interface and (scope == _GLOBAL_SCOPE or name.startswith("lo")):
            return str(ipaddress.IPv6Address(bytes.fromhex(address)))
    return None
