"""What the governor wants of the configuration, in its own words; wiring translates the documents."""

from __future__ import annotations

from dataclasses import dataclass, field

from revaer.throttle.goals import Goal
from revaer.throttle.labels import Labels
from revaer.throttle.resolution import Caps
from revaer.throttle.schedule import Window


@dataclass(frozen=True, slots=True)
class AltSpeed:
    """The alternative caps and when they hold."""

    caps: Caps = field(default_factory=Caps)
    schedule: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class ThrottleSettings:
    """Everything that limits, goals and guard rails depend on, at one revision.

    Attributes:
        revision: the revision of the configuration.
        caps: the global caps of the engine profile.
        alt_speed: the alternative caps with their schedule.
        goal: the seeding goal of the engine profile.
        labels: the policies of categories and tags.
        unlimited_keys: ids of the valid API keys without a rate limit.
        endless_keys: ids of the valid API keys that never expire.
        exposed_setup: the address off loopback that the configuration names while the node is in setup mode.
    """

    revision: int
    caps: Caps = field(default_factory=Caps)
    alt_speed: AltSpeed = field(default_factory=AltSpeed)
    goal: Goal = field(default_factory=Goal)
    labels: Labels = field(default_factory=Labels)
    unlimited_keys: tuple[str, ...] = ()
    endless_keys: tuple[str, ...] = ()
    exposed_setup: str | None = None
