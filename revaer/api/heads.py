"""What every request's head is held to: size, host, and the request id."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from revaer.api.call import Call, escape
from revaer.api.errors import InvalidParam, MalformedRequest, UnknownHost
from revaer.api.settings import HEADER_BYTES
from revaer.types import new_torrent_id

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:/\s@]+)(:\d{1,5})?")
_REMEMBERED_HOSTS = 256


def request_id_of(call: Call) -> str:
    """Take the client's `x-request-id` when it is a sane token, else make one (UUIDv7)."""
    given = call.headers.get("x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return new_torrent_id()


def check_sizes(call: Call) -> None:
    """Refuse header fields that are too long. Raises: MalformedRequest."""
    for name, value in call.headers.items():
        if len(value) > HEADER_BYTES:
            message = f"may have at most {HEADER_BYTES} bytes"
            raise MalformedRequest(f"the header {name} is too long", [InvalidParam(f"/header/{escape(name)}", message)])


class HostList:
    """The names by which clients may call this host; it stops web pages that point their own name here.

    Loopback, the bind address and the address that a connection came to always pass.

    Args:
        bind: the address that is listened on.
        allowed: further names, without ports.
    """

    def __init__(self, bind: str, allowed: Iterable[str]) -> None:
        self._names = {"localhost", _plain(bind), *map(_plain, allowed)}
        self._passed: set[str] = set()

    def check(self, call: Call) -> None:
        """Refuse a call to an unknown host.

        Raises:
            UnknownHost: its `Host` is none of ours.
            MalformedRequest: its `Host` is no host.
        """
        value = call.headers.get("host", "")
        if value in self._passed:
            return
        match = _HOST.fullmatch(value)
        if match is None:
            raise MalformedRequest(
                "the Host header is no host", [InvalidParam("/header/host", "should be host or host:port")]
            )
        name = _plain(match[1])
        if name == _plain(call.local_address):
            return
        if name not in self._names and not _is_loopback(name):
            raise UnknownHost(f"this node is not known as {name!r}; allowed_hosts may name it")
        if len(self._passed) < _REMEMBERED_HOSTS:
            self._passed.add(value)


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
