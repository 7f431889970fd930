"""How a payload is cut."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.authoring.messages import LONGEST_PIECE, SHORTEST_PIECE
from revaer.authoring.pieces import (
    SHARE_BYTES,
    SHARE_FILES,
    WANTED_PIECES,
    Span,
    aligned_shares,
    choose_piece_length,
    gapless_shares,
    piece_count,
)

KIB, MIB, GIB = 1024, 1024**2, 1024**3
LENGTHS = st.integers(14, 24).map(lambda power: 1 << power)
SIZES = st.lists(st.integers(0, 40 * MIB), max_size=12)


@pytest.mark.parametrize(
    ("size", "length"),
    [
        (0, 16 * KIB),
        (1, 16 * KIB),
        (1500 * 16 * KIB, 16 * KIB),
        (1500 * 16 * KIB + 1, 32 * KIB),
        (700 * MIB, 512 * KIB),
        (4 * GIB, 4 * MIB),
        (50 * GIB, 16 * MIB),
        (1 << 48, 16 * MIB),
    ],
)
def test_the_piece_length_follows_from_the_size(size: int, length: int) -> None:
    assert choose_piece_length(size) == length


@given(st.integers(0, 1 << 50))
def test_the_shortest_length_that_is_enough(size: int) -> None:
    length = choose_piece_length(size)
    assert SHORTEST_PIECE <= length <= LONGEST_PIECE
    assert length & (length - 1) == 0
    assert length == LONGEST_PIECE or piece_count(size, length) <= WANTED_PIECES
    assert length == SHORTEST_PIECE or piece_count(size, length // 2) > WANTED_PIECES


@given(SIZES, LENGTHS)
def test_gapless_shares_cover_every_byte_once_in_order(sizes: list[int], length: int) -> None:
    shares = list(gapless_shares(sizes, length))

    assert _joined([span for share in shares for span in share.spans]) == _whole(sizes)
    done = 0
    for share in shares:
        assert share.first_piece * length == done
        assert 0 < share.length <= max(SHARE_BYTES, length)
        done += share.length
        assert share is shares[-1] or share.length % length == 0


@given(SIZES, LENGTHS)
def test_aligned_shares_cover_every_byte_once_in_order(sizes: list[int], length: int) -> None:
    shares = list(aligned_shares(sizes, length))

    assert _joined([span for share in shares for span in share.spans]) == _whole(sizes)
    for share in shares:
        assert 0 < share.length <= max(SHARE_BYTES, length)
        assert all(span.offset % length == 0 for span in share.spans)


def test_many_small_files_that_lie_end_to_end_are_shared_out_at_the_next_piece() -> None:
    shares = list(gapless_shares([1024] * 3000, 16 * KIB))
    assert {len(share.spans) for share in shares[:-1]} == {SHARE_FILES}
    assert [share.first_piece for share in shares] == [16 * number for number in range(len(shares))]


@given(st.lists(st.integers(0, 100), max_size=2000))
def test_shares_of_many_small_files_begin_where_the_one_before_ends(sizes: list[int]) -> None:
    length = 16 * KIB
    shares = list(gapless_shares(sizes, length))

    assert _joined([span for share in shares for span in share.spans]) == _whole(sizes)
    assert [share.first_piece * length for share in shares] == [
        sum(share.length for share in shares[:number]) for number in range(len(shares))
    ]


def test_many_small_files_are_shared_out_too() -> None:
    shares = list(aligned_shares([10] * 1000, 16 * KIB))
    assert max(len(share.spans) for share in shares) == SHARE_FILES
    assert len(shares) == 4


def _joined(spans: list[Span]) -> list[Span]:
    """Adjoining stretches of a file as one."""
    joined: list[Span] = []
    for file, parts in groupby(spans, key=lambda span: span.file):
        stretches = list(parts)
        ends = [span.offset + span.length for span in stretches]
        assert [span.offset for span in stretches] == [0, *ends[:-1]]
        joined.append(Span(file, 0, ends[-1]))
    return joined


def _whole(sizes: list[int]) -> list[Span]:
    return [Span(file, 0, size) for file, size in enumerate(sizes) if size]
