"""Many ranges of IP addresses, held small: a blocklist has hundreds of thousands. Pure."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address
from socket import inet_ntoa
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""First and last address of a range, as numbers."""


class AddressRanges:
    """Ranges of addresses, sorted and merged. Two of them are equal only when they are one: comparing costs nothing.

    Args:
        v4: first and last address of every IPv4 range in turn, sorted, none touching another.
        v6: the IPv6 ranges, likewise.
    """

    __slots__ = ("_v4", "_v6")

    def __init__(self, v4: array[int], v6: tuple[Span, ...] = ()) -> None:
        self._v4 = v4
        self._v6 = v6

    @classmethod
    def merged(cls, v4: Iterable[Span], v6: Iterable[Span] = ()) -> AddressRanges:
        """Make ranges of any that are given, in any order."""
        return cls(array("I", (edge for span in _merge(v4) for edge in span)), tuple(_merge(v6)))

    @classmethod
    def unpacked(cls, v4: bytes, v6: Iterable[Span]) -> AddressRanges:
        """Make ranges of what `packed` gave.

        Raises:
            ValueError: it is damaged.
        """
        edges = array("I")
        edges.frombytes(v4)
        if sys.byteorder == "big":
            edges.byteswap()
        if len(edges) % 2 or any(first > last for first, last in zip(edges[::2], edges[1::2], strict=True)):
            raise ValueError("the ranges are damaged")
        return cls(edges, tuple(v6))

    def packed(self) -> tuple[bytes, tuple[Span, ...]]:
        """Return the IPv4 edges as 32-bit little-endian numbers, and the IPv6 ranges."""
        edges = array("I", self._v4)
        if sys.byteorder == "big":
            edges.byteswap()
        return edges.tobytes(), self._v6

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield the first and last address of every range as text."""
        edges = self._v4
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            yield inet_ntoa(first.to_bytes(4, "big")), inet_ntoa(last.to_bytes(4, "big"))
        for first, last in self._v6:
            yield str(IPv6Address(first)), str(IPv6Address(last))

    def __len__(self) -> int:
        return len(self._v4) // 2 + len(self._v6)


def _merge(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield spans in order; those that overlap or touch become one."""
    low, high = 0, -2
    for first, last in sorted(spans):
        if first <= high + 1:
            high = max(high, last)
            continue
        if high >= 0:
            yield low, high
        low, high = first, last
    if high >= 0:
        yield low, high
