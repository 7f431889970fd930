"""Hash trees of version 2 torrents (BEP 52): pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

LEAF = 16 * 1024
"""Bytes under one leaf."""

_ZERO = bytes(32)


def merkle_root(nodes: Sequence[bytes], *, filler: bytes = _ZERO, width: int | None = None) -> bytes:
    """The root over `nodes`, filled up to `width` (the next power of two when absent) with `filler`."""
    width = 1 << max(0, len(nodes) - 1).bit_length() if width is None else width
    level = list(nodes)
    while width > 1:
        if len(level) % 2:
            level.append(filler)
        level = [hashlib.sha256(level[at] + level[at + 1]).digest() for at in range(0, len(level), 2)]
        filler = hashlib.sha256(filler + filler).digest()
        width //= 2
    return level[0] if level else filler


def padding_hash(piece_length: int) -> bytes:
    """What stands in a piece layer for a piece beyond the end of the file."""
    return merkle_root([], width=piece_length // LEAF)
