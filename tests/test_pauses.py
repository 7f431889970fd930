"""The law of pauses between attempts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from revaer.pauses import doubling

FIRST = st.floats(0.01, 10)


@given(FIRST, st.integers(1, 10_000))
def test_pauses_double_up_to_the_longest(first: float, failures: int) -> None:
    longest = 64 * first
    pause = doubling(failures, first, longest)
    assert pause == longest if failures > 6 else pause == first * 2 ** (failures - 1)
    assert pause <= doubling(failures + 1, first, longest) <= longest


@given(FIRST, st.floats(0.001, 1))
def test_first_pause_is_cut_too(first: float, share: float) -> None:
    assert doubling(1, first, first * share) == first * share
