"""The way of an intent into the database.

One task commits. Whatever has gathered while a transaction ran goes into the next one, so many requests share the price
of one commit. Within a transaction everything of a kind is one statement over arrays. A row that conflicts with another
intent fails its own asker only: insertions skip conflicts; when a statement is refused as a whole, the batch is halved
until the culprit is alone.

While the database is away every request is refused at once. What happens when it goes away in the middle of a commit is
told in `revaer.resume.doubts`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import structlog
import trio

from revaer.database.messages import (
    ConstraintViolated,
    Database,
    DatabaseError,
    DatabaseUnavailable,
    Row,
    StatementFailed,
    StatementTimeout,
    Transaction,
    blames_data,
)
from revaer.resume.batch import Change, Group, Pending, Work, take
from revaer.resume.documents import Stored
from revaer.resume.doubts import Doubt, Doubts
from revaer.resume.errors import UnwritableIntent
from revaer.resume.files import Files
from revaer.resume.messages import (
    DatabaseFault,
    ForgetIntent,
    Intent,
    IntentConflict,
    PersistIntent,
    PersistIntents,
    ResumeRefusal,
    StoreUnavailable,
    UnknownIntent,
    UnstorableIntent,
    UpdateIntent,
    UpdateIntents,
)
from revaer.resume.queries import DELETE_INTENTS, INSERT_INTENTS, UPDATE_INTENTS, columns
from revaer.types import NODE

log = structlog.get_logger(__name__)

WITHIN: Final = 4.0
"""Seconds one transaction may take."""

_RETRY: Final = 1.0
_UNIQUE: Final = "_unique"
_PRIMARY_KEY: Final = "_pkey"


@dataclass(slots=True)
class _Tally:
    """What one transaction did."""

    inserted: dict[str, Row] = field(default_factory=dict)
    updated: dict[str, Row] = field(default_factory=dict)
    is_complete: bool = False

    def doubt(self) -> Doubt | None:
        """Return what must be undone should it turn out to be committed, None when there is nothing."""
        rows = [*self.inserted.values(), *self.updated.values()]
        if not self.is_complete or not rows:
            return None
        return Doubt(str(rows[0]["xid"]), tuple(self.inserted), tuple(row["before"] for row in self.updated.values()))


class IntentWriter:
    """Commits changes to intents.

    Args:
        database: Where they are kept.
        gate: Held while writing, so that nobody loads meanwhile.
        doubts: Commits whose fate is unknown.
        files: The files that belong to an intent.
    """

    def __init__(self, database: Database, gate: trio.Lock, doubts: Doubts, files: Files) -> None:
        self.commits = 0
        self._database = database
        self._gate = gate
        self._doubts = doubts
        self._files = files
        self._queue: deque[Pending] = deque()
        self._work = trio.Event()

    def submit(self, request: Change) -> Pending:
        """Take a request in, in the order of the calls.

        Raises:
            StoreUnavailable: The database is away.
            UnstorableIntent: The intent cannot be written down.
        """
        status = self._database.status
        if not status.available:
            raise StoreUnavailable(f"the database is away: {status.reason}")
        try:
            pending = Pending(request)
        except UnwritableIntent as error:
            raise UnstorableIntent(str(error)) from error
        self._queue.append(pending)
        self._work.set()
        return pending

    def submit_each(self, request: PersistIntents | UpdateIntents) -> Group:
        """Take many intents in, in their order. Raises StoreUnavailable: the database is away."""
        taken: list[Pending | ResumeRefusal] = []
        kind = PersistIntent if isinstance(request, PersistIntents) else UpdateIntent
        for intent in request.intents:
            try:
                taken.append(self.submit(kind(intent, request.request_id)))
            except UnstorableIntent as refusal:
                taken.append(refusal)
        return Group(taken)

    async def run(self) -> None:
        """Commit until cancelled."""
        while True:
            await self._work.wait()
            # Requests that are about to come in the same turn of the loop share the transaction.
            await trio.lowlevel.checkpoint()
            await self._commit(take(self._queue))
            if not self._queue:
                self._work = trio.Event()

    async def run_settling(self) -> None:
        """Settle doubts as soon as the database is there, until cancelled."""
        while True:
            await self._doubts.wait()
            try:
                async with self._gate:
                    await self._doubts.settle()
            except DatabaseError:
                await trio.sleep(_RETRY)

    async def commit_now(self, requests: Sequence[Change]) -> list[ResumeRefusal | None]:
        """Commit requests past the queue; the gate must be held. Return for each its refusal, None when it is done."""
        pending = [Pending(request) for request in requests]
        queue = deque(pending)
        while queue:
            await self._commit_or_halve(take(queue))
        return [each.refusal for each in pending]

    async def _commit(self, batch: list[Work]) -> None:
        async with self._gate:
            try:
                await self._doubts.settle()
                batch = await self._forget_files(batch)
                await self._commit_or_halve(batch)
            except DatabaseError as error:
                _refuse(batch, StoreUnavailable(str(error)))

    async def _commit_or_halve(self, batch: list[Work]) -> None:
        """Commit a batch; refuse alone what cannot be committed."""
        tally = _Tally()
        try:
            await self._transact(batch, tally)
        except (ConstraintViolated, StatementFailed) as error:
            if len(batch) == 1:
                self._refuse_alone(batch[0], error)
                return
            middle = len(batch) // 2
            await self._commit_or_halve(batch[:middle])
            await self._commit_or_halve(batch[middle:])
        except (DatabaseUnavailable, StatementTimeout) as error:
            _refuse(batch, StoreUnavailable(str(error)))
            self._refresh_kept(batch)
        else:
            await self._acknowledge(batch, tally)

    def _refuse_alone(self, work: Work, error: ConstraintViolated | StatementFailed) -> None:
        """Refuse what the database takes from nobody else. A deletion brings no data that could be at fault."""
        if work.kind is ForgetIntent or not blames_data(error):
            work.settle(DatabaseFault(f"the database fails: {error}"))
            self._refresh_kept([work])
        else:
            work.settle(_refusal_of(error))

    def _refresh_kept(self, batch: list[Work]) -> None:
        """Have copies made of intents that were to be forgotten and were not: their files are gone already."""
        self._files.refresh([work.torrent_id for work in batch if work.kind is ForgetIntent])

    async def _transact(self, batch: list[Work], tally: _Tally) -> None:
        if not batch:
            return
        try:
            async with self._database.transaction(within=WITHIN) as transaction:
                await _run_statements(transaction, batch, tally)
                tally.is_complete = True
        except (DatabaseUnavailable, StatementTimeout):
            doubt = tally.doubt()
            if doubt is not None:
                await self._doubts.note(doubt)
            raise
        self.commits += 1

    async def _acknowledge(self, batch: list[Work], tally: _Tally) -> None:
        """Answer what was committed. Copies are put before the gate opens, so that they follow the order of commits."""
        for work in batch:
            if work.intent is None:
                work.settle()
            elif work.kind is PersistIntent:
                self._acknowledge_insert(work, work.intent, tally)
            elif (row := tally.updated.get(work.torrent_id)) is not None:
                intent = replace(work.intent, magnet=row["magnet"])
                self._files.keep(Stored(intent, row["revision"]), keeps_metainfo=intent.metainfo is None)
                work.settle()
            else:
                await self._heal(work, work.intent)

    def _acknowledge_insert(self, work: Work, intent: Intent, tally: _Tally) -> None:
        row = tally.inserted.get(work.torrent_id)
        if row is None:
            work.settle(IntentConflict("another intent has this id or one of these info-hashes"))
        else:
            self._files.keep(Stored(intent, row["revision"]))
            work.settle()

    async def _heal(self, work: Work, update: Intent) -> None:
        """Update an intent that the database lost: its last-known copy brings the sources."""
        try:
            copy = await self._files.copy_of(work.torrent_id)
        except TimeoutError as error:
            work.settle(StoreUnavailable(f"the copy of {work.torrent_id} cannot be read: {error.strerror}"))
            return
        if copy is None:
            work.settle(UnknownIntent(f"no intent {work.torrent_id}"))
            return
        log.warning("intent_restored", torrent_id=work.torrent_id, revision=copy.revision)
        whole = replace(
            update, magnet=update.magnet or copy.intent.magnet, metainfo=update.metainfo or copy.intent.metainfo
        )
        await self._commit_or_halve([Work(work.torrent_id, PersistIntent, whole, work.options, work.pending)])

    async def _forget_files(self, batch: list[Work]) -> list[Work]:
        """Delete the files of intents before their rows; return the batch without those that refuse to go."""
        forgotten = [work.torrent_id for work in batch if work.kind is ForgetIntent]
        failures = await self._files.remove(forgotten) if forgotten else {}
        for work in batch:
            if (failure := failures.get(work.torrent_id)) is not None:
                # With the row gone and the copy there, the next start would take the torrent for lost and restore it.
                work.settle(StoreUnavailable(f"the files of {work.torrent_id} cannot be deleted: {failure.strerror}"))
        return [work for work in batch if work.torrent_id not in failures]


async def _run_statements(transaction: Transaction, batch: list[Work], tally: _Tally) -> None:
    forgotten = [work.torrent_id for work in batch if work.kind is ForgetIntent]
    if forgotten:
        await transaction.execute(DELETE_INTENTS, NODE, forgotten)
    if updates := [work for work in batch if work.kind is UpdateIntent]:
        tally.updated = {row["id"]: row for row in await transaction.fetch(UPDATE_INTENTS, *_columns(updates))}
    if inserts := [work for work in batch if work.kind is PersistIntent]:
        tally.inserted = {row["id"]: row for row in await transaction.fetch(INSERT_INTENTS, *_columns(inserts))}


def _columns(batch: list[Work]) -> tuple[object, ...]:
    return columns([work.intent for work in batch if work.intent is not None], [work.options for work in batch])


def _refuse(batch: list[Work], refusal: ResumeRefusal) -> None:
    for work in batch:
        work.settle(refusal)


def _refusal_of(error: ConstraintViolated | StatementFailed) -> ResumeRefusal:
    if isinstance(error, ConstraintViolated) and error.constraint.endswith((_UNIQUE, _PRIMARY_KEY)):
        return IntentConflict("another intent has one of these info-hashes")
    return UnstorableIntent(f"the database refuses the intent: {error}")
