"""How long a client waits before it tries again."""

from hypothesis import given
from hypothesis import strategies as st

from revaer.client import Backoff


def steady(**options: float) -> Backoff:
    return Backoff(random=lambda: 0.0, **options)


def test_waits_double_up_to_the_longest() -> None:
    backoff = steady(initial=1.0, longest=5.0)

    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_reset_starts_over() -> None:
    backoff = steady(initial=1.0, longest=5.0)
    backoff.next()
    backoff.next()

    backoff.reset()

    assert backoff.next() == 1.0


def test_the_daemons_wish_outranks_the_longest_wait() -> None:
    assert steady(initial=1.0, longest=5.0).next(at_least=60.0) == 60.0


def test_a_hint_changes_the_first_wait_within_bounds() -> None:
    backoff = steady(initial=1.0, longest=5.0)
    waits = []
    for hint in (2.0, 0.0, 1000.0):
        backoff.reset()
        backoff.hint(hint)
        waits.append(backoff.next())

    assert waits == [2.0, 0.1, 5.0]


@given(failures=st.integers(0, 2000), luck=st.floats(0.0, 1.0, exclude_max=True))
def test_a_wait_never_exceeds_the_longest_and_never_vanishes(failures: int, luck: float) -> None:
    backoff = Backoff(initial=0.5, longest=8.0, jitter=0.5, random=lambda: luck)
    for _ in range(failures):
        backoff.next()

    assert 0.25 <= backoff.next() <= 8.0
