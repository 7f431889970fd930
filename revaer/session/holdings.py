"""How much of each file lies in verified pieces: pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate


def file_bytes(spans: Iterable[tuple[int, int]], piece_length: int, have: Sequence[int]) -> tuple[int, ...]:
    """Return the bytes of each file that lie in whole pieces.

    Args:
        spans: offset and size of each file, in bytes of the payload.
        piece_length: bytes per piece.
        have: one flag per piece; what is missing at its end counts as not there.
    """
    before = list(accumulate((1 if flag else 0 for flag in have), initial=0))

    def up_to(end: int) -> int:
        """Return the bytes before a place that lie in whole pieces."""
        piece, rest = divmod(end, piece_length)
        if piece >= len(have):
            return before[-1] * piece_length
        return before[piece] * piece_length + (rest if have[piece] else 0)

    return tuple(up_to(offset + size) - up_to(offset) for offset, size in spans)
