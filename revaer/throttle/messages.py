"""What others may say to the throttle governor, and the words of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from actors import Refused, Request
from revaer.throttle.cleanup import Cleanup, CleanupDecision, Verdict
from revaer.throttle.errors import (
    InvalidCap,
    InvalidGoal,
    InvalidInstant,
    InvalidWindow,
    ThrottleError,
    UnknownTimeZone,
)
from revaer.throttle.facts import UNKNOWN, PayloadFacts, SeedingFacts, Unknown
from revaer.throttle.goals import Goal, GoalDecision
from revaer.throttle.guardrails import GUARDRAILS, Violation
from revaer.throttle.labels import LabelPolicy, Labels
from revaer.throttle.resolution import UNSET, Caps, Limit, Limits, Rates
from revaer.throttle.schedule import Window, active_window, next_change
from revaer.throttle.settings import AltSpeed, ThrottleSettings
from revaer.types import TorrentId

__all__ = [
    "GUARDRAILS",
    "UNKNOWN",
    "AltSpeed",
    "ApplyNow",
    "Caps",
    "Cleanup",
    "CleanupDecision",
    "EffectiveLimits",
    "EngineLimits",
    "ExplainTorrent",
    "Goal",
    "GoalDecision",
    "InvalidCap",
    "InvalidGoal",
    "InvalidInstant",
    "InvalidWindow",
    "LabelPolicy",
    "Labels",
    "Limit",
    "Limits",
    "LimitsUnavailable",
    "PayloadFacts",
    "Rates",
    "ReadGuardrails",
    "ReadLimits",
    "SeedingFacts",
    "ThrottleError",
    "ThrottleMessage",
    "ThrottleRefusal",
    "ThrottleSettings",
    "TorrentExplanation",
    "Unknown",
    "UnknownTimeZone",
    "UnlistedTorrent",
    "Verdict",
    "Violation",
    "Window",
    "active_window",
    "next_change",
]


class ThrottleRefusal(Refused):
    """The governor could not do what was asked."""


class LimitsUnavailable(ThrottleRefusal):
    """The limits do not hold in the engine yet: the message says why. The governor goes on trying; ask again after
    `retry_after` seconds."""

    def __init__(self, reason: str, *, retry_after: float = 2.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class UnlistedTorrent(ThrottleRefusal):
    """The governor knows no torrent of this id."""

    def __init__(self, torrent_id: TorrentId) -> None:
        super().__init__(f"no torrent {torrent_id}")
        self.torrent_id = torrent_id


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What the engine says of its global limits.

    Attributes:
        generation: generation of the session that owns the engine.
        rates: its caps on everything.
    """

    generation: int
    rates: Rates


NO_LIMITS: Final = Limits(Limit(None, UNSET), Limit(None, UNSET))
"""The limits while no configuration was read."""


@dataclass(frozen=True, slots=True)
class EffectiveLimits:
    """The global limits and whether the engine has them.

    Attributes:
        revision: the revision of the configuration that they come from; None before the first was read.
        limits: what shall hold now, with the rule behind each.
        window: the window of the alternative speed that holds now.
        changes_at: when the schedule changes that, Unix seconds; None when it never does.
        engine: what the engine said when it was last asked; None before.
        in_effect: whether that is what shall hold.
        problem: why not, when that is known.
        apply_seconds: how long the last change of the configuration took to hold; None before the first.
    """

    revision: int | None = None
    limits: Limits = NO_LIMITS
    window: Window | None = None
    changes_at: float | None = None
    engine: EngineLimits | None = None
    in_effect: bool = False
    problem: str | None = None
    apply_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class TorrentExplanation:
    """Why a torrent has its caps, and why it goes on seeding or not.

    Attributes:
        torrent_id: the torrent.
        limits: its own caps, within the global ones.
        facts: how far it has come, fresh from the session.
        goal: what its seeding goal says.
        cleanup: what its clean-up says.
        payload: what a look at its files found.
    """

    torrent_id: TorrentId
    limits: Limits
    facts: SeedingFacts
    goal: GoalDecision
    cleanup: CleanupDecision
    payload: PayloadFacts


@dataclass(frozen=True, slots=True)
class ReadLimits(Request[EffectiveLimits]):
    """Ask for the global limits as they are known now."""


@dataclass(frozen=True, slots=True)
class ApplyNow(Request[EffectiveLimits]):
    """Read the configuration, bring the limits into the engine and read them back. Answered when they hold.

    Raises (at the asker): LimitsUnavailable.
    """


@dataclass(frozen=True, slots=True)
class ReadGuardrails(Request[tuple[Violation, ...]]):
    """Ask which guard rails are tripped now."""


@dataclass(frozen=True, slots=True)
class ExplainTorrent(Request[TorrentExplanation]):
    """Ask which rules decide about a torrent, with fresh facts. Changes nothing.

    Raises (at the asker): UnlistedTorrent, LimitsUnavailable (no configuration or no session to ask).
    """

    torrent_id: TorrentId


ThrottleMessage: TypeAlias = ReadLimits | ApplyNow | ReadGuardrails | ExplainTorrent
