"""Rows of the database as lines of JSON, and back.

JSON as PostgreSQL makes it holds every type the schema has, and does not depend on the version of the server. A column
that a later migration adds has its default in rows that do not know it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from revaer.database.messages import Transaction

JOURNAL: Final = ("journal_runs", "journal_events", "journal_gaps", "journal_floor")
LEFT_OUT: Final = ("schema_migrations", "setup_token")
"""What is not carried: the schema's own book, and a token that is good for minutes."""

_FEW: Final = 5
_MANY: Final = 500
_ROW_BYTES: Final = 8 * 1024
"""Rows that are stored in no more than this are fetched many at a time; a torrent's metainfo may have 10 MiB."""
_CHUNK_BYTES: Final = 4 * 1024 * 1024
_TABLES: Final = """
SELECT c.relname AS name,
       (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
       (SELECT count(*) FROM pg_constraint r WHERE r.conrelid = c.oid AND r.contype = 'f') AS depends
FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
ORDER BY depends, name
"""
_SEQUENCES: Final = (
    "SELECT sequencename AS name, last_value AS value FROM pg_sequences WHERE schemaname = current_schema()"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A table: its name and its columns."""

    name: str
    columns: tuple[str, ...]


async def shapes(tables: Transaction) -> tuple[Shape, ...]:
    """Return the tables that a backup carries, those first that others refer to."""
    rows = await tables.fetch(_TABLES)
    return tuple(Shape(row["name"], tuple(row["columns"])) for row in rows if row["name"] not in LEFT_OUT)


async def sequences(tables: Transaction) -> dict[str, int]:
    """Return the last value of each sequence that has one."""
    return {row["name"]: row["value"] for row in await tables.fetch(_SEQUENCES) if row["value"] is not None}


async def freeze(tables: Transaction) -> None:
    """Have everything that this transaction reads be as of one moment. It must come first."""
    await tables.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


async def chunks(tables: Transaction, shape: Shape) -> AsyncIterator[tuple[int, bytes]]:
    """Yield the rows of a table as lines of JSON, each time some megabytes or one row, with the number of rows.

    Small rows come first: how many are fetched at a time follows from what they are, not from those before them.
    """
    lines: list[bytes] = []
    size = 0
    stored = " + ".join(f'coalesce(pg_column_size("{column}"), 0)' for column in shape.columns)
    for several, some in ((_MANY, f"{stored} <= {_ROW_BYTES}"), (_FEW, f"{stored} > {_ROW_BYTES}")):
        cursor = f"backup_{shape.name}"
        await tables.execute(
            f'DECLARE "{cursor}" NO SCROLL CURSOR FOR SELECT row_to_json(t)::text FROM "{shape.name}" t WHERE {some}'  # noqa: S608  # names of the server's own catalogue
        )
        while rows := await tables.fetch(f'FETCH {several} FROM "{cursor}"'):
            for line in [row[0].encode() for row in rows]:
                if lines and size + len(line) > _CHUNK_BYTES:
                    yield len(lines), b"\n".join(lines)
                    lines, size = [], 0
                lines.append(line)
                size += len(line)
        await tables.execute(f'CLOSE "{cursor}"')
    if lines:
        yield len(lines), b"\n".join(lines)


async def clear(tables: Transaction, shape: Shape) -> None:
    """Remove the rows that the schema itself brings."""
    await tables.execute(f'DELETE FROM "{shape.name}"')  # noqa: S608  # as above


async def fill(tables: Transaction, shape: Shape, columns: Sequence[str], lines: Sequence[bytes]) -> int:
    """Insert rows and return how many there were.

    Args:
        tables: the transaction.
        shape: the table as it is here.
        columns: those that the rows have.
        lines: the rows.
    """
    names = ", ".join(f'"{column}"' for column in columns if column in shape.columns)
    rows = f'jsonb_populate_recordset(NULL::"{shape.name}", $1::text::jsonb)'
    sql = f'INSERT INTO "{shape.name}" ({names}) SELECT {names} FROM {rows}'  # noqa: S608  # as above
    count = 0
    for batch in _batches(lines):
        count += await tables.execute(sql, f"[{b','.join(batch).decode()}]")
    return count


def _batches(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == _MANY or size + len(line) > _CHUNK_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch


async def set_sequences(tables: Transaction, values: Mapping[str, int]) -> None:
    """Let sequences go on behind their last values."""
    known = {row["name"] for row in await tables.fetch(_SEQUENCES)}
    for name, value in values.items():
        if name in known:
            await tables.fetch("SELECT setval($1::text::regclass, $2)", f'"{name}"', value)
