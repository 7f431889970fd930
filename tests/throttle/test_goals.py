"""When seeding ends."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.throttle.errors import InvalidGoal
from revaer.throttle.facts import UNKNOWN, Figure, SeedingFacts
from revaer.throttle.goals import Goal, Target, Targets, decide, resolve, seconds_left
from revaer.types import TorrentId, TorrentState

SEED = SeedingFacts(TorrentId("t"), TorrentState.SEEDING, complete=True, ratio=1.5, seconds=3600)
HALF = Targets(Target(3.0, "request"), Target(7200, "global"))

FIGURES = st.just(UNKNOWN) | st.floats(0, 1e9)
PARTS = st.none() | st.floats(0, 1e9) | st.just(math.inf)
GOALS = st.builds(Goal, PARTS, PARTS)
LABELS = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), GOALS), max_size=3)
FACTS = st.builds(
    SeedingFacts,
    st.just(TorrentId("t")),
    st.sampled_from(TorrentState),
    st.sampled_from([True, False, UNKNOWN]),
    FIGURES,
    FIGURES,
)


@pytest.mark.parametrize(
    ("facts", "stop", "rule"),
    [
        (SEED, False, "not_reached"),
        (replace(SEED, ratio=2.9999), False, "not_reached"),
        (replace(SEED, ratio=3.0), True, "ratio"),
        (replace(SEED, seconds=7199.9), False, "not_reached"),
        (replace(SEED, seconds=7200), True, "time"),
        (replace(SEED, ratio=3.0, seconds=7200), True, "ratio"),
        (replace(SEED, ratio=UNKNOWN), False, "not_reached"),
        (replace(SEED, ratio=UNKNOWN, seconds=UNKNOWN), False, "not_reached"),
        (replace(SEED, ratio=UNKNOWN, seconds=7200), True, "time"),
        (replace(SEED, ratio=9.0, complete=UNKNOWN), False, "incomplete"),
        (replace(SEED, ratio=9.0, complete=False), False, "incomplete"),
    ],
)
def test_seeding_ends_when_one_part_of_the_goal_is_known_to_be_reached(
    facts: SeedingFacts, stop: bool, rule: str
) -> None:
    decision = decide(facts, HALF)

    assert (decision.stop, decision.rule) == (stop, rule)


@pytest.mark.parametrize("state", [state for state in TorrentState if state is not TorrentState.SEEDING])
def test_only_a_seeding_torrent_is_stopped(state: TorrentState) -> None:
    decision = decide(replace(SEED, state=state, ratio=9.0), HALF)

    assert (decision.stop, decision.rule) == (False, "not_seeding")
    assert state.value in decision.explain


def test_decision_explains_itself_with_figures_and_origin() -> None:
    assert decide(replace(SEED, ratio=3.25), HALF).explain == "ratio 3.25 has reached 3 (request)"
    assert decide(replace(SEED, ratio=UNKNOWN), HALF).explain == (
        "ratio unknown has not reached 3 (request); seeding time 3600 s has not reached 7200 s (global)"
    )


def test_without_a_goal_seeding_goes_on() -> None:
    assert decide(replace(SEED, ratio=1e9, seconds=1e9), Targets()).rule == "no_goal"


def test_parts_of_a_goal_come_from_different_places() -> None:
    targets = resolve(Goal(ratio=2.0), [('category "films"', Goal(1.0, 600)), ('tag "hd"', Goal(4.0, 60))], Goal(9, 9))

    assert targets == Targets(Target(2.0, "request"), Target(600, 'category "films"'))


def test_global_goal_holds_where_nobody_else_says_anything() -> None:
    assert resolve(Goal(), [("a", Goal())], Goal(2.0, 60)) == Targets(Target(2.0, "global"), Target(60, "global"))
    assert resolve(Goal(), [], Goal()) == Targets()


def test_goal_of_zero_is_reached_at_once_and_an_infinite_one_never() -> None:
    fresh = replace(SEED, ratio=0.0, seconds=0.0)

    assert decide(fresh, resolve(Goal(ratio=0.0), [], Goal())).stop
    assert not decide(fresh, resolve(Goal(ratio=math.inf, seconds=math.inf), [], Goal(0.0, 0.0))).stop


@pytest.mark.parametrize("value", [-0.001, -math.inf, math.nan])
def test_goal_that_is_no_amount_is_refused(value: float) -> None:
    with pytest.raises(InvalidGoal):
        Goal(ratio=value)
    with pytest.raises(InvalidGoal):
        Goal(seconds=value)


@pytest.mark.parametrize(
    ("facts", "left"),
    [
        (SEED, 3600),
        (replace(SEED, seconds=9000), 0),
        (replace(SEED, seconds=UNKNOWN), None),
        (replace(SEED, state=TorrentState.COMPLETED), None),
    ],
)
def test_time_goal_says_how_long_it_still_takes(facts: SeedingFacts, left: float | None) -> None:
    assert seconds_left(facts, HALF) == left


def test_nothing_is_left_to_wait_for_without_a_time_goal() -> None:
    assert seconds_left(SEED, Targets(Target(3.0, "request"), None)) is None
    assert seconds_left(SEED, Targets(None, Target(math.inf, "request"))) is None


def at_least(low: Figure, more: float) -> Figure:
    return more if low is UNKNOWN else low + more


@given(facts=FACTS, goal=GOALS, labels=LABELS, fallback=GOALS, more=st.floats(0, 1e6), longer=st.floats(0, 1e6))
def test_more_given_or_more_time_never_takes_a_goal_back(
    facts: SeedingFacts, goal: Goal, labels: list[tuple[str, Goal]], fallback: Goal, more: float, longer: float
) -> None:
    """Nor does coming to know a figure."""
    targets = resolve(goal, labels, fallback)
    later = replace(facts, ratio=at_least(facts.ratio, more), seconds=at_least(facts.seconds, longer))

    assert decide(later, targets).stop or not decide(facts, targets).stop


@given(facts=FACTS, ratio=PARTS, seconds=PARTS, less=st.floats(0, 1e6))
def test_lower_goal_never_lets_seed_longer(
    facts: SeedingFacts, ratio: float | None, seconds: float | None, less: float
) -> None:
    def lowered(value: float | None) -> float | None:
        return None if value is None else max(0.0, value - less)

    high = resolve(Goal(ratio, seconds), [], Goal())
    low = resolve(Goal(lowered(ratio), lowered(seconds)), [], Goal())

    assert decide(facts, low).stop or not decide(facts, high).stop


@given(facts=FACTS, goal=GOALS, labels=LABELS, weaker=GOALS)
def test_weaker_goals_only_fill_gaps(
    facts: SeedingFacts, goal: Goal, labels: list[tuple[str, Goal]], weaker: Goal
) -> None:
    before, after = resolve(goal, labels, Goal()), resolve(goal, labels, weaker)

    assert before.ratio is None or after.ratio == before.ratio
    assert before.seconds is None or after.seconds == before.seconds
    assert decide(facts, after).stop or not decide(facts, before).stop


@given(facts=FACTS, seconds=st.floats(0, 1e6))
def test_time_goal_is_reached_after_what_was_left(facts: SeedingFacts, seconds: float) -> None:
    targets = Targets(None, Target(seconds, "global"))
    left = seconds_left(facts, targets)
    if left is None or facts.complete is not True:
        return
    assert facts.seconds is not UNKNOWN
    done = replace(facts, seconds=max(facts.seconds + left, math.nextafter(facts.seconds + left, math.inf)))

    assert decide(done, targets).stop
    assert left == 0 or not decide(facts, targets).stop
