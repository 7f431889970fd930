"""The policies of categories and tags, and which of them speak for a torrent, in order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from revaer.throttle.cleanup import Cleanup
from revaer.throttle.goals import Goal
from revaer.throttle.resolution import Caps


@dataclass(frozen=True, slots=True)
class LabelPolicy:
    """What a label says of limits and goals."""

    caps: Caps = field(default_factory=Caps)
    goal: Goal = field(default_factory=Goal)
    cleanup: Cleanup | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """The policies of all labels by name."""

    categories: Mapping[str, LabelPolicy] = field(default_factory=dict)
    tags: Mapping[str, LabelPolicy] = field(default_factory=dict)

    def of(self, category: str | None, tags: Iterable[str]) -> tuple[tuple[str, LabelPolicy], ...]:
        """Return the policies that speak for a torrent with their names, the strongest first.

        The category comes before the tags, and the tags come in the order of their characters; labels without a policy
        are left out.

        Args:
            category: the torrent's category.
            tags: its tags, in any order.
        """
        found = []
        if category is not None and category in self.categories:
            found.append((f'category "{category}"', self.categories[category]))
        found.extend((f'tag "{tag}"', self.tags[tag]) for tag in sorted(set(tags)) if tag in self.tags)
        return tuple(found)
