"""What a token bucket says of itself: what is left, and when all is back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.security.bucket import TokenBucket


@given(st.integers(1, 1000), st.floats(0.01, 1e6), st.lists(st.floats(0, 1e3), max_size=40))
def test_what_is_left_can_be_taken_at_once_and_no_more(burst: int, period: float, pauses: list[float]) -> None:
    bucket, now = TokenBucket(burst, period, now=0.0), 0.0
    for pause in pauses:
        now += pause
        left = bucket.left(now)
        assert 0 <= left <= burst
        assert (bucket.take(now) == 0.0) is (left >= 1)


@given(st.integers(1, 1000), st.floats(0.01, 1e6), st.integers(0, 1000))
def test_all_is_back_when_it_said(burst: int, period: float, calls: int) -> None:
    bucket = TokenBucket(burst, period, now=0.0)
    for _ in range(calls):
        bucket.take(0.0)
    wait = bucket.full_in(0.0)
    assert wait == pytest.approx(min(calls, burst) * period / burst)
    assert bucket.left(wait) == burst
