"""What every request's head is held to: size, host, and the request id."""

from __future__ import annotations

import re

from revaer.api.call import Call, escape
from revaer.api.errors import InvalidParam, MalformedRequest, UnknownHost
from revaer.api.settings import HEADER_BYTES
from revaer.security.messages import NetworkRules
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
    for raw, value in call.header_fields:
        if len(value) > HEADER_BYTES:
            name = raw.decode("latin-1")
            message = f"may have at most {HEADER_BYTES} bytes"
            raise MalformedRequest(f"the header {name} is too long", [InvalidParam(f"/header/{escape(name)}", message)])


class HostList:
    """The names by which clients may call this host; it stops web pages that point their own name here.

    Loopback, the bind address and the address that a connection came to always pass.

    Args:
        network: knows the further names.
    """

    def __init__(self, network: NetworkRules) -> None:
        self._network = network
        self._passed: set[tuple[str, str]] = set()

    def check(self, call: Call) -> None:
        """Refuse a call to an unknown host.

        Raises:
            UnknownHost: its `Host` is none of ours.
            MalformedRequest: its `Host` is no host.
        """
        value = call.headers.get("host", "")
        known = (value, call.local_address)
        if known in self._passed:
            return
        match = _HOST.fullmatch(value)
        if match is None:
            raise MalformedRequest(
                "the Host header is no host", [InvalidParam("/header/host", "should be host or host:port")]
            )
        if not self._network.allows_host(value, local_address=call.local_address):
            raise UnknownHost(f"this node is not known as {match[1].lower()!r}; allowed_hosts may name it")
        if len(self._passed) < _REMEMBERED_HOSTS:
            self._passed.add(known)
