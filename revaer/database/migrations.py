"""Brings the schema forward: numbered SQL files, each applied once, in order, never changed afterwards.

A daemon may be older than the schema: files that were applied and are unknown here are left alone, which works
because migrations only add.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from revaer.database.connection import Connection
from revaer.database.messages import (
    ConstraintViolated,
    DatabaseUnavailable,
    MigrationChanged,
    MigrationError,
    StatementFailed,
    StatementTimeout,
)

_FILE_NAME = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.sql")
# An arbitrary constant: all daemons that share a database must agree on it.
_LOCK = 0x52_45_56_41_45_52_01
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name        text PRIMARY KEY,
    checksum    text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of the schema's history.

    Attributes:
        name: File name, for example `0001_foundation.sql`.
        checksum: SHA-256 of the file, hexadecimal.
        sql: Its statements.
    """

    name: str
    checksum: str
    sql: str = field(repr=False)


def default_folder() -> Path:
    """Return the folder with the migrations: inside the installed package, or beside it in a checkout."""
    packaged = Path(__file__).parent / "_migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "migrations"


def load_migrations(folder: Path) -> tuple[Migration, ...]:
    """Read every migration of a folder, in the order of their numbers. Blocks.

    Raises:
        MigrationError: The folder cannot be read, has none, has a misnamed SQL file, or two with one number.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".sql")
        migrations = tuple(_load(path) for path in paths)
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationError(f"cannot read the migrations in {folder}: {error}") from error
    if not migrations:
        raise MigrationError(f"there are no migrations in {folder}: the installation is incomplete")
    numbers = [migration.name[:4] for migration in migrations]
    for number in numbers:
        if numbers.count(number) > 1:
            raise MigrationError(f"two migrations in {folder} have the number {number}")
    return migrations


def _load(path: Path) -> Migration:
    if _FILE_NAME.fullmatch(path.name) is None:
        raise MigrationError(f"{path} is not named like 0001_what_it_adds.sql")
    content = path.read_bytes()
    return Migration(path.name, hashlib.sha256(content).hexdigest(), content.decode())


async def migrate(connection: Connection, migrations: Sequence[Migration]) -> tuple[str, ...]:
    """Apply what is missing; safe against another daemon that does the same at this moment.

    Args:
        connection: Used for the whole run; its statement timeout is lifted.
        migrations: All of this daemon's, in order.

    Returns:
        The names that were applied now.

    Raises:
        MigrationChanged: An applied file has other contents now. Nothing was applied.
        MigrationError: The server refused a statement; earlier migrations stay applied.
        DatabaseUnavailable: The server went away.
    """
    await connection.limit(None)
    applied = await _applied(connection)
    _check_unchanged(migrations, applied)
    return tuple(
        [
            migration.name
            for migration in migrations
            if migration.name not in applied and await _apply(connection, migration)
        ]
    )


def _check_unchanged(migrations: Sequence[Migration], applied: Mapping[str, str]) -> None:
    for migration in migrations:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise MigrationChanged(migration.name)


async def _applied(connection: Connection) -> dict[str, str]:
    """Read checksums by name; a database without the table has none."""
    try:
        if (await connection.fetch("SELECT to_regclass('schema_migrations') IS NULL"))[0][0]:
            return {}
        rows = await connection.fetch("SELECT name, checksum FROM schema_migrations")
    except StatementFailed as error:
        raise MigrationError(f"cannot read the applied migrations: {error}") from error
    return {row["name"]: row["checksum"] for row in rows}


async def _apply(connection: Connection, migration: Migration) -> bool:
    """Apply one migration in its own transaction; False when another daemon was faster."""
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            await connection.command(_TABLE)
            applied = await _applied(connection)
            _check_unchanged((migration,), applied)
            if migration.name in applied:
                return False
            await connection.command(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", migration.name, migration.checksum
            )
    except (StatementFailed, ConstraintViolated, StatementTimeout) as error:
        raise MigrationError(f"migration {migration.name} failed: {error}") from error
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(f"migration {migration.name} was interrupted: {error}") from error
    return True
