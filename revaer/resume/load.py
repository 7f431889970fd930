"""Loading what should exist, and settling the differences between database, copies and records.

Intents come from the database; where it lost some, from the copies, and these are inserted again. Without a database
they all come from the copies, and nothing is settled. A file that is broken, or a record that no intent asks for, is
moved to the quarantine. Rows that cannot be read never stop a start: they are named in the health, and their copies
stand in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog
import trio

from revaer.database.messages import Database, DatabaseError
from revaer.resume import marker, record_format
from revaer.resume.copies import Copies
from revaer.resume.copy_format import CopyHead
from revaer.resume.disk import Disk, Lane
from revaer.resume.documents import Stored
from revaer.resume.doubts import Doubts
from revaer.resume.errors import BrokenFile, UnreadableDocument, UnreadFile
from revaer.resume.intents import IntentWriter
from revaer.resume.messages import (
    DatabaseFault,
    Intent,
    IntentConflict,
    PersistIntent,
    RecordVerdict,
    Recovered,
    Recovery,
    ResumeRefusal,
    StoreUnavailable,
    UnknownIntent,
    UpdateIntent,
)
from revaer.resume.problems import Problems
from revaer.resume.quarantine import Quarantine
from revaer.resume.reconcile import Differences, compare
from revaer.resume.records import Records
from revaer.resume.rows import Rows, all_rows, rows_by_id
from revaer.resume.scan import RecordFiles, Scan, read_copies, read_records, scan
from revaer.resume.triage import Triage
from revaer.types import TorrentId

log = structlog.get_logger(__name__)

_CHUNK: Final = 500
_DRAIN: Final = 1.0
_ROWS: Final = "rows"

PATIENCE: Final = 2.0
"""Seconds that the first load waits for a database that is about to come up, before the copies must do."""


@dataclass(slots=True)
class _Found:
    """The intents as far as they are known, and what is remarkable about them."""

    intents: dict[TorrentId, Intent] = field(default_factory=dict)
    details: dict[TorrentId, str] = field(default_factory=dict)
    useless: dict[TorrentId, BrokenFile | UnreadFile] = field(default_factory=dict)
    is_complete: bool = True


class Loader:
    """Loads intents and records.

    Args:
        database: Where intents are.
        gate: Held while loading, so that nobody writes meanwhile.
        doubts: Commits whose fate is unknown; settled first.
        writer: Inserts what the database lost.
        copies: Told which copies are stale.
        records: Asked for records that are not on disk yet.
        quarantine: Takes files that are of no use.
        disk: The resume directory.
        lane: Where it is used, and where long work is done.
        problems: Where broken things are named.
    """

    def __init__(
        self,
        *,
        database: Database,
        gate: trio.Lock,
        doubts: Doubts,
        writer: IntentWriter,
        copies: Copies,
        records: Records,
        quarantine: Quarantine,
        disk: Disk,
        lane: Lane,
        problems: Problems,
    ) -> None:
        self._database = database
        self._gate = gate
        self._doubts = doubts
        self._writer = writer
        self._copies = copies
        self._records = records
        self._disk = disk
        self._lane = lane
        self._problems = problems
        self._quarantine = quarantine
        self._triage = Triage(quarantine, problems)
        self._asked = 0
        self._patience = PATIENCE

    async def everything(self) -> Recovery:
        """Load every intent and record of this node.

        When somebody asks again meanwhile, nobody waits for this answer any more. The mark of a clean stop is left to
        the last one that asks: no engine runs before that is answered.
        """
        self._asked += 1
        asked = self._asked
        async with self._gate:
            await self._drain_copies()
            found_rows: list[Rows | None] = []
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read_rows, found_rows)
                directory = await self._scan()
            rows = found_rows[0]
            found = await self._from_copies(directory) if rows is None else await self._reconcile(rows, directory)
            if found.is_complete:
                await self._clear_orphans(directory, found, rows or {})
            torrents = await self._with_records(found, directory.records)
            clean = asked == self._asked and await self._consume_marker()
        log.info("intents_loaded", torrents=len(torrents), clean=clean, from_copies=not found.is_complete)
        return Recovery(torrents, clean=clean, from_copies=not found.is_complete)

    async def one(self, torrent_id: TorrentId) -> Recovered:
        """Load one intent and its record.

        Raises:
            StoreUnavailable: The database is away and there is no usable copy.
            UnknownIntent: There is no such intent.
        """
        async with self._gate:
            found = _Found()
            try:
                await self._doubts.settle()
                row = (await rows_by_id(self._database, self._lane, [torrent_id])).get(torrent_id)
            except DatabaseError as error:
                await self._stand_in(torrent_id, found, StoreUnavailable(str(error)))
            else:
                if isinstance(row, Stored):
                    found.intents[torrent_id] = row.intent
                elif row is None:
                    await self._stand_in(torrent_id, found, UnknownIntent(f"no intent {torrent_id}"))
                else:
                    await self._stand_in(torrent_id, found, StoreUnavailable(f"the row cannot be read: {row}"))
            files = await self._lane.run(read_records, self._disk, [torrent_id])
            return (await self._with_records(found, files))[0]

    # Reading.

    async def _drain_copies(self) -> None:
        """Let copies reach the disk that will be read from there; a disk that takes none is not waited for."""
        with trio.move_on_after(_DRAIN):
            await self._copies.settled()

    async def _consume_marker(self) -> bool:
        try:
            was_clean = await self._lane.run(marker.consume, self._disk)
        except OSError as error:
            # Believed now, it would be believed again after a crash.
            self._problems.add(marker.NAME, f"the mark of a clean stop cannot be deleted: {error.strerror}")
            return False
        self._problems.clear(marker.NAME)
        return was_clean

    async def _read_rows(self, into: list[Rows | None]) -> None:
        with trio.move_on_after(self._patience):
            await self._database.wait_available()
        self._patience = 0.0
        try:
            await self._doubts.settle()
            into.append(await all_rows(self._database, self._lane))
        except DatabaseError as error:
            log.warning("intents_unreachable", reason=str(error))
            into.append(None)

    async def _scan(self) -> Scan:
        try:
            found = await self._lane.run(scan, self._disk)
        except OSError as error:
            self._problems.add("directory", f"the resume directory cannot be read: {error.strerror}")
            return Scan()
        self._problems.clear("directory")
        return found

    # Intents.

    async def _from_copies(self, directory: Scan) -> _Found:
        found = _Found(is_complete=False)
        read = await self._lane.run(read_copies, self._disk, sorted(directory.copies))
        for torrent_id, copy in read.items():
            if isinstance(copy, Stored):
                found.intents[torrent_id] = copy.intent
            else:
                found.useless[torrent_id] = copy
        await self._triage.copies(found.useless, lost=())
        return found

    async def _reconcile(self, rows: Rows, directory: Scan) -> _Found:
        found = _Found({key: row.intent for key, row in rows.items() if isinstance(row, Stored)})
        differences = await self._lane.run(compare, rows, directory.copies)
        found.useless = {key: head for key, head in directory.copies.items() if not isinstance(head, CopyHead)}
        wanted = [*differences.lost, *differences.behind, *differences.unreadable]
        usable: dict[TorrentId, Stored] = {}
        for torrent_id, copy in (await self._lane.run(read_copies, self._disk, wanted)).items():
            if isinstance(copy, Stored):
                usable[torrent_id] = copy
                found.useless.pop(torrent_id, None)
            elif torrent_id in directory.copies:
                found.useless[torrent_id] = copy
        lost = found.useless.keys() - rows.keys()
        self._note_unreadable(rows, usable, found)
        await self._restore(differences, usable, found)
        await self._put_back(differences, usable, found)
        await self._triage.copies(found.useless, lost)
        self._copies.refresh(differences.stale)
        if len(found.intents) > len(rows) or differences.unreadable:
            found.intents = dict(sorted(found.intents.items()))
        return found

    def _note_unreadable(self, rows: Rows, usable: Mapping[TorrentId, Stored], found: _Found) -> None:
        reasons = {
            torrent_id: f"the stored intent of torrent {torrent_id} cannot be read: {row}"
            for torrent_id, row in rows.items()
            if isinstance(row, UnreadableDocument)
        }
        for torrent_id in reasons.keys() & usable.keys():
            found.intents[torrent_id] = usable[torrent_id].intent
            found.details[torrent_id] = f"{reasons[torrent_id]}; its last-known copy stands in"
        self._problems.retain(_ROWS, reasons)
        self._problems.add_each(_ROWS, reasons)

    async def _restore(self, differences: Differences, usable: Mapping[TorrentId, Stored], found: _Found) -> None:
        """Insert intents again that the database lost."""
        lost = [torrent_id for torrent_id in differences.lost if torrent_id in usable]
        refusals = await self._writer.commit_now([PersistIntent(usable[key].intent) for key in lost])
        if lost:
            log.warning("intents_restored", count=len(lost), refused=len(lost) - refusals.count(None))
        for torrent_id, refusal in zip(lost, refusals, strict=True):
            if isinstance(refusal, IntentConflict):
                found.useless[torrent_id] = BrokenFile(str(refusal))
                continue
            found.intents[torrent_id] = usable[torrent_id].intent
            if refusal is None:
                found.details[torrent_id] = "the database did not know this torrent; its last-known copy was put back"
            else:
                self._note_refusal(torrent_id, refusal, found)

    async def _put_back(self, differences: Differences, usable: Mapping[TorrentId, Stored], found: _Found) -> None:
        """Write what was accepted last over rows of an older database."""
        behind = [torrent_id for torrent_id in differences.behind if torrent_id in usable]
        refusals = await self._writer.commit_now([UpdateIntent(usable[key].intent) for key in behind])
        if behind:
            log.warning("intents_put_back", count=len(behind), refused=len(behind) - refusals.count(None))
        for torrent_id, refusal in zip(behind, refusals, strict=True):
            found.intents[torrent_id] = usable[torrent_id].intent
            if refusal is None:
                found.details[torrent_id] = "the database held an older intent; its last-known copy was put back"
            else:
                self._note_refusal(torrent_id, refusal, found)

    def _note_refusal(self, torrent_id: TorrentId, refusal: ResumeRefusal, found: _Found) -> None:
        found.details[torrent_id] = f"its last-known copy could not be put back: {refusal}"
        # A fault of the database may last: the others need not be withheld for it.
        if isinstance(refusal, StoreUnavailable) and not isinstance(refusal, DatabaseFault):
            found.is_complete = False
        else:
            self._problems.add_each(_ROWS, {torrent_id: f"torrent {torrent_id}: {found.details[torrent_id]}"})

    async def _stand_in(self, torrent_id: TorrentId, found: _Found, refusal: ResumeRefusal) -> None:
        await self._drain_copies()
        copy = (await self._lane.run(read_copies, self._disk, [torrent_id]))[torrent_id]
        if not isinstance(copy, Stored):
            raise refusal
        found.intents[torrent_id] = copy.intent
        found.details[torrent_id] = f"{refusal}; its last-known copy stands in"

    # Records and the quarantine.

    async def _with_records(self, found: _Found, files: RecordFiles) -> tuple[Recovered, ...]:
        details = await self._triage.records({key: files[key] for key in found.intents if key in files})
        torrents: list[Recovered] = []
        for count, (torrent_id, intent) in enumerate(found.intents.items()):
            detail = found.details.get(torrent_id, "")
            torrents.append(self._with_record(intent, detail, files.get(torrent_id), details.get(torrent_id)))
            if count % _CHUNK == 0:
                await trio.lowlevel.checkpoint()
        return tuple(torrents)

    def _with_record(
        self, intent: Intent, detail: str, on_disk: bytes | BrokenFile | UnreadFile | None, wrong: str | None
    ) -> Recovered:
        record_detail = "" if wrong is None else f"its record {wrong}"
        newest = self._records.newest(intent.torrent_id)
        record = newest if newest is not None else on_disk
        if isinstance(record, bytes):
            return Recovered(intent, record, RecordVerdict.GOOD, detail, record_detail)
        verdict = RecordVerdict.QUARANTINED if isinstance(on_disk, BrokenFile) else RecordVerdict.MISSING
        return Recovered(intent, None, verdict, detail, record_detail)

    async def _clear_orphans(self, directory: Scan, found: _Found, rows: Rows) -> None:
        """Set records aside that no intent asks for, as far as they and the copies could be read."""
        files = (*directory.records.items(), *found.useless.items())
        unread = {torrent_id for torrent_id, file in files if isinstance(file, UnreadFile)}
        orphans = sorted(directory.records.keys() - found.intents.keys() - rows.keys() - unread)
        await self._quarantine.take([torrent_id + record_format.SUFFIX for torrent_id in orphans])
