"""The restart policy, by example and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import RestartPolicy, RestartWindow

POLICY = RestartPolicy(max_restarts=3, window=60.0, backoff_initial=0.2, backoff_max=0.5, jitter=0.0)


def test_waits_double_up_to_the_longest() -> None:
    window = RestartWindow(POLICY)
    assert [window.record(now) for now in (0.0, 1.0, 2.0)] == [0.2, 0.4, 0.5]


def test_one_crash_more_than_allowed_reaches_the_limit() -> None:
    window = RestartWindow(POLICY)
    assert [window.record(now) for now in (0.0, 1.0, 2.0, 3.0)][-1] is None


def test_crash_outside_the_window_no_longer_counts() -> None:
    window = RestartWindow(POLICY)
    for now in (0.0, 1.0, 2.0):
        window.record(now)
    assert window.record(60.0) == 0.5
    assert window.record(60.5) is None


def test_a_quiet_window_starts_the_backoff_anew() -> None:
    window = RestartWindow(POLICY)
    window.record(0.0)
    window.record(1.0)
    assert window.record(61.0) == 0.2


def test_no_restart_at_all_when_the_policy_allows_none() -> None:
    assert RestartWindow(RestartPolicy(max_restarts=0)).record(0.0) is None


def test_jitter_spreads_the_wait_in_both_directions() -> None:
    policy = RestartPolicy(backoff_initial=1.0, jitter=0.2)
    assert RestartWindow(policy, random=lambda: 0.0).record(0.0) == 0.8
    assert RestartWindow(policy, random=lambda: 0.5).record(0.0) == 1.0
    assert RestartWindow(policy, random=lambda: 1.0).record(0.0) == pytest.approx(1.2)


@given(
    gaps=st.lists(st.floats(0.0, 30.0), max_size=30),
    dice=st.floats(0.0, 1.0, exclude_max=True),
    jitter=st.floats(0.0, 1.0),
)
def test_never_more_restarts_in_a_window_than_allowed(gaps: list[float], dice: float, jitter: float) -> None:
    policy = RestartPolicy(max_restarts=3, window=60.0, jitter=jitter)
    window = RestartWindow(policy, random=lambda: dice)
    now = 0.0
    allowed: list[float] = []
    for gap in gaps:
        now += gap
        delay = window.record(now)
        if delay is None:
            assert sum(now - at < policy.window for at in allowed) >= policy.max_restarts
            return
        assert 0.0 <= delay <= policy.backoff_max
        allowed.append(now)
        assert sum(now - at < policy.window for at in allowed) <= policy.max_restarts
