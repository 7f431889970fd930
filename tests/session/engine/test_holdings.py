"""How much of each file lies in whole pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.session.holdings import file_bytes


@pytest.mark.parametrize(
    ("spans", "have", "expected"),
    [
        ([(0, 25)], [1, 1, 1], (25,)),
        ([(0, 25)], [1, 0, 1], (15,)),
        ([(0, 12), (12, 13)], [1, 0, 0], (10, 0)),
        ([(0, 12), (12, 13)], [0, 1, 0], (2, 8)),
        ([(0, 5), (5, 0), (5, 20)], [1, 0, 1], (5, 0, 10)),
        ([(0, 25)], [1, 1], (20,)),
        ([(0, 25)], [], (0,)),
    ],
    ids=["all", "hole", "piece of two files", "shared piece", "empty file", "short list", "no list"],
)
def test_bytes_in_whole_pieces_count(spans: list[tuple[int, int]], have: list[int], expected: tuple[int, ...]) -> None:
    assert file_bytes(spans, 10, have) == expected


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(1, 16), st.data())
def test_files_have_together_what_the_pieces_are(sizes: list[int], piece_length: int, data: st.DataObject) -> None:
    total = sum(sizes)
    pieces = -(-total // piece_length)
    have = data.draw(st.lists(st.booleans(), min_size=pieces, max_size=pieces))
    spans = [(sum(sizes[:index]), size) for index, size in enumerate(sizes)]
    held = {at for at in range(total) if have[at // piece_length]}
    expected = tuple(len(held & set(range(offset, offset + size))) for offset, size in spans)
    assert file_bytes(spans, piece_length, have) == expected
