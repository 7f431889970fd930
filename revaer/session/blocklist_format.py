"""Reading blocklists as they are published: plain addresses, networks and ranges, P2P, and eMule's DAT. Pure.

One list may mix them; what is compressed by gzip is recognised. Lines that say nothing are counted, and a body of which
most is unreadable is no list: a page that says "not found" must not take the place of a filter.
"""

from __future__ import annotations

import gzip
import io
import ipaddress
import re
import zlib
from dataclasses import dataclass
from typing import Final

from revaer.session.address_ranges import AddressRanges, Span

MAX_TEXT: Final = 256 << 20
"""Bytes of a list after decompression."""

MAX_RANGES: Final = 2_000_000
"""Ranges of a list before they are merged."""

_GZIP: Final = b"\x1f\x8b"
_LAYERS: Final = 2
_LONGEST_LINE: Final = 4096
_ALLOWED: Final = 128
"""eMule lets addresses in from this level on."""

_V4: Final = rb"0*(\d{1,3})\.0*(\d{1,3})\.0*(\d{1,3})\.0*(\d{1,3})"
_RANGE: Final = _V4 + rb"\s*-\s*" + _V4
_DAT: Final = re.compile(_RANGE + rb"\s*,\s*(\d{1,5})\s*(?:,.*)?")
_P2P: Final = re.compile(rb"(?:.*:)?\s*" + _RANGE + rb"\s*(?:[#;].*)?")
_PLAIN: Final = re.compile(rb"([0-9A-Fa-f.:/]+)(?:\s*-\s*([0-9A-Fa-f.:]+))?\s*(?:[#;].*)?")
_COMMENTS: Final = (b"#", b";", b"//")


class BlocklistUnusable(ValueError):
    """What was fetched is no blocklist; the message says why."""


@dataclass(frozen=True, slots=True)
class ReadList:
    """What a list says.

    Attributes:
        ranges: the addresses that are never peers.
        unreadable: lines that were left out.
    """

    ranges: AddressRanges
    unreadable: int = 0


def read_list(body: bytes) -> ReadList:
    """Read a list. Takes about a second per 300,000 lines: call it in a worker.

    Raises:
        BlocklistUnusable: it is too large, damaged, has no addresses, or most of it is something else.
    """
    stream: io.BytesIO | io.BufferedReader = io.BytesIO(body)
    try:
        for _ in range(_LAYERS):
            head = stream.read(len(_GZIP))
            stream.seek(0)
            if head != _GZIP:
                break
            stream = io.BufferedReader(gzip.GzipFile(fileobj=stream, mode="rb"))
        return _read_lines(stream)
    except (OSError, EOFError, zlib.error) as error:
        raise BlocklistUnusable(f"its compression is damaged: {error}") from error


def _read_lines(stream: io.BytesIO | io.BufferedReader) -> ReadList:
    v4: list[Span] = []
    v6: list[Span] = []
    size = read = unreadable = 0
    while line := stream.readline(_LONGEST_LINE):
        size += len(line)
        if size > MAX_TEXT:
            raise BlocklistUnusable(f"it is larger than {MAX_TEXT >> 20} MiB")
        line = line.strip(b" \t\r\n\xef\xbb\xbf\x00")
        if not line or line.startswith(_COMMENTS):
            continue
        if _take(line, v4, v6):
            read += 1
        else:
            unreadable += 1
        if len(v4) + len(v6) > MAX_RANGES:
            raise BlocklistUnusable(f"it has more than {MAX_RANGES} ranges")
    if unreadable > read:
        raise BlocklistUnusable(f"{unreadable} of its {read + unreadable} lines are neither addresses nor comments")
    ranges = AddressRanges.merged(v4, v6)
    if not len(ranges):
        raise BlocklistUnusable("it has no addresses")
    return ReadList(ranges, unreadable)


def _take(line: bytes, v4: list[Span], v6: list[Span]) -> bool:
    """Put what a line blocks among the ranges; False when it cannot be read."""
    found = _DAT.fullmatch(line)
    if found is not None:
        allowed = int(found[9]) >= _ALLOWED
        return _put(v4, _span(found)) if not allowed else _span(found) is not None
    found = _P2P.fullmatch(line)
    if found is not None:
        return _put(v4, _span(found))
    found = _PLAIN.fullmatch(line)
    if found is None:
        return False
    try:
        first = ipaddress.ip_network(found[1].decode(), strict=False)
        last = first if found[2] is None else ipaddress.ip_network(found[2].decode(), strict=False)
    except ValueError:
        return False
    if first.version != last.version:
        return False
    span = int(first[0]), int(last[-1])
    return _put(v4 if first.version == 4 else v6, span if span[0] <= span[1] else None)


def _put(spans: list[Span], span: Span | None) -> bool:
    if span is None:
        return False
    spans.append(span)
    return True


def _span(found: re.Match[bytes]) -> Span | None:
    """Return the IPv4 range of a match; None when it is none."""
    a, b, c, d, e, f, g, h = map(int, found.groups()[:8])
    if max(a, b, c, d, e, f, g, h) > 255:
        return None
    first, last = a << 24 | b << 16 | c << 8 | d, e << 24 | f << 16 | g << 8 | h
    return (first, last) if first <= last else None
