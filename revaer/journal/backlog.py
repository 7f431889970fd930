"""What was published and is not durable yet: bounded, and pure.

    add ──▶ waiting ──take──▶ in hand ──settle──▶ durable
              └─ beyond the bounds: the oldest is lost, and its place becomes a gap that is written with the next batch

What is in hand is never lost: it is written again and again until it is durable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice

from revaer.journal.entries import Entry
from revaer.journal.gaps import Gaps
from revaer.journal.messages import Gap
from revaer.journal.policy import Batching, Bounds
from revaer.types import EventId

OVERFLOW = "more events came than could be held while the database was away"


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written in one transaction: events, and what is missing before or between them."""

    entries: tuple[Entry, ...]
    gaps: tuple[Gap, ...]


class Backlog:
    """Holds entries from their publication until they are durable.

    Args:
        bounds: what may be held.

    Attributes:
        lost: how many events could not be kept, at most.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.lost = 0
        self._bounds = bounds
        self._waiting: deque[tuple[Entry, float]] = deque()
        self._in_hand: tuple[Entry, ...] = ()
        self._gaps = Gaps()
        self._gaps_in_hand: tuple[Gap, ...] = ()
        self._bytes = 0
        self._bytes_in_hand = 0
        self._losing_from: EventId | None = None

    def __len__(self) -> int:
        return len(self._waiting) + len(self._in_hand)

    @property
    def bytes(self) -> int:
        """Bytes of memory that are held, about."""
        return self._bytes + self._bytes_in_hand

    @property
    def oldest_at(self) -> float | None:
        """When the oldest that waits came, as given to `add`; None when none waits."""
        return self._waiting[0][1] if self._waiting else None

    @property
    def first(self) -> EventId | None:
        """The earliest position that is not durable yet, of an event or a gap; None when everything is."""
        entries = chain(self._in_hand, (entry for entry, _ in self._waiting))
        firsts = (*(entry.id for entry in islice(entries, 1)), *(gap.first for gap in self.gaps()))
        return min(firsts, default=None)

    @property
    def is_ample(self) -> bool:
        """Whether there is room for much more."""
        return 2 * len(self) < self._bounds.events and 2 * self.bytes < self._bounds.bytes

    def gaps(self) -> tuple[Gap, ...]:
        """Return the gaps that are not durable yet."""
        return (*self._gaps_in_hand, *self._gaps)

    def add(self, entry: Entry, now: float) -> None:
        """Take an entry in, the next in order; the oldest that waits is lost when there is no room."""
        self._waiting.append((entry, now))
        self._bytes += entry.size
        while self._waiting and self._is_over():
            self._lose_oldest()

    def miss(self, gap: Gap, count: int) -> None:
        """Note a stretch of which `count` events at most never came here."""
        self.lost += count
        self._gaps.add(gap)

    def pause(self, batching: Batching, now: float) -> float:
        """Return the seconds until a batch is to be taken; see `Batching.pause`."""
        waited = 0.0 if not self._waiting else now - self._waiting[0][1]
        if not self._waiting and len(self._gaps):
            return 0.0
        return batching.pause(events=len(self._waiting), bytes=self._bytes, waited=waited)

    def take(self, batching: Batching) -> Batch:
        """Take the next batch in hand; `settle` must follow before the next one."""
        assert not self._in_hand, "the batch before is still in hand"
        entries: list[Entry] = []
        size = 0
        while self._waiting and len(entries) < batching.events and size < batching.bytes:
            entry, _ = self._waiting.popleft()
            size += entry.size
            entries.append(entry)
        self._bytes -= size
        self._bytes_in_hand = size
        self._in_hand, self._gaps_in_hand, self._gaps = tuple(entries), tuple(self._gaps), Gaps()
        self._losing_from = None
        return Batch(self._in_hand, self._gaps_in_hand)

    def settle(self) -> None:
        """Let go of the batch in hand: it is durable, or recorded as missing."""
        self._in_hand, self._gaps_in_hand, self._bytes_in_hand = (), (), 0

    def drop_all(self) -> None:
        """Let go of everything: it will never be written."""
        self.lost += len(self)
        self._waiting.clear()
        self._bytes = 0
        self._gaps = Gaps()
        self.settle()

    def after(self, position: EventId, limit: int) -> Sequence[Entry]:
        """Return the first entries behind a position that are not durable yet."""
        held = chain(self._in_hand, (entry for entry, _ in self._waiting))
        behind = (entry for entry in held if entry.id > position)
        return list(islice(behind, limit))

    def _is_over(self) -> bool:
        return len(self) > self._bounds.events or self.bytes > self._bounds.bytes

    def _lose_oldest(self) -> None:
        entry, _ = self._waiting.popleft()
        self._bytes -= entry.size
        self.lost += 1
        # Until the next batch is taken, nothing is kept between one loss and the next.
        self._losing_from = self._losing_from or entry.id
        self._gaps.add(Gap(self._losing_from, entry.id, OVERFLOW))
