"""Which caps bind which peers: the global ones, and those of the networks that have caps of their own.

The engine asks a filter for the classes of each address. It is filled from the general to the particular, because a
later rule replaces an earlier one: everybody, the local networks, then the classes, the first of them last.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from revaer.session.bounds import address_range, bounded, native_rate, text
from revaer.session.engine_settings import PeerClass
from revaer.session.port import InvalidSetting

MAX_CLASSES: Final = 16
"""The engine's filter has room for 32 classes, and uses some itself."""

_EVERYBODY: Final = ("0.0.0.0/0", "::/0")
_LOCAL: Final = (
    "10.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for a range of addresses.

    Attributes:
        first: the lowest address.
        last: the highest.
        is_capped: whether the global caps hold; else its peers are in the engine's own class for local ones.
        name: the class with caps of its own, None for none.
    """

    first: str
    last: str
    is_capped: bool
    name: str | None = None


def check_classes(classes: Sequence[PeerClass]) -> None:
    """Check classes.

    Raises:
        InvalidSetting: a value is out of its bounds, a name comes twice, or there are too many.
    """
    field = "peer_classes"
    if len(classes) > MAX_CLASSES:
        raise InvalidSetting(field, f"must be at most {MAX_CLASSES}")
    if len({peers.name for peers in classes}) != len(classes):
        raise InvalidSetting(field, "must not have the same name twice")
    for peers in classes:
        if not text(field, peers.name):
            raise InvalidSetting(field, "must have names")
        for network in peers.networks:
            address_range(field, network)
        native_class(peers)


def native_class(peers: PeerClass) -> dict[str, int | bool | str]:
    """Return every value of a class by the engine's names: what is left out counts as 0. Raises InvalidSetting."""
    field = "peer_classes"
    return {
        "label": peers.name,
        "download_limit": native_rate(field, peers.max_download_bps),
        "upload_limit": native_rate(field, peers.max_upload_bps),
        "download_priority": bounded(field, peers.download_priority, 1, 255),
        "upload_priority": bounded(field, peers.upload_priority, 1, 255),
        "connection_limit_factor": bounded(field, peers.connection_limit_factor, 1, 10_000),
        "ignore_unchoke_slots": bool(peers.ignore_unchoke_slots),
    }


def rules(classes: Sequence[PeerClass], *, limit_local_peers: bool) -> Iterator[Rule]:
    """Return the rules in the order in which they are to be made."""
    for network in _EVERYBODY:
        yield Rule(*address_range("", network), is_capped=True)
    local = () if limit_local_peers else tuple(address_range("", network) for network in _LOCAL)
    for first, last in local:
        yield Rule(first, last, is_capped=False)
    for peers in reversed(classes):
        for network in peers.networks:
            span = address_range("peer_classes", network)
            yield Rule(*span, is_capped=True, name=peers.name)
            for first, last in _common(span, local):
                yield Rule(first, last, is_capped=False, name=peers.name)


class ClassBook:
    """The classes of one engine session.

    Args:
        session: the engine's session.
        new_filter: makes an empty filter.
    """

    def __init__(self, session: Any, new_filter: Callable[[], Any]) -> None:
        self._session = session
        self._new_filter = new_filter
        self._made: dict[str, Any] = {}

    def apply(self, classes: Sequence[PeerClass], *, limit_local_peers: bool) -> None:
        """Make the engine have these classes and no others; blocks."""
        session, wanted = self._session, {peers.name for peers in classes}
        for peers in classes:
            if peers.name not in self._made:
                self._made[peers.name] = session.create_peer_class(peers.name)
            session.set_peer_class(self._made[peers.name], native_class(peers))
        chosen = self._new_filter()
        for rule in rules(classes, limit_local_peers=limit_local_peers):
            chosen.add_rule(rule.first, rule.last, self._mask(rule))
        session.set_peer_class_filter(chosen)
        for name in [name for name in self._made if name not in wanted]:
            session.delete_peer_class(self._made.pop(name))

    def _mask(self, rule: Rule) -> int:
        own = 0 if rule.name is None else 1 << int(self._made[rule.name])
        session = self._session
        return own | 1 << int(session.global_peer_class_id if rule.is_capped else session.local_peer_class_id)


def _common(span: tuple[str, str], others: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Return what a range has in common with others of its version."""
    first, last = (ipaddress.ip_address(end) for end in span)
    for low, high in others:
        begin, end = ipaddress.ip_address(low), ipaddress.ip_address(high)
        if begin.version == first.version:
            begin, end = max(begin, first, key=int), min(end, last, key=int)
            if int(begin) <= int(end):
                yield str(begin), str(end)
