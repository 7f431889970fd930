"""The journal's store in memory: what several starts of a daemon share, and the connection that each has to it."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from revaer.database.messages import DatabaseUnavailable
from revaer.journal.backlog import Batch
from revaer.journal.entries import Entry, is_selected
from revaer.journal.messages import END_OF_EPOCH, Gap, Selection
from revaer.journal.store import UNCLEAN, UNRECORDED, EpochTaken, History, Opened, Pruned, Run, Scan
from revaer.types import EventId, TorrentId


@dataclass
class Disk:
    """What is durable.

    Attributes:
        entries: every event that is kept.
        runs: starts of the daemon, each with its last event once it ended in order.
    """

    entries: dict[EventId, Entry] = field(default_factory=dict)
    runs: dict[int, tuple[str, int | None]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    floor: EventId | None = None


class FakeStore:
    """One daemon's way to a disk.

    Attributes:
        loses_answers: how many of the next batches are written and not answered.
        refusals: raised instead of writing a batch, for batches in which the predicate finds something.
        appended: the batches that were written, in order.
    """

    def __init__(self, disk: Disk | None = None) -> None:
        self.disk = Disk() if disk is None else disk
        self.loses_answers = 0
        self.refuse: Exception | None = None
        self.refused_seqs: set[int] = set()
        self.appended: list[Batch] = []
        self.reads = 0
        self._reason = ""
        self._is_dead = False
        self._back = trio.Event()
        self._back.set()

    def leave(self, reason: str = "the cable is out") -> None:
        """Be away."""
        self._reason = reason
        self._back = trio.Event()

    def come_back(self) -> None:
        """Be there again, unless it is dead."""
        if not self._is_dead:
            self._reason = ""
            self._back.set()

    def kill(self) -> None:
        """Take nothing any more, as if the process behind this connection were gone."""
        self._is_dead = True
        self.leave("killed")

    async def wait_available(self) -> None:
        await self._back.wait()

    async def open(self, run: Run) -> Opened:
        await self._answer()
        disk = self.disk
        newest = max(disk.runs, default=None)
        if newest is None:
            disk.floor = EventId(run.epoch - 1, END_OF_EPOCH)
        elif newest > run.epoch or (newest == run.epoch and disk.runs[newest][0] != run.run_id):
            raise EpochTaken(newest)
        elif newest < run.epoch:
            self._note_tail(newest, run)
        disk.runs.setdefault(run.epoch, (run.run_id, None))
        assert disk.floor is not None
        return Opened(disk.floor, tuple(disk.gaps))

    async def append(self, run: Run, batch: Batch) -> None:
        await self._answer()
        if self.refuse is not None and any(entry.id.seq in self.refused_seqs for entry in batch.entries):
            raise self.refuse
        self.appended.append(batch)
        self.disk.gaps += batch.gaps
        for entry in batch.entries:
            self.disk.entries.setdefault(entry.id, entry)
        if self.loses_answers:
            self.loses_answers -= 1
            raise DatabaseUnavailable("the connection was cut")

    async def close(self, run: Run, last_seq: int) -> None:
        await self._answer()
        self.disk.runs[run.epoch] = (run.run_id, last_seq)

    async def last_of(self, epoch: int) -> int | None:
        await self._answer()
        return self.disk.runs.get(epoch, ("", None))[1]

    async def scan(self, after: EventId, selection: Selection, *, look_at: int, limit: int) -> Scan:
        self.reads += 1
        await self._answer()
        behind = sorted(one for one in self.disk.entries if one > after)[:look_at]
        wanted = [self.disk.entries[one] for one in behind if is_selected(self.disk.entries[one], selection)]
        events = tuple(entry.journaled for entry in wanted[:limit])
        if len(wanted) > limit:
            return Scan(events, events[-1].id, is_end=False)
        return Scan(events, behind[-1] if behind else after, is_end=len(behind) < look_at)

    async def history(
        self, torrent_id: TorrentId, cursor: EventId | None, *, limit: int, newest_first: bool
    ) -> History:
        await self._answer()
        own = (entry for entry in self.disk.entries.values() if entry.torrent_id == torrent_id)
        ordered = sorted(own, key=lambda entry: entry.id, reverse=newest_first)
        if cursor is not None:
            ordered = [one for one in ordered if (one.id < cursor if newest_first else one.id > cursor)]
        page = ordered[:limit]
        origin = next((entry.id for entry in page if entry.is_origin), None)
        return History(tuple(entry.journaled for entry in page), len(ordered) <= limit, origin)

    async def prune(self, *, before: float, excess: int, limit: int) -> Pruned | None:
        await self._answer()
        disk, gone = self.disk, []
        is_past = True
        for place, one in enumerate(sorted(disk.entries)[:limit], 1):
            is_past = is_past and disk.entries[one].at < before
            if is_past or place <= excess:
                gone.append(one)
        if not gone:
            return None
        for one in gone:
            del disk.entries[one]
        disk.floor = gone[-1]
        disk.gaps = [gap for gap in disk.gaps if gap.last > disk.floor]
        disk.runs = {epoch: run for epoch, run in disk.runs.items() if epoch >= disk.floor.epoch}
        return Pruned(len(gone), disk.floor)

    async def count(self) -> int:
        await self._answer()
        return len(self.disk.entries)

    def _note_tail(self, newest: int, run: Run) -> None:
        last = self.disk.runs[newest][1]
        if last is None:
            written = max((one.seq for one in self.disk.entries if one.epoch == newest), default=0)
            first, reason = EventId(newest, written + 1), UNCLEAN
        elif newest + 1 < run.epoch:
            first, reason = EventId(newest + 1, 0), UNRECORDED
        else:
            return
        self.disk.gaps.append(Gap(first, EventId(run.epoch - 1, END_OF_EPOCH), reason))

    async def _answer(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._reason:
            raise DatabaseUnavailable(self._reason)
