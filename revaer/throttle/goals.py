"""When a torrent has seeded enough. Pure.

The goal of a torrent is put together from its own, then its labels', then the global one: for ratio and time apart,
the first that says something counts. A torrent that seeds stops as soon as *one* of the two is reached.

The decision is monotone: more given or more time never takes a reached goal back, and neither does a lower goal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from revaer.throttle.errors import InvalidGoal
from revaer.throttle.facts import UNKNOWN, SeedingFacts, reached, shown
from revaer.types import TorrentState


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal as somebody wrote it. `None` says nothing; 0 is reached at once; infinity never.

    Attributes:
        ratio: bytes uploaded per byte downloaded.
        seconds: time spent seeding.
    """

    ratio: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for value in (self.ratio, self.seconds):
            if value is not None and (math.isnan(value) or value < 0):
                raise InvalidGoal(f"a seeding goal is a number from 0, not {value}")


@dataclass(frozen=True, slots=True)
class Target:
    """A decided part of a goal and the rule behind it: `request`, `category "films"`, `tag "hd"` or `global`."""

    value: float
    rule: str


@dataclass(frozen=True, slots=True)
class Targets:
    """The decided goal of one torrent; a part that nobody set is None."""

    ratio: Target | None = None
    seconds: Target | None = None


@dataclass(frozen=True, slots=True)
class GoalDecision:
    """Whether a torrent shall stop seeding.

    Attributes:
        stop: whether it shall.
        rule: what decided: `ratio`, `time`, `not_seeding`, `incomplete`, `no_goal` or `not_reached`.
        explain: the same with figures, for people.
    """

    stop: bool
    rule: str
    explain: str


def resolve(own: Goal, labels: Iterable[tuple[str, Goal]], fallback: Goal) -> Targets:
    """Put a torrent's goal together.

    Args:
        own: what was asked for this torrent.
        labels: the goals of its labels with their names, the strongest first.
        fallback: the goal of the engine profile.
    """
    ratio = seconds = None
    for rule, goal in (("request", own), *labels, ("global", fallback)):
        if ratio is None and goal.ratio is not None:
            ratio = Target(goal.ratio, rule)
        if seconds is None and goal.seconds is not None:
            seconds = Target(goal.seconds, rule)
    return Targets(ratio, seconds)


def decide(facts: SeedingFacts, targets: Targets) -> GoalDecision:
    """Decide whether a torrent has seeded enough."""
    if targets.ratio is None and targets.seconds is None:
        return GoalDecision(stop=False, rule="no_goal", explain="no seeding goal is set")
    if facts.state is not TorrentState.SEEDING:
        return GoalDecision(stop=False, rule="not_seeding", explain=f"it is {facts.state.value}, not seeding")
    if facts.complete is not True:
        return GoalDecision(stop=False, rule="incomplete", explain="it is not known to be complete")
    if targets.ratio is not None and reached(facts.ratio, targets.ratio.value):
        return GoalDecision(stop=True, rule="ratio", explain=_ratio(facts, targets.ratio, "has reached"))
    if targets.seconds is not None and reached(facts.seconds, targets.seconds.value):
        return GoalDecision(stop=True, rule="time", explain=_time(facts, targets.seconds, "has reached"))
    parts = []
    if targets.ratio is not None:
        parts.append(_ratio(facts, targets.ratio, "has not reached"))
    if targets.seconds is not None:
        parts.append(_time(facts, targets.seconds, "has not reached"))
    return GoalDecision(stop=False, rule="not_reached", explain="; ".join(parts))


def seconds_left(facts: SeedingFacts, targets: Targets) -> float | None:
    """Return after how many more seconds of seeding the time goal is reached; None when it never is by itself."""
    if targets.seconds is None or facts.seconds is UNKNOWN or facts.state is not TorrentState.SEEDING:
        return None
    left = max(0.0, targets.seconds.value - facts.seconds)
    return left if math.isfinite(left) else None


def _ratio(facts: SeedingFacts, target: Target, verb: str) -> str:
    return f"ratio {shown(facts.ratio)} {verb} {target.value:g} ({target.rule})"


def _time(facts: SeedingFacts, target: Target, verb: str) -> str:
    return f"seeding time {shown(facts.seconds)} s {verb} {target.value:g} s ({target.rule})"
