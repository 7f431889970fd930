"""The control plane's tables: every change is one transaction, one revision, one line of history, one notification."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import trio

from revaer.config import queries
from revaer.config.diff import Change
from revaer.config.messages import ConfigInvalid, ConfigUnavailable, HistoryEntry, StaleRevision
from revaer.config.problems import Problem
from revaer.config.state import State, state_of_row
from revaer.database.messages import (
    Database,
    DatabaseError,
    DatabaseUnavailable,
    Row,
    StatementFailed,
    StatementTimeout,
    Transaction,
)

_WRITE_WITHIN: Final = 8.0
_SETTLE_WITHIN: Final = 3.0
# The class of "data exception": a text with NUL or half a surrogate pair, which neither text nor jsonb takes.
_UNSTORABLE: Final = "22"
_AUTHOR_LENGTH: Final = 128


@dataclass(frozen=True, slots=True)
class Write:
    """One statement of a change."""

    sql: str
    args: tuple[object, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Edit:
    """What a change does.

    Attributes:
        operation: its name, for the history.
        changes: what differs, masked. Without any, nothing is written, unless `always`.
        documents: new bodies by name, of the documents that change.
        writes: what else is written, before the documents.
        always: make a revision even when nothing differs.
    """

    operation: str
    changes: tuple[Change, ...] = ()
    documents: Mapping[str, Any] = field(default_factory=dict)
    writes: tuple[Write, ...] = ()
    always: bool = False


Decide: TypeAlias = Callable[[State, Transaction], Awaitable[Edit]]
"""Decides on a change, given what is in force, which nobody else changes until the transaction ends. May refuse."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants a change, and on what terms.

    Attributes:
        author: for the history.
        request_id: for the history.
        if_match: the revision that must be in force; None for any.
        floor: the new revision is above this, whatever the database says.
    """

    author: str
    request_id: str | None = None
    if_match: int | None = None
    floor: int = 0


class ConfigStore:
    """Reads and changes the control plane's tables.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def revision(self) -> int:
        """Return the revision in force. Raises: DatabaseError."""
        rows = await self._database.fetch(queries.READ_REVISION)
        return int(rows[0][0]) if rows else 0

    async def read(self) -> State:
        """Return what is in force. Raises: DatabaseError."""
        return _state(await self._database.fetch(queries.READ_STATE))

    async def history(self, limit: int, before: int | None) -> tuple[HistoryEntry, ...]:
        """Return at most `limit` revisions below `before`, the newest first. Raises: DatabaseError."""
        return tuple(_entry(row) for row in await self._database.fetch(queries.READ_HISTORY, limit, before))

    async def change(self, order: Order, decide: Decide) -> State:
        """Make a change and return what is in force then.

        When the connection is lost while committing, the answer waits a moment for the truth.

        Raises:
            StaleRevision: another revision is in force than the order is meant for.
            ConfigInvalid: a text cannot be stored.
            ConfigUnavailable: the database cannot be used, or does not tell in time whether the change was made.
        """
        change_id = uuid.uuid4()
        attempt = _Attempt(self._database, change_id, order, decide)
        try:
            return await attempt.run()
        except (DatabaseUnavailable, StatementTimeout) as error:
            if not attempt.committing:
                raise ConfigUnavailable(str(error)) from error
            return await self._settle(change_id, str(error))
        except StatementFailed as error:
            if error.sqlstate.startswith(_UNSTORABLE):
                raise ConfigInvalid((Problem("", "holds a character that cannot be stored"),)) from None
            raise ConfigUnavailable(f"the database refused the change ({error.sqlstate})") from error
        except DatabaseError as error:
            raise ConfigUnavailable(f"the database refused the change: {error}") from error

    async def _settle(self, change_id: uuid.UUID, reason: str) -> State:
        """Find out what became of a commit that was not confirmed."""
        state: State | None = None
        known = False
        with trio.move_on_after(_SETTLE_WITHIN):
            while not known:
                await self._database.wait_available()
                try:
                    state = await self._find(change_id)
                    known = True
                except DatabaseError:
                    await trio.sleep(0.1)
        if state is not None:
            return state
        if known:
            raise ConfigUnavailable(f"nothing was changed: {reason}")
        raise ConfigUnavailable(f"whether it was changed will be known when the database is back: {reason}")

    async def _find(self, change_id: uuid.UUID) -> State | None:
        """Return what is in force when a change was made; None when it was not, and will not be any more."""
        async with self._database.transaction(within=_SETTLE_WITHIN) as transaction:
            # The lock waits for the end of a transaction that the server still works on.
            state = await locked_state(transaction)
            return state if await transaction.fetch(queries.FIND_CHANGE, change_id) else None


class _Attempt:
    """One change on its way into the database."""

    def __init__(self, database: Database, change_id: uuid.UUID, order: Order, decide: Decide) -> None:
        self._database = database
        self._change_id = change_id
        self._order = order
        self._decide = decide
        self.committing = False

    async def run(self) -> State:
        """Lock, decide, write, commit."""
        async with self._database.transaction(within=_WRITE_WITHIN) as transaction:
            state = await locked_state(transaction)
            expected = self._order.if_match
            if expected is not None and expected != state.revision:
                raise StaleRevision(expected, state.revision)
            edit = await self._decide(state, transaction)
            if not edit.changes and not edit.always:
                return state
            await self._write(transaction, edit, max(state.revision, self._order.floor) + 1)
            after = _state(await transaction.fetch(queries.READ_STATE))
            self.committing = True
        return after

    async def _write(self, transaction: Transaction, edit: Edit, revision: int) -> None:
        for write in edit.writes:
            await transaction.execute(write.sql, *write.args)
        if edit.documents:
            bodies = [json.dumps(body) for body in edit.documents.values()]
            await transaction.execute(queries.PUT_DOCUMENTS, revision, list(edit.documents), bodies)
        await transaction.fetch(
            queries.RECORD_CHANGE,
            revision,
            self._change_id,
            self._order.author[:_AUTHOR_LENGTH],
            self._order.request_id,
            edit.operation,
            json.dumps([[change.pointer, change.before, change.after] for change in edit.changes]),
            queries.CHANNEL,
            f"{subject_of(edit.changes)}:{revision}:{edit.operation}",
        )


async def locked_state(transaction: Transaction) -> State:
    """Return what is in force, and keep everybody else from changing it until the transaction ends."""
    await transaction.fetch(queries.LOCK_REVISION)
    return _state(await transaction.fetch(queries.READ_STATE))


def _entry(row: Row) -> HistoryEntry:
    return HistoryEntry(
        revision=row["revision"],
        at=row["at"],
        author=row["author"],
        request_id=row["request_id"],
        operation=row["operation"],
        changes=tuple(Change(pointer, before, after) for pointer, before, after in json.loads(row["changes"])),
    )


def _state(rows: Sequence[Row]) -> State:
    if not rows:
        raise DatabaseUnavailable("the table config_revision has lost its row")
    return state_of_row(rows[0], seen_at=trio.current_time())


def subject_of(changes: tuple[Change, ...]) -> str:
    """Name the document that changes are about, `*` for several or none."""
    names = {change.pointer.split("/")[1] for change in changes if change.pointer}
    return names.pop() if len(names) == 1 else "*"
