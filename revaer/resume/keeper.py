"""Keeps files up to date in the background: the newest content of each wins, and nothing that waits is lost.

What could not be written goes back to wait and is tried again, with growing pauses, until it is written or dropped.
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

from revaer.resume.problems import Problems
from revaer.types import TorrentId

T = TypeVar("T")

_PAUSE_FIRST = 0.5
_PAUSE_MAX = 30.0
_LATE = 10.0
"""Seconds after which a write is told to be late."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T]):
    item: T
    since: int
    """The number of the oldest `put` that is not on disk."""


class Keeper(Generic[T]):
    """Writes the newest item of each torrent.

    Args:
        what: What is kept, in the plural, for people.
        write: Writes some items and returns why some were not written. Called for parts of a batch at the same time.
        merge: Combines a waiting item with a newer one.
        problems: Where failures are reported.
        batch: How many items are written at a time.
        patience: How long, in seconds, a beginning waits for more to come: a quarter of it after the last item. Whoever
            waits for the writes ends that.
        ways: How many parts a batch is cut into: a disk makes many files durable at once for the price of few.
        on_outcome: Called with a torrent's id and whether its item was written.
    """

    def __init__(
        self,
        what: str,
        write: Callable[[Mapping[TorrentId, T]], Awaitable[Mapping[TorrentId, OSError]]],
        *,
        problems: Problems,
        batch: int,
        patience: float = 0.0,
        ways: int = 1,
        merge: Callable[[T, T], T] = lambda _, newer: newer,
        on_outcome: Callable[[TorrentId, bool], None] = lambda *_: None,
    ) -> None:
        self.written = 0
        self._what = what
        self._write = write
        self._problems = problems
        self._batch = batch
        self._patience = patience
        self._ways = ways
        self._merge = merge
        self._on_outcome = on_outcome
        self._puts = 0
        self._awaited = 0
        self._waiting: dict[TorrentId, _Waiting[T]] = {}
        self._flying: dict[TorrentId, _Waiting[T]] = {}
        self._dropped: set[TorrentId] = set()
        self._work = trio.Event()
        self._retry_now = trio.Event()
        self._progress = trio.lowlevel.ParkingLot()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._flying)

    def put(self, torrent_id: TorrentId, item: T) -> bool:
        """Have an item written; tell whether it took the place of one that waited."""
        self._puts += 1
        older = self._waiting.get(torrent_id)
        if older is None:
            self._waiting[torrent_id] = _Waiting(item, self._puts)
        else:
            self._waiting[torrent_id] = _Waiting(self._merge(older.item, item), older.since)
        self._work.set()
        return older is not None

    def newest(self, torrent_id: TorrentId) -> T | None:
        """Return the item of a torrent that is not on disk yet, or None."""
        entry = self._waiting.get(torrent_id) or self._flying.get(torrent_id)
        return None if entry is None else entry.item

    async def drop(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Forget what waits of these torrents; none of it is written after the return."""
        wanted = set(torrent_ids)
        for torrent_id in wanted:
            self._waiting.pop(torrent_id, None)
        while not wanted.isdisjoint(self._flying):
            self._dropped |= wanted & self._flying.keys()
            await self._progress.park()
        self._progress.unpark_all()

    async def settled(self) -> None:
        """Wait until everything put so far is on disk, or dropped. A pause, after a failure too, ends now."""
        last = self._puts
        self._retry_now.set()
        self._awaited += 1
        try:
            while any(entry.since <= last for held in (self._waiting, self._flying) for entry in held.values()):
                await self._progress.park()
        finally:
            self._awaited -= 1

    async def run(self) -> None:
        """Write until cancelled."""
        pause = _PAUSE_FIRST
        while True:
            if not self._work.is_set():
                await self._work.wait()
                await self._gather()
            # Who asks for haste during a write that fails ends the pause after it.
            self._retry_now = trio.Event()
            failures = await self._write_batch()
            if not failures:
                self._problems.clear(self._what)
                pause = _PAUSE_FIRST
            else:
                self._problems.add(self._what, self._explain(failures))
                with trio.move_on_after(pause):
                    await self._retry_now.wait()
                pause = min(2 * pause, _PAUSE_MAX)

    async def _gather(self) -> None:
        """Let a burst pass: what it is about needs the processors more."""
        if not self._patience or self._awaited:
            return
        self._retry_now = trio.Event()
        with trio.move_on_after(self._patience):
            puts = -1
            while puts != self._puts and not self._retry_now.is_set():
                puts = self._puts
                with trio.move_on_after(self._patience / 4):
                    await self._retry_now.wait()

    async def _write_batch(self) -> Mapping[TorrentId, OSError]:
        chosen = list(self._waiting)[: self._batch]
        self._flying = {torrent_id: self._waiting.pop(torrent_id) for torrent_id in chosen}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell_when_late)
            failures = await self._write_parts([(torrent_id, entry.item) for torrent_id, entry in self._flying.items()])
            nursery.cancel_scope.cancel()
        flown, self._flying = self._flying, {}
        for torrent_id, entry in flown.items():
            if torrent_id not in failures:
                self.written += 1
            elif torrent_id not in self._dropped:
                self._put_back(torrent_id, entry)
            self._on_outcome(torrent_id, torrent_id not in failures)
        self._dropped.clear()
        if not self._waiting:
            self._work = trio.Event()
        self._progress.unpark_all()
        return failures

    async def _tell_when_late(self) -> None:
        await trio.sleep(_LATE)
        self._problems.add(
            self._what, f"{self._what} are not written: the disk does not answer; they wait in memory; check the disk"
        )

    async def _write_parts(self, items: Sequence[tuple[TorrentId, T]]) -> Mapping[TorrentId, OSError]:
        failures: dict[TorrentId, OSError] = {}

        async def write(part: Sequence[tuple[TorrentId, T]]) -> None:
            failures.update(await self._write(dict(part)))

        async with trio.open_nursery() as nursery:
            for start in range(min(self._ways, len(items))):
                nursery.start_soon(write, items[start :: self._ways])
        return failures

    def _put_back(self, torrent_id: TorrentId, entry: _Waiting[T]) -> None:
        newer = self._waiting.get(torrent_id)
        item = entry.item if newer is None else self._merge(entry.item, newer.item)
        self._waiting[torrent_id] = _Waiting(item, entry.since)

    def _explain(self, failures: Mapping[TorrentId, OSError]) -> str:
        error = next(iter(failures.values()))
        advice = {errno.ENOSPC: "free space on the disk", errno.EROFS: "make the file system writable"}
        reason = error.strerror or str(error)
        hint = advice.get(error.errno or 0, "check the resume directory and its permissions")
        return f"{self._what} cannot be written: {reason}; they wait in memory; {hint}"
