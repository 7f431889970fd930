"""The token bucket: never over budget, never starves, whatever the steps and the clock."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.security.bucket import TokenBucket

BURSTS = st.integers(1, 10_000)
PERIODS = st.floats(1e-3, 1e7)
STARTS = st.floats(0, 1e9)
STEPS = st.lists(st.floats(0, 1e6) | st.floats(0, 1e-3) | st.just(0.0), max_size=60)


class Model:
    """The same bucket in exact arithmetic, from the definition."""

    def __init__(self, burst: int, per_seconds: Fraction) -> None:
        self.burst, self.rate = Fraction(burst), burst / per_seconds
        self.tokens, self.at = Fraction(burst), Fraction(0)

    def take(self, now: Fraction) -> Fraction:
        self.tokens = min(self.burst, self.tokens + max(Fraction(0), now - self.at) * self.rate)
        self.at = max(self.at, now)
        if self.tokens >= 1:
            self.tokens -= 1
            return Fraction(0)
        return (1 - self.tokens) / self.rate

    def give_back(self) -> None:
        self.tokens = min(self.burst, self.tokens + 1)


class TestExhaustively:
    """Every short history on a coarse clock, against the exact model.

    Periods are powers of two, so that binary fractions hold every value and both must agree to the last bit.
    """

    ACTIONS = ("take", "back", "0", "1/4", "1", "5", "-2")
    BUCKETS = tuple(itertools.product((1, 2, 4), (Fraction(1, 2), Fraction(1), Fraction(4))))

    @pytest.mark.parametrize(("burst", "per_seconds"), BUCKETS)
    def test_every_short_history_is_exactly_the_model_s(self, burst: int, per_seconds: Fraction) -> None:
        for history in itertools.product(self.ACTIONS, repeat=5):
            bucket, model = TokenBucket(burst, float(per_seconds), now=0.0), Model(burst, per_seconds)
            now = Fraction(0)
            for action in history:
                if action == "take":
                    assert bucket.take(float(now)) == float(model.take(now)), history
                elif action == "back":
                    bucket.give_back()
                    model.give_back()
                else:
                    now += Fraction(action)
            assert bucket.take(float(now)) == float(model.take(now)), history


def granted(bucket: TokenBucket, start: float, steps: list[float]) -> Iterator[float]:
    """The times at which one who asks after each step gets a token."""
    now = start
    for step in steps:
        now += step
        if bucket.take(now) == 0.0:
            yield now


@given(burst=BURSTS, per_seconds=PERIODS, start=STARTS, steps=STEPS)
def test_no_stretch_of_time_is_over_its_budget(
    burst: int, per_seconds: float, start: float, steps: list[float]
) -> None:
    """Between any two grants: at most the burst and what flowed in meanwhile, in exact arithmetic."""
    times = [Fraction(time) for time in granted(TokenBucket(burst, per_seconds, now=start), start, steps)]
    rate = burst / Fraction(per_seconds)
    for first, last in itertools.combinations(range(len(times)), 2):
        allowed = burst + (times[last] - times[first]) * rate
        assert last - first + 1 <= allowed + Fraction(1, 1_000_000)


@given(burst=BURSTS, per_seconds=PERIODS, start=STARTS, spent=st.integers(0, 200))
def test_who_waits_as_told_gets_a_token(burst: int, per_seconds: float, start: float, spent: int) -> None:
    """The told wait is enough, and not longer than one token takes to flow in."""
    bucket = TokenBucket(burst, per_seconds, now=start)
    now = start
    for _ in range(min(burst, 500) + spent):
        wait = bucket.take(now)
        assert 0.0 <= wait <= per_seconds / burst * (1 + 1e-9)
        if wait:
            now = later(now, wait)
            assert bucket.take(now) == 0.0


def later(now: float, wait: float) -> float:
    """The first moment that the clock can show at which `wait` is over."""
    due = Fraction(now) + Fraction(wait)
    then = now + wait
    return then if Fraction(then) >= due else math.nextafter(then, math.inf)


@given(burst=BURSTS, per_seconds=PERIODS, start=STARTS, impatience=st.lists(st.floats(0, 0.99), max_size=30))
def test_who_asks_too_early_loses_nothing(
    burst: int, per_seconds: float, start: float, impatience: list[float]
) -> None:
    """A refused call takes no token: however often one asks, the next token comes when it was due."""
    bucket = TokenBucket(burst, per_seconds, now=start)
    for _ in range(burst):
        assert bucket.take(start) == 0.0
    wait = bucket.take(start)
    assert wait > 0.0
    for share in sorted(impatience):
        again = bucket.take(start + wait * share)
        assert again >= 0.0
        if again == 0.0:
            # The clock is too coarse to tell the two moments apart.
            assert wait * (1 - share) <= math.ulp(start + wait) * 2 or share > 0.98
            return

    assert bucket.take(later(start, wait) + math.ulp(start + wait) * 2) == 0.0


@given(burst=BURSTS, per_seconds=PERIODS, start=STARTS)
def test_starts_full_and_is_full_again_after_its_period(burst: int, per_seconds: float, start: float) -> None:
    bucket = TokenBucket(burst, per_seconds, now=start)
    assert bucket.is_full(start)
    for _ in range(burst):
        assert bucket.take(start) == 0.0
    assert bucket.take(start) > 0.0
    assert not bucket.is_full(start)
    assert bucket.is_full(later(start, per_seconds * 1.000_001))


@given(burst=st.integers(1, 200), per_seconds=PERIODS, start=STARTS, steps=STEPS, more=st.integers(0, 300))
def test_what_is_left_can_be_taken_and_no_more(
    burst: int, per_seconds: float, start: float, steps: list[float], more: int
) -> None:
    bucket = TokenBucket(burst, per_seconds, now=start)
    now = start
    for step in steps:
        now += step
        left = bucket.left(now)
        assert 0 <= left <= burst
        assert (bucket.take(now) == 0.0) == (left > 0)
    left = bucket.left(now)
    assert sum(bucket.take(now) == 0.0 for _ in range(left + more)) == left
    assert bucket.left(now) == 0


@given(burst=st.integers(1, 200), per_seconds=PERIODS, start=STARTS, taken=st.integers(0, 200))
def test_bucket_is_full_again_when_it_says_so(burst: int, per_seconds: float, start: float, taken: int) -> None:
    bucket = TokenBucket(burst, per_seconds, now=start)
    for _ in range(taken):
        bucket.take(start)
    wait = bucket.full_in(start)
    assert 0.0 <= wait <= per_seconds * (1 + 1e-9)
    assert (wait == 0.0) == (taken == 0)
    assert bucket.left(later(start, wait)) == burst


@given(burst=BURSTS, per_seconds=PERIODS, start=STARTS, rounds=st.integers(1, 100))
def test_steady_caller_at_the_rate_is_never_refused_for_long(
    burst: int, per_seconds: float, start: float, rounds: int
) -> None:
    """One call per share of the period: over any number of rounds each is served, the first burst aside or not."""
    bucket = TokenBucket(burst, per_seconds, now=start)
    for _ in range(burst):
        bucket.take(start)
    share = per_seconds / burst
    now, served = start, 0
    for _ in range(rounds):
        now = later(now, share)
        served += bucket.take(now) == 0.0
    assert served >= rounds - 1


@given(burst=BURSTS, per_seconds=PERIODS, start=STARTS, back=st.floats(0, 1e9), steps=STEPS)
def test_clock_that_goes_back_gives_and_takes_nothing(
    burst: int, per_seconds: float, start: float, back: float, steps: list[float]
) -> None:
    """Time counts once: what flowed in before the step back does not flow in again."""
    honest, jumped = (TokenBucket(burst, per_seconds, now=start) for _ in range(2))
    now = start
    for step in steps:
        now += step
        assert honest.take(now) == jumped.take(now)
        jumped.is_full(now - back)
        jumped.is_full(-back)
    assert honest.take(now) == jumped.take(now)


@given(burst=BURSTS, per_seconds=PERIODS, start=STARTS, returned=st.integers(1, 50))
def test_tokens_given_back_never_overfill(burst: int, per_seconds: float, start: float, returned: int) -> None:
    bucket = TokenBucket(burst, per_seconds, now=start)
    for _ in range(returned):
        bucket.give_back()
    assert sum(bucket.take(start) == 0.0 for _ in range(burst + returned)) == burst


@given(burst=BURSTS, per_seconds=PERIODS, start=STARTS)
def test_token_given_back_can_be_taken_again(burst: int, per_seconds: float, start: float) -> None:
    bucket = TokenBucket(burst, per_seconds, now=start)
    while bucket.take(start) == 0.0:
        pass
    bucket.give_back()
    assert bucket.take(start) == 0.0
    assert bucket.take(start) > 0.0


@pytest.mark.parametrize(("burst", "per_seconds"), [(0, 1.0), (-1, 1.0), (1, 0.0), (1, -1.0)])
def test_bucket_without_room_or_period_is_refused(burst: int, per_seconds: float) -> None:
    with pytest.raises(ValueError, match="burst >= 1 and per_seconds > 0"):
        TokenBucket(burst, per_seconds, now=0.0)


@pytest.mark.parametrize("per_seconds", [math.nan, math.inf, 5e-324])
def test_bucket_with_a_period_that_is_no_duration_is_refused(per_seconds: float) -> None:
    """It would give everybody everything, or nobody anything ever."""
    with pytest.raises(ValueError, match="per_seconds"):
        TokenBucket(1, per_seconds, now=0.0)
