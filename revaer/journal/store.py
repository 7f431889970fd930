"""Where the journal is kept: the port that the rest of the slice works with, and its form in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from revaer.database.messages import Database, Row, Transaction
from revaer.journal import queries
from revaer.journal.backlog import Batch
from revaer.journal.messages import END_OF_EPOCH, Gap, JournaledEvent, Selection
from revaer.types import NODE, EventId, TorrentId

PAGE_BYTES: Final = 1024 * 1024
"""How many bytes of envelopes one page has at most; a longer one comes alone."""

TIMELINE_BYTES: Final = 4 * 1024 * 1024

_APPEND_WITHIN: Final = 10.0
_OPEN_WITHIN: Final = 10.0
_READ_WITHIN: Final = 5.0
_PRUNE_WITHIN: Final = 20.0
_COUNT_WITHIN: Final = 60.0

UNCLEAN: Final = "the daemon was cut off, and what it published last may not have been written"
UNRECORDED: Final = "starts of the daemon in between never reached the journal"


@dataclass(frozen=True, slots=True)
class Run:
    """One start of the daemon.

    Attributes:
        epoch: its number.
        run_id: tells it from another start that has the same number by mistake.
        started_at: Unix seconds.
    """

    epoch: int
    run_id: str
    started_at: float


class EpochTaken(Exception):
    """The number of this start was given to another before: event ids would not be unique.

    Attributes:
        newest: the highest number that was given.
    """

    def __init__(self, newest: int) -> None:
        super().__init__(f"start {newest} of the daemon has written to the journal already")
        self.newest = newest


@dataclass(frozen=True, slots=True)
class Opened:
    """What was found when the journal was opened.

    Attributes:
        floor: nothing up to here is kept.
        gaps: from where events may be missing.
    """

    floor: EventId
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """What a look at a stretch of the journal found.

    Attributes:
        events: what was wanted, in order.
        position: everything wanted up to here was returned.
        is_end: whether nothing more was there.
    """

    events: tuple[JournaledEvent, ...]
    position: EventId
    is_end: bool


@dataclass(frozen=True, slots=True)
class History:
    """Events of one torrent.

    Attributes:
        events: in the order asked for.
        is_end: whether there are no more in that direction.
        origin: the event with which the torrent came into being, when it is among them.
    """

    events: tuple[JournaledEvent, ...]
    is_end: bool
    origin: EventId | None


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was let go: so many events, the last of them at `floor`."""

    events: int
    floor: EventId


class Store(Protocol):
    """Keeps the journal. Every method raises DatabaseError, and may be repeated when it did."""

    async def wait_available(self) -> None:
        """Return when the store can be used; at once when it can already."""

    async def open(self, run: Run) -> Opened:
        """Note that a run begins, and what is missing from the ones before it.

        Raises:
            EpochTaken: its number, or a higher one, was used by another.
        """

    async def append(self, run: Run, batch: Batch) -> None:
        """Write a batch, whole or not at all; what was written before stays as it is."""

    async def close(self, run: Run, last_seq: int) -> None:
        """Note that a run ended in order, and the number of its last event."""

    async def last_of(self, epoch: int) -> int | None:
        """Return the number of the last event of a run that ended in order; None when that is not known."""

    async def scan(self, after: EventId, selection: Selection, *, look_at: int, limit: int) -> Scan:
        """Look through the next `look_at` events behind a position and return at most `limit` of them."""

    async def history(
        self, torrent_id: TorrentId, cursor: EventId | None, *, limit: int, newest_first: bool
    ) -> History:
        """Return events of one torrent, from the one behind (or ahead of) `cursor` on."""

    async def prune(self, *, before: float, excess: int, limit: int) -> Pruned | None:
        """Let go of the oldest events: those from before a moment (Unix seconds), and `excess` more whatever their
        age, but `limit` at most. None when there was nothing to let go."""

    async def count(self) -> int:
        """Return how many events are kept."""


