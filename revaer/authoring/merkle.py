"""Hash trees of version 2 torrents (BEP 52). Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

LEAF: Final = 16 * 1024
"""Bytes under one leaf."""

_ZERO: Final = bytes(32)


def merkle_root(nodes: Sequence[bytes], *, width: int | None = None, filler: bytes = _ZERO) -> bytes:
    """Return the root over nodes.

    Args:
        nodes: hashes of one level, in order; at least one.
        width: how many the level has, a power of two; None for the next one.
        filler: what stands where there is no node.
    """
    width = 1 << (len(nodes) - 1).bit_length() if width is None else width
    level = list(nodes)
    sha256 = hashlib.sha256
    while width > 1:
        if len(level) % 2:
            level.append(filler)
        level = [sha256(level[at] + level[at + 1]).digest() for at in range(0, len(level), 2)]
        filler = sha256(filler + filler).digest()
        width //= 2
    return level[0]


def file_root(nodes: Sequence[bytes], piece_length: int) -> bytes:
    """Return the root of a file from the roots of its pieces."""
    return nodes[0] if len(nodes) == 1 else merkle_root(nodes, filler=padding(piece_length))


def padding(piece_length: int) -> bytes:
    """Return what stands for a piece behind the end of a file."""
    return merkle_root([_ZERO], width=piece_length // LEAF)
