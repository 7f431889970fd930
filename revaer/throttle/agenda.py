"""Which torrent is to be looked at when: one appointment per torrent."""

from __future__ import annotations

import heapq
import math

from revaer.types import TorrentId


class Agenda:
    """Appointments by time. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._at: dict[TorrentId, float] = {}
        self._queue: list[tuple[float, TorrentId]] = []

    def __len__(self) -> int:
        return len(self._at)

    def put(self, torrent_id: TorrentId, at: float) -> None:
        """Make an appointment; it replaces the one before."""
        if self._at.get(torrent_id) == at:
            return
        self._at[torrent_id] = at
        heapq.heappush(self._queue, (at, torrent_id))
        # Replaced appointments stay in the queue until their time; so that they never outnumber the others for long:
        if len(self._queue) > 2 * len(self._at) + 64:
            self._queue = [(due, key) for key, due in self._at.items()]
            heapq.heapify(self._queue)

    def drop(self, torrent_id: TorrentId) -> None:
        """Call an appointment off; unknown ones are fine."""
        self._at.pop(torrent_id, None)

    def clear(self) -> None:
        """Call everything off."""
        self._at.clear()
        self._queue.clear()

    def take(self, now: float) -> list[TorrentId]:
        """Take out what is due."""
        due = []
        while self._queue and self._queue[0][0] <= now:
            at, torrent_id = heapq.heappop(self._queue)
            if self._at.get(torrent_id) == at:
                del self._at[torrent_id]
                due.append(torrent_id)
        return due

    def next(self) -> float:
        """Return when something is due next; infinity when nothing is."""
        while self._queue and self._at.get(self._queue[0][1]) != self._queue[0][0]:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else math.inf
