"""Order and bounds of work: one operation at a time per torrent, a bounded number of background jobs."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

import trio

from revaer.trail import Cause, caused_by, current_cause
from revaer.types import TorrentId

Job: TypeAlias = Callable[[], Awaitable[None]]
"""Work that looks after its own errors."""


class Turns:
    """One operation at a time per torrent, in the order of asking. A lock exists only while somebody needs it."""

    def __init__(self) -> None:
        self._locks: dict[TorrentId, tuple[trio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, torrent_id: TorrentId) -> AsyncIterator[None]:
        """Wait for this torrent's turn and keep it while the block runs."""
        lock, users = self._locks.get(torrent_id) or (trio.Lock(), 0)
        self._locks[torrent_id] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            self._leave(torrent_id)

    @contextmanager
    def hold_free(self, torrent_ids: Iterable[TorrentId]) -> Iterator[tuple[TorrentId, ...]]:
        """Take, without waiting, the turns that nobody has or waits for, and keep them while the block runs.

        Who holds many turns must not wait for one more: another one of the kind may wait for theirs.
        """
        free = tuple(key for key in dict.fromkeys(torrent_ids) if key not in self._locks)
        for torrent_id in free:
            lock = trio.Lock()
            lock.acquire_nowait()
            self._locks[torrent_id] = (lock, 1)
        try:
            yield free
        finally:
            for torrent_id in free:
                self._locks[torrent_id][0].release()
                self._leave(torrent_id)

    def _leave(self, torrent_id: TorrentId) -> None:
        lock, users = self._locks.pop(torrent_id)
        if users > 1:
            self._locks[torrent_id] = (lock, users - 1)

    def __len__(self) -> int:
        return len(self._locks)


class Jobs:
    """Background jobs of the session: queued, and run by a bounded number of tasks that exist only while needed.

    A job is done for what its submitter works for.

    Args:
        spawn: starts a background task.
        limit: how many jobs run at the same time.
    """

    def __init__(self, spawn: Callable[[Callable[[], Awaitable[None]]], None], *, limit: int = 64) -> None:
        self._spawn = spawn
        self._limit = limit
        self._queue: deque[tuple[Job, Cause]] = deque()
        self._workers = 0
        self._scopes: set[trio.CancelScope] = set()
        self._is_closed = False

    def submit(self, job: Job) -> None:
        """Run `job` soon; never, after `close`."""
        if self._is_closed:
            return
        self._queue.append((job, current_cause()))
        if self._workers < self._limit:
            self._workers += 1
            self._spawn(self._work)

    def close(self) -> None:
        """Begin no job any more, and cancel those that run: who stops must not be worked against."""
        self._queue.clear()
        for scope in self._scopes:
            scope.cancel()
        self._is_closed = True

    def __len__(self) -> int:
        return len(self._queue) + self._workers

    async def _work(self) -> None:
        scope = trio.CancelScope()
        self._scopes.add(scope)
        try:
            with scope:
                while self._queue:
                    job, cause = self._queue.popleft()
                    with caused_by(cause):
                        await job()
        finally:
            self._scopes.remove(scope)
            self._workers -= 1
