"""The policies of one torrent, put together from what was asked for it, its labels and the profile. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from revaer.throttle import cleanup, goals
from revaer.throttle.cleanup import CleanupDecision, Policy
from revaer.throttle.facts import PayloadFacts, SeedingFacts
from revaer.throttle.goals import Goal, GoalDecision, Targets
from revaer.throttle.resolution import Caps, Limits, torrent_limits
from revaer.throttle.settings import ThrottleSettings
from revaer.types import Descriptor

T = TypeVar("T")

_REMEMBERED: Final = 1024


class Remembered(Generic[T]):
    """Remembers what was decided: thousands of torrents have the same few labels and wishes."""

    def __init__(self) -> None:
        self._settings: ThrottleSettings | None = None
        self._known: dict[Hashable, T] = {}

    def of(self, key: Hashable, settings: ThrottleSettings, decide: Callable[[], T]) -> T:
        """Return what was decided of `key` under these settings, else decide it."""
        if settings is not self._settings or len(self._known) >= _REMEMBERED:
            self._settings, self._known = settings, {}
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = decide()
        return known


def label_limits(descriptor: Descriptor, settings: ThrottleSettings) -> Limits:
    """Decide the caps that the labels of a torrent give it where nothing was asked for it."""
    return torrent_limits(Caps(), _caps_of(descriptor, settings))


def limits_of(descriptor: Descriptor, settings: ThrottleSettings) -> Limits:
    """Decide the caps of a torrent, which hold within the global ones."""
    requested = Caps(descriptor.max_download_bps, descriptor.max_upload_bps)
    return torrent_limits(requested, _caps_of(descriptor, settings))


@dataclass(frozen=True, slots=True)
class Aims:
    """How long a torrent seeds and what becomes of it then."""

    targets: Targets
    policy: Policy | None

    @property
    def is_idle(self) -> bool:
        """Whether nothing ever happens by these."""
        return self.policy is None and self.targets == Targets()

    def goal(self, facts: SeedingFacts) -> GoalDecision:
        """Decide whether it has seeded enough."""
        return goals.decide(facts, self.targets)

    def cleanup(self, facts: SeedingFacts, payload: PayloadFacts = cleanup.NOTHING_KNOWN) -> CleanupDecision:
        """Decide whether it goes."""
        return cleanup.decide(facts, self.policy, payload)

    def seconds_left(self, facts: SeedingFacts) -> float | None:
        """Return after how many more seconds of seeding the mere passing of time decides something; None for never.

        What time has decided already is left out.
        """
        waits = (goals.seconds_left(facts, self.targets), cleanup.seconds_left(facts, self.policy))
        return min((wait for wait in waits if wait is not None and wait > 0), default=None)


def aims_of(descriptor: Descriptor, goal: Goal, settings: ThrottleSettings) -> Aims:
    """Put a torrent's aims together.

    Args:
        descriptor: the torrent, for its labels.
        goal: the goal that was asked for it.
        settings: labels and profile.
    """
    labels = settings.labels.of(descriptor.category, descriptor.tags)
    return Aims(
        goals.resolve(goal, ((name, policy.goal) for name, policy in labels), settings.goal),
        cleanup.resolve((name, policy.cleanup) for name, policy in labels),
    )


def _caps_of(descriptor: Descriptor, settings: ThrottleSettings) -> Iterator[tuple[str, Caps]]:
    for name, policy in settings.labels.of(descriptor.category, descriptor.tags):
        yield name, policy.caps