class PostgresStore:
    """The journal in PostgreSQL.

    Args:
        database: where.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def wait_available(self) -> None:
        """See `Store.wait_available`."""
        await self._database.wait_available()

    async def open(self, run: Run) -> Opened:
        """See `Store.open`."""
        async with self._database.transaction(within=_OPEN_WITHIN) as work:
            rows = await work.fetch(queries.NEWEST_RUN, NODE)
            newest = rows[0] if rows else None
            if newest is None:
                await work.execute(queries.SET_FLOOR, NODE, run.epoch - 1, END_OF_EPOCH)
            elif newest["epoch"] > run.epoch or (newest["epoch"] == run.epoch and str(newest["run_id"]) != run.run_id):
                raise EpochTaken(newest["epoch"])
            elif newest["epoch"] < run.epoch:
                await self._note_tail(work, newest, run)
            await work.execute(queries.BEGIN_RUN, NODE, run.epoch, run.run_id, run.started_at)
            (floor,) = await work.fetch(queries.FLOOR, NODE)
            gaps = await work.fetch(queries.ALL_GAPS, NODE)
        return Opened(_id(floor), tuple(map(_gap, gaps)))

    async def append(self, run: Run, batch: Batch) -> None:
        """See `Store.append`."""
        columns = queries.event_columns(batch.entries)
        if not batch.gaps:
            await self._database.execute(queries.APPEND_EVENTS, NODE, run.epoch, *columns, within=_APPEND_WITHIN)
            return
        async with self._database.transaction(within=_APPEND_WITHIN) as work:
            await work.execute(queries.NOTE_GAPS, NODE, *queries.gap_columns(batch.gaps))
            if batch.entries:
                await work.execute(queries.APPEND_EVENTS, NODE, run.epoch, *columns)

    async def close(self, run: Run, last_seq: int) -> None:
        """See `Store.close`."""
        await self._database.execute(queries.END_RUN, NODE, run.epoch, run.run_id, last_seq)

    async def last_of(self, epoch: int) -> int | None:
        """See `Store.last_of`."""
        rows = await self._database.fetch(queries.RUN_BY_EPOCH, NODE, epoch)
        return rows[0]["last_seq"] if rows else None

    async def scan(self, after: EventId, selection: Selection, *, look_at: int, limit: int) -> Scan:
        """See `Store.scan`."""
        wanted = queries.selection_columns(selection)
        rows = await self._database.fetch(
            queries.SCAN, NODE, after.epoch, after.seq, look_at, limit, PAGE_BYTES, *wanted, within=_READ_WITHIN
        )
        events = tuple(_event(row) for row in rows if row["seq"] is not None)
        head = rows[0]
        if len(events) < head["found"]:
            return Scan(events, events[-1].id, is_end=False)
        edge = EventId(head["edge_epoch"], head["edge_seq"]) if head["looked"] else after
        return Scan(events, edge, is_end=head["looked"] < look_at)

    async def history(
        self, torrent_id: TorrentId, cursor: EventId | None, *, limit: int, newest_first: bool
    ) -> History:
        """See `Store.history`."""
        start = EventId(END_OF_EPOCH, END_OF_EPOCH) if newest_first else EventId(-1, -1)
        position = cursor or start
        # One more than asked for tells whether there is more.
        rows = await self._database.fetch(
            queries.TIMELINE[newest_first],
            NODE,
            torrent_id,
            position.epoch,
            position.seq,
            limit + 1,
            TIMELINE_BYTES,
            within=_READ_WITHIN,
        )
        is_end = not rows or len(rows) == rows[0]["found"] <= limit
        rows = rows[:limit]
        origin = next((_id(row) for row in rows if row["is_origin"]), None)
        return History(tuple(map(_event, rows)), is_end, origin)

    async def prune(self, *, before: float, excess: int, limit: int) -> Pruned | None:
        """See `Store.prune`."""
        async with self._database.transaction(within=_PRUNE_WITHIN) as work:
            rows = await work.fetch(queries.PRUNE_EVENTS, NODE, before, excess, limit)
            if not rows:
                return None
            floor = _id(rows[0])
            await work.execute(queries.PRUNE_GAPS, NODE, floor.epoch, floor.seq)
            await work.execute(queries.PRUNE_RUNS, NODE, floor.epoch)
        return Pruned(rows[0]["events"], floor)

    async def count(self) -> int:
        """See `Store.count`."""
        (row,) = await self._database.fetch(queries.COUNT_EVENTS, NODE, within=_COUNT_WITHIN)
        return int(row["events"])

    async def _note_tail(self, work: Transaction, newest: Row, run: Run) -> None:
        """Note what nobody knows between the last run that is known and this one."""
        ended, last = newest["epoch"], newest["last_seq"]
        if last is None:
            (row,) = await work.fetch(queries.LAST_OF_EPOCH, NODE, ended)
            first, reason = EventId(ended, (row["seq"] or 0) + 1), UNCLEAN
        elif ended + 1 < run.epoch:
            first, reason = EventId(ended + 1, 0), UNRECORDED
        else:
            return
        gap = Gap(first, EventId(run.epoch - 1, END_OF_EPOCH), reason)
        await work.execute(queries.NOTE_GAPS, NODE, *queries.gap_columns([gap]))


async def newest_epoch(database: Database) -> int:
    """Return the highest number of a start that has written to the journal; 0 when none has. Raises: DatabaseError."""
    (row,) = await database.fetch(queries.NEWEST_EPOCH, NODE)
    return int(row["epoch"] or 0)


def _id(row: Row) -> EventId:
    return EventId(row["epoch"], row["seq"])


def _event(row: Row) -> JournaledEvent:
    return JournaledEvent(_id(row), row["kind"], row["envelope"].encode())


def _gap(row: Row) -> Gap:
    return Gap(EventId(row["epoch"], row["from_seq"]), EventId(row["to_epoch"], row["to_seq"]), row["reason"])
