"""When a torrent may be removed, and its payload with it. Pure, and it acts on positive evidence only.

A label's clean-up removes a torrent that is complete once *one* of its thresholds is known to be reached. Payload goes
with it only when all of this is known as well: every file of it can be looked at, how many hard links each has, and
that no other torrent has one of them. As long as one of these is not known, nothing is removed at all: the torrent is
held, because without it nobody would look again.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from revaer.throttle.errors import InvalidGoal
from revaer.throttle.facts import UNKNOWN, PayloadFacts, SeedingFacts, reached, shown
from revaer.types import TorrentState

NOTHING_KNOWN: Final = PayloadFacts(detail="nobody has looked at it yet")
"""The payload of a torrent that was not looked at."""

_DONE: Final = frozenset({TorrentState.SEEDING, TorrentState.COMPLETED})


@dataclass(frozen=True, slots=True)
class Cleanup:
    """A label's rule for what becomes of torrents that did their part. Without a threshold it removes nothing.

    Attributes:
        ratio: bytes uploaded per byte downloaded; None does not count.
        seconds: time spent seeding; None does not count.
        remove_data: whether the payload goes too.
    """

    ratio: float | None = None
    seconds: float | None = None
    remove_data: bool = False

    def __post_init__(self) -> None:
        for value in (self.ratio, self.seconds):
            if value is not None and (math.isnan(value) or value < 0):
                raise InvalidGoal(f"a threshold is a number from 0, not {value}")


@dataclass(frozen=True, slots=True)
class Policy:
    """A clean-up with the label that it comes from, for example `category "films"`."""

    label: str
    cleanup: Cleanup


class Verdict(enum.StrEnum):
    """What becomes of a torrent."""

    KEEP = "keep"
    HOLD = "hold"
    REMOVE = "remove"
    REMOVE_DATA = "remove_data"


@dataclass(frozen=True, slots=True)
class CleanupDecision:
    """What becomes of a torrent and why.

    Attributes:
        verdict: `keep`: its time has not come; `hold`: it has, but evidence is missing; else what is removed.
        rule: what decided: for `keep` `no_policy`, `no_threshold`, `not_finished`, `incomplete` or `not_reached`; for
            `hold` `unreadable`, `links_unknown`, `use_unknown` or `in_use`; else the threshold, `ratio` or `time`.
        explain: the same with figures, for people.
    """

    verdict: Verdict
    rule: str
    explain: str


def resolve(labels: Iterable[tuple[str, Cleanup | None]]) -> Policy | None:
    """Return the clean-up of the strongest label that has one, whole: parts of several are never mixed.

    Args:
        labels: the clean-ups of a torrent's labels with their names, the strongest first.
    """
    return next((Policy(label, cleanup) for label, cleanup in labels if cleanup is not None), None)


def decide(facts: SeedingFacts, policy: Policy | None, payload: PayloadFacts = NOTHING_KNOWN) -> CleanupDecision:
    """Decide what becomes of a torrent.

    Args:
        facts: how far it has come.
        policy: the clean-up that applies to it, if any.
        payload: what is known of its files; matters only when they would go too.
    """
    if policy is None:
        return _keep("no_policy", "no label of it has a clean-up")
    cleanup, label = policy.cleanup, policy.label
    if cleanup.ratio is None and cleanup.seconds is None:
        return _keep("no_threshold", f"the clean-up of {label} has no threshold")
    if facts.state not in _DONE:
        return _keep("not_finished", f"it is {facts.state.value}")
    if facts.complete is not True:
        return _keep("incomplete", "it is not known to be complete")
    rule, explain = _threshold(facts, cleanup, label)
    if rule is None:
        return _keep("not_reached", explain)
    if not cleanup.remove_data:
        return CleanupDecision(Verdict.REMOVE, rule, explain)
    obstacle = _obstacle(payload)
    if obstacle is not None:
        return CleanupDecision(Verdict.HOLD, obstacle[0], f"{explain}, but {obstacle[1]}")
    return CleanupDecision(Verdict.REMOVE_DATA, rule, f"{explain}; {_fate(payload)}")


def seconds_left(facts: SeedingFacts, policy: Policy | None) -> float | None:
    """Return after how many more seconds of seeding the time threshold is reached; None when it never is by itself."""
    if policy is None or policy.cleanup.seconds is None:
        return None
    if facts.seconds is UNKNOWN or facts.state is not TorrentState.SEEDING:
        return None
    left = max(0.0, policy.cleanup.seconds - facts.seconds)
    return left if math.isfinite(left) else None


def _keep(rule: str, explain: str) -> CleanupDecision:
    return CleanupDecision(Verdict.KEEP, rule, explain)


def _threshold(facts: SeedingFacts, cleanup: Cleanup, label: str) -> tuple[str | None, str]:
    """Name the threshold that is reached, with an explanation; None when there is none."""
    if cleanup.ratio is not None and reached(facts.ratio, cleanup.ratio):
        return "ratio", f"ratio {shown(facts.ratio)} has reached {cleanup.ratio:g} (clean-up of {label})"
    if cleanup.seconds is not None and reached(facts.seconds, cleanup.seconds):
        return "time", f"seeding time {shown(facts.seconds)} s has reached {cleanup.seconds:g} s (clean-up of {label})"
    parts = []
    if cleanup.ratio is not None:
        parts.append(f"ratio {shown(facts.ratio)} of {cleanup.ratio:g}")
    if cleanup.seconds is not None:
        parts.append(f"seeding time {shown(facts.seconds)} s of {cleanup.seconds:g} s")
    return None, f"{' and '.join(parts)} (clean-up of {label})"


def _obstacle(payload: PayloadFacts) -> tuple[str, str] | None:
    """Name what forbids to delete a payload; None when every fact is known and speaks for it."""
    detail = f": {payload.detail}" if payload.detail else ""
    if payload.readable is not True:
        return "unreadable", f"its files cannot be looked at{detail}"
    if payload.links is UNKNOWN or payload.links < 1:
        return "links_unknown", f"how many hard links its files have is not known{detail}"
    if payload.used_by is UNKNOWN:
        return "use_unknown", f"whether another torrent has these files is not known{detail}"
    if payload.used_by:
        return "in_use", f"its files also belong to {', '.join(payload.used_by[:3])}"
    return None


def _fate(payload: PayloadFacts) -> str:
    if payload.links == 1:
        return "its files have no other hard link and are deleted for good"
    return f"its files have at least {payload.links} hard links, of which this one is deleted"
