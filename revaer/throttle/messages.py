"""What others may say to the throttle governor, and the words of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from actors import Refused, Request
from revaer.throttle.guardrails import Violation
from revaer.throttle.resolution import UNSET, Limit, Limits, Rates
from revaer.throttle.schedule import Window

__all__ = [
    "ApplyNow",
    "EffectiveLimits",
    "EngineLimits",
    "Limit",
    "Limits",
    "LimitsUnavailable",
    "ReadGuardrails",
    "ReadLimits",
    "ThrottleMessage",
    "ThrottleRefusal",
    "Violation",
    "Window",
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


ThrottleMessage: TypeAlias = ReadLimits | ApplyNow | ReadGuardrails
