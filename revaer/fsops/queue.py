"""Which job runs next: by priority, then age, with a bound per volume. Pure, in memory, small.

A job uses two volumes: that of its source and that of the library, which may be the same. It runs only while fewer jobs
than allowed use either.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from revaer.tracing import SpanContext
from revaer.types import TorrentId

_SPARE: Final = 64


@dataclass(frozen=True, slots=True)
class Ticket:
    """A job's place in the queue.

    Attributes:
        torrent_id: Whose job it is; there is one ticket of it at most.
        priority: Higher ones go first.
        age: Lower ones go first among equal priorities; no two tickets have the same.
        source: Key of the volume that the source is on.
        due: Not before this moment, in seconds of the clock that `Queue.take` is given.
        span: Who queued it, as far as that was traced and in this run of the daemon.
    """

    torrent_id: TorrentId
    priority: int
    age: int
    source: str
    due: float = -math.inf
    span: SpanContext | None = field(default=None, compare=False)


_Ranked: TypeAlias = tuple[int, int, int, Ticket]
_Delayed: TypeAlias = tuple[float, int, Ticket]


class Queue:
    """The jobs that wait and those that run.

    Args:
        per_volume: How many jobs may use one volume at a time.
        at_once: How many may run in all.
    """

    def __init__(self, *, per_volume: int = 1, at_once: int = 8) -> None:
        self._per_volume = per_volume
        self._at_once = at_once
        self._waiting: dict[TorrentId, Ticket] = {}
        self._ready: dict[str, list[_Ranked]] = {}
        self._delayed: list[_Delayed] = []
        self._running: dict[TorrentId, frozenset[str]] = {}
        self._used: Counter[str] = Counter()
        self._kept = 0
        self._serial = itertools.count()  # two tickets of one job may be equal in all that counts

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, torrent_id: object) -> bool:
        return torrent_id in self._waiting

    def __iter__(self) -> Iterator[TorrentId]:
        return iter(self._waiting)

    @property
    def running(self) -> Mapping[TorrentId, frozenset[str]]:
        """The volumes that each running job uses."""
        return self._running

    def put(self, ticket: Ticket) -> None:
        """Queue a job, in place of the ticket that it had.

        Raises:
            ValueError: It runs; it must end first.
        """
        if ticket.torrent_id in self._running:
            raise ValueError(f"{ticket.torrent_id} is running")
        self._waiting[ticket.torrent_id] = ticket
        self._keep(ticket)
        if self._kept > 2 * len(self._waiting) + _SPARE:
            self._tidy(self._waiting.values())

    def replace_all(self, tickets: Iterable[Ticket]) -> None:
        """Queue just these jobs instead of all that waited. Tickets of jobs that run are left out."""
        self._waiting = {each.torrent_id: each for each in tickets if each.torrent_id not in self._running}
        self._tidy(self._waiting.values())

    def drop(self, torrent_id: TorrentId) -> bool:
        """Take a waiting job out; tell whether there was one."""
        return self._waiting.pop(torrent_id, None) is not None

    def take(self, now: float, library: str) -> Ticket | None:
        """Take the job whose turn it is, and count it as running; None when there is none that may run now.

        Args:
            now: The clock's seconds.
            library: Key of the volume that the library is on.
        """
        self._promote(now)
        if len(self._running) >= self._at_once or not self._has_room(library):
            return None
        tops = [top for source in [*self._ready] if (top := self._top(source)) and self._has_room(source)]
        if not tops:
            return None
        ticket = min(tops)[-1]
        del self._waiting[ticket.torrent_id]
        self._running[ticket.torrent_id] = volumes = frozenset((ticket.source, library))
        self._used.update(volumes)
        return ticket

    def end(self, torrent_id: TorrentId) -> None:
        """Note that a job no longer runs. Raises KeyError when it did not."""
        for volume in self._running.pop(torrent_id):
            self._used[volume] -= 1
            if not self._used[volume]:
                del self._used[volume]

    def next_due(self) -> float:
        """Return when the next job that must wait for its time is due; infinity when there is none."""
        while self._delayed and not self._holds(self._delayed[0][-1]):
            heapq.heappop(self._delayed)
            self._kept -= 1
        return self._delayed[0][0] if self._delayed else math.inf

    def _has_room(self, volume: str) -> bool:
        return self._used[volume] < self._per_volume

    def _holds(self, ticket: Ticket) -> bool:
        return self._waiting.get(ticket.torrent_id) is ticket

    def _keep(self, ticket: Ticket) -> None:
        self._kept += 1
        if ticket.due > -math.inf:
            heapq.heappush(self._delayed, (ticket.due, next(self._serial), ticket))
        else:
            self._rank(ticket)

    def _promote(self, now: float) -> None:
        while self._delayed and self._delayed[0][0] <= now:
            self._rank(heapq.heappop(self._delayed)[-1])

    def _rank(self, ticket: Ticket) -> None:
        heapq.heappush(self._ready.setdefault(ticket.source, []), self._ranked(ticket))

    def _ranked(self, ticket: Ticket) -> _Ranked:
        return (-ticket.priority, ticket.age, next(self._serial), ticket)

    def _top(self, source: str) -> _Ranked | None:
        """Return the first of a volume that is still valid; forget the volume when there is none."""
        ranked = self._ready[source]
        while ranked and not self._holds(ranked[0][-1]):
            heapq.heappop(ranked)
            self._kept -= 1
        if not ranked:
            del self._ready[source]
            return None
        return ranked[0]

    def _tidy(self, tickets: Iterable[Ticket]) -> None:
        """Build the heaps anew, without what was dropped or replaced."""
        self._ready, self._delayed, self._kept = {}, [], 0
        for ticket in tickets:
            self._kept += 1
            if ticket.due > -math.inf:
                self._delayed.append((ticket.due, next(self._serial), ticket))
            else:
                self._ready.setdefault(ticket.source, []).append(self._ranked(ticket))
        heapq.heapify(self._delayed)
        for ranked in self._ready.values():
            heapq.heapify(ranked)
