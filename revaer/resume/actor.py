"""The resume store: keeps intents in the database, records and copies of intents in files."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, assert_never

import structlog
import trio

from actors import Actor, BlockingLane, Handled, later
from revaer.database.messages import Database
from revaer.resume import doubts, marker, records
from revaer.resume.copies import Copies
from revaer.resume.disk import Disk, Lane, PosixDisk
from revaer.resume.doubts import Doubts
from revaer.resume.files import Files
from revaer.resume.intents import IntentWriter
from revaer.resume.load import Loader
from revaer.resume.messages import (
    FlushRecords,
    ForgetIntent,
    LoadAll,
    LoadOne,
    MarkClean,
    PersistIntent,
    PersistIntents,
    ResumeMessage,
    SaveRecord,
    StoreUnavailable,
    UpdateIntent,
    UpdateIntents,
)
from revaer.resume.place import settle
from revaer.resume.problems import Problems
from revaer.resume.quarantine import Quarantine
from revaer.resume.records import Records, SaveOutcome
from revaer.resume.scan import sweep

log = structlog.get_logger("revaer.resume")

_FLUSH_WITHIN: Final = 1.5
_LANE_WORKERS: Final = records.WAYS + 4


def _ignore(_: SaveOutcome) -> None:
    """Count nothing."""


@dataclass(frozen=True, slots=True)
class ResumeStatistics:
    """Figures of the store since its start.

    Attributes:
        commits: Transactions that changed intents.
        records_written: Records written.
        records_waiting: Records not on disk yet.
        copies_waiting: Copies of intents not on disk yet.
        in_doubt: Commits whose fate is unknown.
    """

    commits: int
    records_written: int
    records_waiting: int
    copies_waiting: int
    in_doubt: int


class ResumeStore(Actor[ResumeMessage]):
    """Makes intents durable and keeps what the engine needs to go on.

    Args:
        database: Where intents are kept.
        resume_dir: Where files are kept; made when it is missing.
        note: The file that says which directory was used last, so that the records follow when it is another one now;
            None leaves them where they are.
        first: Where they were when nothing was noted yet.
        on_save: Called in the event loop with what became of each record.
        disk: The resume directory as a port.
        lane: Where the disk is used.
        clock: Unix seconds.
    """

    max_in_flight: ClassVar[int] = 4096

    def __init__(
        self,
        database: Database,
        resume_dir: Path,
        *,
        note: Path | None = None,
        first: Path | None = None,
        on_save: Callable[[SaveOutcome], None] = _ignore,
        disk: Disk | None = None,
        lane: Lane | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._resume_dir = resume_dir
        self._note = note
        self._first = first or resume_dir
        self._disk = disk or PosixDisk(resume_dir)
        # So many that no writer waits for a load.
        self._lane = lane or BlockingLane("resume-files", workers=_LANE_WORKERS)
        self._on_save = on_save
        self._clock = clock

    async def on_start(self) -> None:
        """Prepare the directory and start to write. A directory that cannot be used does not stop the start."""
        gate = trio.Lock()
        self._problems = problems = Problems(self.context.health)
        await self._settle()
        database, disk, lane = self._database, self._disk, self._lane
        self._quarantine = Quarantine(disk, lane, self._clock)
        self._doubts = Doubts(database, disk, lane, problems)
        self._records = Records(disk, lane, problems, self._on_save)
        self._copies = Copies(database, gate, disk, lane, problems)
        files = Files(disk, lane, self._records, self._copies)
        self._writer = IntentWriter(database, gate, self._doubts, files)
        self._loader = Loader(
            database=database,
            gate=gate,
            doubts=self._doubts,
            writer=self._writer,
            copies=self._copies,
            records=self._records,
            quarantine=self._quarantine,
            disk=disk,
            lane=lane,
            problems=problems,
        )
        await self._prepare()
        for work in (
            self._writer.run,
            self._writer.run_settling,
            self._records.run,
            self._copies.run,
            self._copies.run_refresh,
        ):
            self.context.spawn(work)

    async def handle(self, message: ResumeMessage) -> Handled:
        """Handle one message."""
        match message:
            case SaveRecord(torrent_id=torrent_id, record=record):
                self._records.save(torrent_id, record)
                return None
            case PersistIntent() | UpdateIntent() | ForgetIntent():
                # Queued here and not in the task that waits: requests are committed in the order of the mailbox.
                return later(message, self._writer.submit(message).wait)
            case PersistIntents() | UpdateIntents():
                return later(message, self._writer.submit_each(message).wait)
            case FlushRecords():
                return later(message, self._flush)
            case MarkClean():
                return later(message, self._mark_clean)
            case LoadAll():
                return later(message, self._loader.everything)
            case LoadOne(torrent_id=torrent_id):
                return later(message, partial(self._loader.one, torrent_id))
            case _:
                assert_never(message)

    async def on_stop(self) -> None:
        """Write what waits, as far as there is time: records first, copies can be made again from the database."""
        with trio.move_on_after(_FLUSH_WITHIN):
            await self._records.settled()
            await self._copies.settled()

    def statistics(self) -> ResumeStatistics:
        """Return the figures of this moment."""
        return ResumeStatistics(
            commits=self._writer.commits,
            records_written=self._records.written,
            records_waiting=self._records.waiting,
            copies_waiting=self._copies.waiting,
            in_doubt=len(self._doubts),
        )

    async def _settle(self) -> None:
        """Have the records where they shall be."""
        if self._note is None:
            return
        place = await self._lane.run(settle, self._note, self._resume_dir, self._first)
        if place.trouble:
            self._problems.add("place", place.trouble)
        if place.carried:
            log.info("records_carried", files=place.carried, resume_dir=str(place.root))
        if place.aside:
            log.warning("records_set_aside", files=place.aside, resume_dir=str(place.root))
            self._problems.add(
                "strays",
                f"files of another time were in {place.root}: {place.aside}; they are in its quarantine, look there "
                "when a torrent is missed; this is told until the next start",
            )
        self._disk = PosixDisk(place.root)

    async def _prepare(self) -> None:
        try:
            if left := await self._lane.run(sweep, self._disk):
                log.warning("temporaries_left", files=len(left))
        except OSError as error:
            self._problems.add("directory", f"the resume directory cannot be used: {error.strerror}")
        try:
            await self._doubts.recall()
        except (OSError, ValueError) as error:
            places = await self._quarantine.take([doubts.FILE])
            self._problems.add(doubts.FILE, f"{doubts.FILE} was unusable: {error}; {places[doubts.FILE]}")

    async def _flush(self) -> int:
        await self._records.settled()
        return self._records.written

    async def _mark_clean(self) -> None:
        await self._records.settled()
        try:
            await self._lane.run(marker.make, self._disk)
        except OSError as error:
            raise StoreUnavailable(f"the mark of a clean stop cannot be made: {error.strerror}") from error
