"""What is missing from the journal: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from revaer.journal.messages import Gap
from revaer.types import EventId


class Gaps:
    """The stretches from which events may be missing, in order; stretches that overlap or touch become one.

    Args:
        gaps: the stretches to begin with.
    """

    def __init__(self, gaps: Iterable[Gap] = ()) -> None:
        self._gaps: list[Gap] = []
        for gap in gaps:
            self.add(gap)

    def __iter__(self) -> Iterator[Gap]:
        return iter(self._gaps)

    def __len__(self) -> int:
        return len(self._gaps)

    def add(self, gap: Gap) -> None:
        """Note another stretch. What it overlaps or touches becomes part of it, under the reason of the earliest."""
        apart: list[Gap] = []
        for other in self._gaps:
            if other.last < _before(gap.first) or gap.last < _before(other.first):
                apart.append(other)
            else:
                first = min(gap, other, key=lambda one: one.first)
                gap = Gap(first.first, max(gap.last, other.last), first.reason)
        self._gaps = sorted([*apart, gap], key=lambda one: one.first)

    def after(self, position: EventId) -> Gap | None:
        """Return the first stretch that reaches beyond a position; None when nothing after it is missing."""
        return next((gap for gap in self._gaps if gap.last > position), None)

    def between(self, after: EventId, before: EventId) -> tuple[Gap, ...]:
        """Return the stretches that reach beyond `after` and begin ahead of `before`."""
        return tuple(gap for gap in self._gaps if gap.last > after and gap.first < before)

    def forget(self, floor: EventId) -> None:
        """Forget what lies at or below a position."""
        self._gaps = [gap for gap in self._gaps if gap.last > floor]


def _before(position: EventId) -> EventId:
    """The position just ahead of one."""
    return EventId(position.epoch, position.seq - 1)
