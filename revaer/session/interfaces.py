"""The network interfaces of this host and their addresses, asked of the C library: Linux and macOS."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

_IFF_UP: Final = 0x1
_IS_BSD: Final = sys.platform == "darwin" or "bsd" in sys.platform


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface.

    Attributes:
        index: the system's number for it: another one after it went and came back.
        is_up: whether it is switched on.
        addresses: its IP addresses; those of one link only name it, as in `fe80::1%eth0`.
    """

    index: int
    is_up: bool
    addresses: frozenset[str]


class InterfaceProbe(Protocol):
    """Looks at the network interfaces of this host."""

    def __call__(self) -> Mapping[str, Interface]:
        """Return them by name; blocks for a moment. Raises OSError."""


class _SockAddr(ctypes.Structure):
    _fields_ = (
        [("sa_len", ctypes.c_uint8), ("sa_family", ctypes.c_uint8)] if _IS_BSD else [("sa_family", ctypes.c_uint16)]
    )


class _SockAddr4(ctypes.Structure):
    _fields_ = [*_SockAddr._fields_, ("sin_port", ctypes.c_uint16), ("sin_addr", ctypes.c_uint8 * 4)]


class _SockAddr6(ctypes.Structure):
    _fields_ = [
        *_SockAddr._fields_,
        ("sin6_port", ctypes.c_uint16),
        ("sin6_flowinfo", ctypes.c_uint32),
        ("sin6_addr", ctypes.c_uint8 * 16),
        ("sin6_scope_id", ctypes.c_uint32),
    ]


class _IfAddrs(ctypes.Structure):
    pass


_IfAddrs._fields_ = [
    ("ifa_next", ctypes.POINTER(_IfAddrs)),
    ("ifa_name", ctypes.c_char_p),
    ("ifa_flags", ctypes.c_uint),
    ("ifa_addr", ctypes.POINTER(_SockAddr)),
    ("ifa_netmask", ctypes.c_void_p),
    ("ifa_dstaddr", ctypes.c_void_p),
    ("ifa_data", ctypes.c_void_p),
]


def system_interfaces() -> Mapping[str, Interface]:
    """Return the interfaces of this host by name.

    Raises:
        OSError: the system does not tell.
    """
    indexes = {name: index for index, name in socket.if_nameindex()}
    up: dict[str, bool] = dict.fromkeys(indexes, False)
    addresses: dict[str, set[str]] = {name: set() for name in indexes}
    for name, flags, address in _entries():
        if name in indexes:  # one that came a moment ago is seen the next time
            up[name] = bool(flags & _IFF_UP)
            if address is not None:
                addresses[name].add(address)
    return {name: Interface(indexes[name], up[name], frozenset(addresses[name])) for name in indexes}


def _entries() -> Iterator[tuple[str, int, str | None]]:
    """Return the name, the flags and, if it is one of IP, the address of each entry. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    head = ctypes.POINTER(_IfAddrs)()
    if library.getifaddrs(ctypes.byref(head)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    try:
        entry: Any = head
        while entry:
            item = entry.contents
            name = os.fsdecode(item.ifa_name)
            yield name, int(item.ifa_flags), _address(name, item.ifa_addr) if item.ifa_addr else None
            entry = item.ifa_next
    finally:
        library.freeifaddrs(head)


def _address(name: str, pointer: ctypes._Pointer[_SockAddr]) -> str | None:
    family = pointer.contents.sa_family
    if family == socket.AF_INET:
        four = ctypes.cast(pointer, ctypes.POINTER(_SockAddr4)).contents
        return socket.inet_ntop(socket.AF_INET, bytes(four.sin_addr))
    if family == socket.AF_INET6:
        six = bytearray(ctypes.cast(pointer, ctypes.POINTER(_SockAddr6)).contents.sin6_addr)
        is_local = six[0] == 0xFE and six[1] & 0xC0 == 0x80
        if is_local and _IS_BSD:
            six[2:4] = b"\0\0"  # the system keeps the interface's number here
        text = socket.inet_ntop(socket.AF_INET6, bytes(six))
        return f"{text}%{name}" if is_local else text
    return None
