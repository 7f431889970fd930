"""Bounds of single values on their way to the engine: pure. A value out of them is refused with the field's name and,
because it may be secret, never repeated when it is a text."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from revaer.session.port import InvalidSetting

T = TypeVar("T")

MAX_INT = 2**31 - 1
"""The largest integer the engine understands; it turns larger ones silently into 0."""

MAX_RATE = MAX_INT - 1
"""The largest rate limit the engine holds; what is no more than a byte per second above it is held by it."""

_DEVICE = re.compile(r"[^\s/:,\[\]]{1,15}")
_HOST = re.compile(r"[A-Za-z0-9_.\-]{1,253}")


def bounded(name: str, value: int, low: int, high: int) -> int:
    """Check a whole number.

    Raises:
        InvalidSetting: it is none, or not from `low` to `high`.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidSetting(name, f"must be a whole number, not {value!r}")
    if not low <= value <= high:
        raise InvalidSetting(name, f"must be from {low} to {high}, not {value}")
    return value


def text(name: str, value: str) -> str:
    """Check a short text. Raises InvalidSetting: it is long, or has characters that cannot be seen."""
    if len(value) > 255 or not value.isprintable():
        raise InvalidSetting(name, "must be at most 255 printable characters")
    return value


def choice(name: str, value: str, known: Mapping[str, T]) -> T:
    """Translate one of a few words. Raises InvalidSetting for another one."""
    if value not in known:
        raise InvalidSetting(name, f"must be one of {', '.join(known)}, not {value!r}")
    return known[value]


def native_rate(name: str, value: int | None) -> int:
    """A rate limit in the engine's convention, where 0 is unlimited, and the largest number too for a torrent.

    Raises:
        InvalidSetting: negative, or beyond 31 bits.
    """
    return 0 if value is None else min(bounded(name, value, 0, MAX_INT), MAX_RATE)


def read_rate(held: int, wished: int | None) -> int | None:
    """Return a rate limit that the engine holds; None is unlimited. Its largest is told as the largest wish."""
    if held <= 0:
        return None
    return wished if held == MAX_RATE and wished == MAX_INT else held


def split_endpoint(name: str, endpoint: str) -> tuple[str, int]:
    """Take `host:port` apart, the brackets of an IPv6 address included.

    Raises:
        InvalidSetting: there is no port, or it is above 65535.
    """
    host, colon, port = endpoint.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port[:6]) > 65535:
        raise InvalidSetting(name, f"{endpoint!r} is not host:port")
    if host.startswith("[") and host.endswith("]") and is_ip(host[1:-1], 6):
        return host[1:-1], int(port)
    if ":" in host or "[" in host:
        raise InvalidSetting(name, f"{endpoint!r} is not host:port")
    return host, int(port)


def check_address(name: str, address: str) -> str:
    """Check one `host:port`: the host is an IP address (version 6 in brackets) or a network device.

    Raises:
        InvalidSetting: another form.
    """
    check_interface(name, split_endpoint(name, address)[0])
    return address


def check_interface(name: str, host: str) -> str:
    """Check the address or the name of a network interface. Raises InvalidSetting."""
    is_device = _DEVICE.fullmatch(host) and host.isprintable() and not re.fullmatch(r"[\d.]+", host)
    if not is_ip(host) and not is_device:
        raise InvalidSetting(name, f"{host!r} names no IP address or network device")
    return host


def check_host(name: str, host: str) -> str:
    """Check a host name or an IP address, the latter with or without brackets. Raises InvalidSetting."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not is_ip(bare) and not _HOST.fullmatch(host):
        raise InvalidSetting(name, f"{host!r} is no host name or IP address")
    return host


def address_range(name: str, network: str) -> tuple[str, str]:
    """Return the first and last address of a CIDR, a single address, or a range written `first-last`.

    Raises:
        InvalidSetting: another form, or the first is above the last.
    """
    first, dash, last = network.partition("-")
    try:
        if not dash:
            block = ipaddress.ip_network(network, strict=False)
            return str(block[0]), str(block[-1])
        low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
        if int(low) > int(high) or low.version != high.version:
            raise InvalidSetting(name, f"the range {network!r} is upside down")
        return str(low), str(high)
    except ValueError as error:
        raise InvalidSetting(name, f"{network!r} is no network or range of addresses") from error


def joined(name: str, items: Iterable[str]) -> str:
    """Join a list for the engine, which separates by commas. Raises InvalidSetting for an item with a comma."""
    parts = list(items)
    if any("," in part for part in parts):
        raise InvalidSetting(name, "must not have commas")
    return ",".join(parts)


def is_ip(host: str, version: int | None = None) -> bool:
    """Tell whether a text is an IP address, of this version when one is given."""
    try:
        return ipaddress.ip_address(host).version in ((4, 6) if version is None else (version,))
    except ValueError:
        return False
