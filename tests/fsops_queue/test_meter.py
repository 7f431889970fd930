"""Progress and the time that is left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from revaer.fsops.messages import StepName, StepProgress
from revaer.fsops.meter import Meter

COPY, HASH = StepName.TRANSFER, StepName.CHECKSUM


def told(figures: list[tuple[StepName, int, int]]) -> StepProgress | None:
    """Return what is told last when a job says this, second by second."""
    meter = Meter()
    for second, each in enumerate(figures):
        meter.take(*each)
        meter.read(float(second))
    return meter.progress


def test_nothing_is_told_before_the_first_figures() -> None:
    assert Meter().read(0.0) is None


def test_figures_are_told_once() -> None:
    meter = Meter()
    meter.take(COPY, 10, 100)
    assert meter.read(1.0) == StepProgress(COPY, 10, 100, None)
    assert meter.read(2.0) is None
    assert meter.progress == StepProgress(COPY, 10, 100, None)


def test_steady_rate_gives_the_time_that_is_left() -> None:
    assert told([(COPY, second * 10, 100) for second in range(5)]) == StepProgress(COPY, 40, 100, 6)


def test_new_step_begins_without_a_rate() -> None:
    assert told([(COPY, 0, 100), (COPY, 10, 100), (HASH, 20, 100)]) == StepProgress(HASH, 20, 100, None)


def test_unknown_total_has_no_time_left() -> None:
    assert told([(COPY, second * 10, 0) for second in range(3)]) == StepProgress(COPY, 20, 0, None)


@given(
    st.lists(
        st.tuples(st.sampled_from([COPY, HASH]), st.integers(0, 10**18), st.integers(0, 10**18), st.floats(0.0, 1e6)),
        max_size=30,
    )
)
def test_time_left_is_never_negative_whatever_a_step_says(figures: list[tuple[StepName, int, int, float]]) -> None:
    meter, now = Meter(), 0.0
    for step, done, total, seconds in figures:
        now += seconds
        meter.take(step, done, total)
        progress = meter.read(now)
        assert progress is None or progress.eta_seconds is None or progress.eta_seconds >= 0
