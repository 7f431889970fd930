"""The desk of the libtorrent adapter: where calls wait for the engine's answers, and events for the session."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from revaer.session.port import EngineEvent, StatusBatch, TorrentStatus
from revaer.session.tickets import Ticket


class Desk:
    """Tickets by kind and key, settled in the order they were made; and the queue of events."""

    def __init__(self) -> None:
        self._expected: dict[tuple[str, str], deque[Ticket[Any]]] = {}
        self._arrival: Ticket[None] | None = None
        self._events: deque[EngineEvent] = deque()
        self._statuses: list[TorrentStatus] | None = None

    def expect(self, kind: str, key: str) -> Ticket[Any]:
        """Make a ticket that the next answer of this kind and key settles."""
        ticket: Ticket[Any] = Ticket()
        self._expected.setdefault((kind, key), deque()).append(ticket)
        return ticket

    def keys(self, kind: str) -> list[str]:
        """The keys for which answers of this kind are awaited."""
        return [key for known, key in self._expected if known == kind]

    def settle(self, kind: str, key: str, value: object = None, *, error: Exception | None = None) -> bool:
        """Settle the oldest ticket; False when nobody waits."""
        queue = self._expected.get((kind, key))
        if not queue:
            return False
        ticket = queue.popleft()
        if not queue:
            del self._expected[kind, key]
        if error is None:
            ticket.resolve(value)
        else:
            ticket.fail(error)
        return True

    def settle_all(self, kind: str, key: str, value: object = None, *, error: Exception | None = None) -> None:
        """Settle every ticket of this kind and key."""
        while self.settle(kind, key, value, error=error):
            pass

    def awaits(self, kind: str, key: str) -> bool:
        """Whether someone waits for this."""
        return (kind, key) in self._expected

    def fail_torrent(self, key: str, error: Callable[[], Exception], *, keep: Sequence[str] = ()) -> None:
        """Fail everything that waits for one torrent, but for the kinds to keep."""
        for kind, known in [pair for pair in self._expected if pair[1] == key and pair[0] not in keep]:
            self.settle_all(kind, known, error=error())

    def close(self, error: Callable[[], Exception]) -> None:
        """Fail everyone who waits, for good."""
        for kind, key in list(self._expected):
            self.settle_all(kind, key, error=error())
        if self._arrival is not None:
            self._arrival.fail(error())

    def arrival(self) -> Ticket[None]:
        """A ticket that settles when there are events."""
        self._arrival = Ticket()
        if self._events:
            self._arrival.resolve(None)
        return self._arrival

    def take(self) -> list[EngineEvent]:
        """All events, in order."""
        events = list(self._events)
        self._events.clear()
        return events

    def emit(self, event: EngineEvent) -> None:
        """Put an event at the end of the queue."""
        self.close_batch()
        self._put(event)

    def gather(self, statuses: list[TorrentStatus]) -> None:
        """Add statuses to the batch that is being put together."""
        if self._statuses is None:
            self._statuses = statuses
        else:
            self._statuses += statuses

    def close_batch(self) -> None:
        """Hand over the batch that was put together, also an empty one."""
        if self._statuses is not None:
            statuses, self._statuses = self._statuses, None
            self._put(StatusBatch(tuple(statuses)))

    def _put(self, event: EngineEvent) -> None:
        self._events.append(event)
        if self._arrival is not None:
            self._arrival.resolve(None)
