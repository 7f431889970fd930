"""What other slices may know of the database: the port, its status and its errors.

Nothing here imports trio or the driver. The real form is `revaer.database.service.open_database`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias


class DatabaseError(Exception):
    """Root of everything the database slice raises."""


class DatabaseUnavailable(DatabaseError):
    """The server cannot be used now, or an outage interrupted the statement: answer 503 with Retry-After.

    Also raised when the server is out of disk, memory or connections, is read-only, or gave a statement up
    against a concurrent one. An interrupted write may have been committed: repeat it only when it is idempotent.

    Attributes:
        reason: What is wrong, for people.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StatementTimeout(DatabaseError):
    """A statement was given up at its deadline. In a transaction it was rolled back.

    A single write may have been committed at the last moment: repeat it only when it is idempotent.

    Attributes:
        within: The deadline, in seconds.
    """

    def __init__(self, within: float) -> None:
        super().__init__(f"the statement took longer than {within:g} s")
        self.within = within


class StatementFailed(DatabaseError):
    """A statement was refused as it stands: bad SQL, a wrong argument type, an aborted transaction.

    Attributes:
        sqlstate: Five-character code of the server; empty when the driver refused it.
    """

    def __init__(self, message: str, sqlstate: str = "") -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class ConstraintViolated(DatabaseError):
    """A unique, foreign key, check or not-null rule of the schema was violated.

    Attributes:
        constraint: Name of the constraint, or the column for a not-null rule; empty when the server names none.
    """

    def __init__(self, constraint: str, detail: str) -> None:
        super().__init__(detail)
        self.constraint = constraint


_DATA_FAULTS: Final = ("22", "23", "54", "")
"""Classes of error codes that say that the data is at fault, not the database: trying again would not help."""


def blames_data(error: DatabaseError) -> bool:
    """Tell whether a statement was refused for what it brings, and not for the state that the database is in."""
    if isinstance(error, ConstraintViolated):
        return True
    return isinstance(error, StatementFailed) and error.sqlstate[:2] in _DATA_FAULTS


class InvalidDatabaseUrl(DatabaseError):
    """The configured database URL cannot be understood. The URL itself is never in the message: it holds a password."""


class MigrationError(DatabaseError):
    """The schema cannot be brought to the state that this daemon needs."""


class MigrationChanged(MigrationError):
    """A migration that was applied before has other contents now.

    Attributes:
        name: File name of the migration, for example `0001_foundation.sql`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"migration {name} was changed after it was applied; restore the file, or add a new one")
        self.name = name


class UnsupportedServer(MigrationError):
    """The server is of a version that the schema cannot be put on."""


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """Whether the database can be used, and why not.

    Attributes:
        available: The server answers and its schema is ready.
        reason: What is wrong, for people; empty when available.
        since: Start of the present state, unix seconds.
        latency: Round trip of the last successful ping, seconds; None before the first.
        server_version: Version of the server last connected to, for example `18.4`; None before the first.
    """

    available: bool
    reason: str
    since: float
    latency: float | None = None
    server_version: str | None = None


class Row(Protocol):
    """One result row: values by column name or by position."""

    def __getitem__(self, key: str | int, /) -> Any:
        """Return the value of a column.

        Raises:
            KeyError: No column has that name.
            IndexError: The position is outside the row.
        """

    def __len__(self) -> int:
        """Return the number of columns."""


class Transaction(Protocol):
    """Statements that are committed together."""

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        """Run a statement and return its rows.

        Raises:
            DatabaseUnavailable: The connection was lost; the transaction is gone.
            StatementTimeout: The transaction's deadline passed.
            ConstraintViolated: A rule of the schema was violated.
            StatementFailed: The server refused the statement for another reason.
        """

    async def execute(self, sql: str, *args: object) -> int:
        """Run a statement and return the number of rows it affected. Raises the same as `fetch`."""


class Database(Protocol):
    """The database as other slices see it. It outlives outages; while it is down every call fails at once.

    Values travel as the driver's Python types: `uuid.UUID`, aware `datetime`, `bytes`, lists for arrays. `json` and
    `jsonb` travel as JSON text in both directions.
    """

    @property
    def status(self) -> DatabaseStatus:
        """Return the present status."""

    async def fetch(self, sql: str, *args: object, within: float = 5.0) -> Sequence[Row]:
        """Run one statement and return its rows.

        Args:
            sql: Statement with `$1`-style parameters.
            args: Its parameters.
            within: Deadline in seconds, waiting for a free connection included.

        Raises:
            DatabaseUnavailable: The server cannot be used now, or every connection was taken until the deadline.
            StatementTimeout: The statement was given up at the deadline.
            ConstraintViolated: A rule of the schema was violated.
            StatementFailed: The server refused the statement for another reason.
        """

    async def execute(self, sql: str, *args: object, within: float = 5.0) -> int:
        """Run one statement and return the number of rows it affected. Arguments and errors as in `fetch`."""

    def transaction(self, *, within: float = 5.0) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction that commits at a clean exit and rolls back otherwise.

        Args:
            within: Deadline in seconds for the whole, from waiting for a connection to the commit. Code in the
                body that runs past it is cancelled.

        Raises:
            DatabaseUnavailable: As in `fetch`; raised while committing, the outcome is unknown.
            StatementTimeout: The deadline passed; nothing was committed.
        """

    async def wait_available(self) -> None:
        """Return when the database can be used; at once when it can already."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Notifications arrive from here on. Some may have been missed before: read anew what they tell of."""


@dataclass(frozen=True, slots=True)
class Deaf:
    """Notifications do not arrive until the next `Listening`.

    Attributes:
        reason: What is wrong, for people.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Notification:
    """Somebody notified the channel.

    Attributes:
        payload: What was said.
    """

    payload: str


Heard: TypeAlias = Listening | Deaf | Notification
"""What a listener hears."""


class ListeningDatabase(Database, Protocol):
    """A database that also tells what others notify."""

    def listen(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[Heard]]:
        """Listen to a channel on a connection of its own, made again by itself after every outage.

        The iterator never ends and never raises. It is for one reader; one that falls behind loses notifications and
        hears `Listening` in their place.

        Args:
            channel: A name of lower-case letters, digits and underscores.
        """
