"""How a payload is cut: the piece length by its size, and the shares that workers hash one by one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from revaer.authoring.messages import LONGEST_PIECE, SHORTEST_PIECE

WANTED_PIECES: Final = 1_500
"""At most so many are wanted, as far as the longest piece allows: few enough for a small file, enough to share."""

SHARE_BYTES: Final = 8 * 1024 * 1024
"""How much one share has, about: tens of milliseconds of work."""

SHARE_FILES: Final = 256
"""How many files one share touches at most, but where a piece of version 1 has more."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one file.

    Attributes:
        file: place of the file.
        offset: where it begins, in bytes.
        length: in bytes.
    """

    file: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker hashes at a time: consecutive stretches that begin at a piece boundary.

    Attributes:
        first_piece: number of the first piece of version 1 without gaps; counts only where that is what is hashed.
        spans: in order.
    """

    first_piece: int
    spans: tuple[Span, ...]

    @property
    def length(self) -> int:
        """How many bytes are hashed."""
        return sum(span.length for span in self.spans)


def choose_piece_length(size: int) -> int:
    """Return the shortest piece length that cuts `size` bytes into no more pieces than are wanted."""
    length = SHORTEST_PIECE
    while length < LONGEST_PIECE and size > WANTED_PIECES * length:
        length *= 2
    return length


def piece_count(size: int, piece_length: int) -> int:
    """Return how many pieces `size` bytes have."""
    return -(-size // piece_length)


def gapless_shares(sizes: Sequence[int], piece_length: int) -> Iterator[Share]:
    """Cut files that lie end to end, as version 1 has them: pieces run across files."""
    per_share = max(1, SHARE_BYTES // piece_length) * piece_length
    spans: list[Span] = []
    room, piece = per_share, 0
    for file, size in enumerate(sizes):
        at = 0
        while at < size:
            taken = min(room, size - at)
            spans.append(Span(file, at, taken))
            at, room = at + taken, room - taken
            if len(spans) >= SHARE_FILES:
                room %= piece_length
            if not room:
                yield (share := Share(piece, tuple(spans)))
                piece += share.length // piece_length
                spans, room = [], per_share
    if spans:
        yield Share(piece, tuple(spans))


def aligned_shares(sizes: Sequence[int], piece_length: int) -> Iterator[Share]:
    """Cut files that each begin at a piece boundary, as version 2 has them: no piece has more than one file."""
    per_share = max(1, SHARE_BYTES // piece_length) * piece_length
    spans: list[Span] = []
    held = 0
    for file, size in enumerate(sizes):
        for at in range(0, size, per_share):
            taken = min(per_share, size - at)
            if spans and (held + taken > per_share or len(spans) >= SHARE_FILES):
                yield Share(0, tuple(spans))
                spans, held = [], 0
            spans.append(Span(file, at, taken))
            held += taken
    if spans:
        yield Share(0, tuple(spans))
