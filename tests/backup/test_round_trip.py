"""A backup makes the node that it was made of: every row, every record, every key."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from revaer.backup import tables
from revaer.backup.bundle import writing
from revaer.backup.errors import BackupError, BrokenBackup, NotEmpty, SourceChanged, StrangeBackup
from revaer.backup.mapping import PathMap
from revaer.backup.restoring import Target, examine, restore
from revaer.backup.taking import Source, take
from revaer.database.messages import Database, Row, Transaction
from revaer.database.migrations import default_folder, load_migrations
from revaer.fsops.rows import pack_spec, unpack_spec
from tests.backup.conftest import ID, JOB, opened
from tests.support.postgres import other_database_url  # noqa: F401 - a fixture


class WatchedFetches:
    """Notes how much comes with one fetch."""

    def __init__(self, inner: Transaction) -> None:
        self._inner = inner
        self.largest = 0

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        rows = await self._inner.fetch(sql, *args)
        self.largest = max(self.largest, sum(len(row[0]) for row in rows))
        return rows

    async def execute(self, sql: str, *args: object) -> int:
        return await self._inner.execute(sql, *args)


class Rotating:
    """A database whose node gets another key just before its rows are read."""

    def __init__(self, inner: Database, key: Path) -> None:
        self._inner = inner
        self._key = key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def transaction(self, *, within: float = 5.0) -> AbstractAsyncContextManager[Transaction]:
        self._key.write_bytes(b"another key")
        return self._inner.transaction(within=within)


SCHEMA = {migration.name: migration.checksum for migration in load_migrations(default_folder())}


@pytest.fixture
async def empty(other_database_url: str) -> AsyncIterator[Database]:  # noqa: F811 - the imported fixture
    """A database as a first start finds it."""
    async with opened(other_database_url) as database:
        yield database


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """An empty place for the files."""
    folder = tmp_path / "target"
    (folder / "resume").mkdir(parents=True)
    private = {name: folder / name for name in ("secret.key", "credentials.json")}
    return Target(resume=folder / "resume", private=private)


async def content(database: Database) -> dict[str, list[Any]]:
    """Every row of every table, as the server shows it."""
    async with database.transaction() as transaction:
        shapes = await tables.shapes(transaction)
        return {
            shape.name: [row[0] for row in await transaction.fetch(f"SELECT t::text FROM {shape.name} t ORDER BY 1")]
            for shape in shapes
        }


async def test_every_row_is_as_it_was(
    full: Database, empty: Database, source: Source, target: Target, tmp_path: Path
) -> None:
    made = await take(tmp_path / "node", full, source)
    await restore(tmp_path / "node", examine(tmp_path / "node", SCHEMA), empty, target)

    was, now = await content(full), await content(empty)
    assert now == was
    assert all(was[name] for name in was if name not in {"fsops_queue", "journal_gaps", "journal_floor"}), (
        "a test of rows"
    )
    assert made.count("torrents") == 1203
    assert made.count("journal_events") == 700
    assert made.count("none such") == 0
    assert made.epoch == 4


async def test_sequences_go_on_behind_what_they_gave(
    full: Database, empty: Database, source: Source, target: Target, tmp_path: Path
) -> None:
    await full.fetch("SELECT setval('fsops_job_age', 41)")
    await take(tmp_path / "node", full, source)
    await restore(tmp_path / "node", examine(tmp_path / "node", SCHEMA), empty, target)

    assert (await empty.fetch("SELECT nextval('fsops_job_age')"))[0][0] == 42


async def test_records_and_keys_are_there_and_only_for_their_owner(
    full: Database, empty: Database, source: Source, target: Target, tmp_path: Path
) -> None:
    await take(tmp_path / "node", full, source)
    await restore(tmp_path / "node", examine(tmp_path / "node", SCHEMA), empty, target)

    assert {path.name: path.read_bytes() for path in target.resume.iterdir()} == {
        f"{ID}.fastresume": b"record \x00\xff"
    }
    key = target.private["secret.key"]
    assert (key.read_bytes(), key.stat().st_mode & 0o777) == (b"sealed by this", 0o600)
    assert not target.private["credentials.json"].exists()


async def test_a_backup_shows_one_moment(full: Database) -> None:
    """What is committed while it is made is not in it, in no table."""
    async with full.transaction() as snapshot:
        await tables.freeze(snapshot)
        shapes = {shape.name: shape for shape in await tables.shapes(snapshot)}
        await full.execute("DELETE FROM torrents")
        await full.execute("INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ('rk_y', '{read}', 'h')")
        rows = [
            [count async for count, _ in tables.chunks(snapshot, shapes[name])] for name in ("torrents", "api_keys")
        ]

    assert [sum(counts) for counts in rows] == [1203, 1]


async def test_large_rows_behind_small_ones_make_no_large_piece(full: Database) -> None:
    metainfo = random.Random(1).randbytes(300_000)
    await full.execute(
        """INSERT INTO torrents (id, info_hash_v1, metainfo, options, added_at)
           SELECT gen_random_uuid(), lpad(n::text, 40, 'a'), $1, '{}', now() FROM generate_series(1, 40) n""",
        metainfo,
    )
    async with full.transaction() as snapshot:
        watched = WatchedFetches(snapshot)
        shape = next(shape for shape in await tables.shapes(snapshot) if shape.name == "torrents")
        pieces = [(count, len(lines)) async for count, lines in tables.chunks(watched, shape)]

    assert sum(count for count, _ in pieces) == 1243
    assert max(size for _, size in pieces) <= 4 * 1024 * 1024
    assert watched.largest < 4 * 1024 * 1024


async def test_keys_that_change_while_the_moment_is_taken_are_not_carried(
    full: Database, source: Source, tmp_path: Path
) -> None:
    with pytest.raises(SourceChanged, match="make the backup again"):
        await take(tmp_path / "node", Rotating(full, source.private[0][1]), source)
    assert not (tmp_path / "node").exists()


async def test_without_the_journal_the_rest_is_there(
    full: Database, empty: Database, source: Source, target: Target, tmp_path: Path
) -> None:
    made = await take(tmp_path / "node", full, source, journal=False)
    await restore(tmp_path / "node", examine(tmp_path / "node", SCHEMA), empty, target)

    assert not set(tables.JOURNAL) & set(made.tables)
    assert (await empty.fetch("SELECT count(*) FROM torrents"))[0][0] == 1203
    assert (await empty.fetch("SELECT count(*) FROM journal_events"))[0][0] == 0


async def test_directories_are_mapped(
    full: Database, empty: Database, source: Source, target: Target, tmp_path: Path
) -> None:
    await take(tmp_path / "node", full, source)
    paths = PathMap(((PurePosixPath("/old"), PurePosixPath("/new")),))
    await restore(tmp_path / "node", examine(tmp_path / "node", SCHEMA), empty, target, paths=paths)

    found = await empty.fetch("SELECT DISTINCT options->>'download_dir' AS path FROM torrents")
    assert [row["path"] for row in found] == ["/new/films"]
    body = (await empty.fetch("SELECT body::text FROM config_documents"))[0][0]
    assert ('"/new"' in body, '"/older"' in body) == (True, True)
    job = (await empty.fetch("SELECT convert_from(source_root, 'UTF8') AS root, spec, spec_digest FROM fsops_jobs"))[0]
    here = replace(JOB, source_root="/new/films/a")
    assert (job["root"], unpack_spec(job["spec"]), job["spec_digest"]) == ("/new/films/a", here, pack_spec(here).digest)


async def test_rows_without_a_column_get_its_default(
    full: Database, empty: Database, source: Source, target: Target, tmp_path: Path
) -> None:
    await empty.execute("ALTER TABLE torrents ADD COLUMN later integer NOT NULL DEFAULT 7")
    await take(tmp_path / "node", full, source)
    await restore(tmp_path / "node", examine(tmp_path / "node", SCHEMA), empty, target)

    assert (await empty.fetch("SELECT DISTINCT later FROM torrents"))[0][0] == 7


async def test_a_database_with_a_node_is_refused_and_left_as_it_is(
    full: Database, source: Source, target: Target, tmp_path: Path
) -> None:
    await take(tmp_path / "node", full, source)
    before = await content(full)
    with pytest.raises(NotEmpty, match="has a node already"):
        await restore(tmp_path / "node", examine(tmp_path / "node", SCHEMA), full, target)
    assert await content(full) == before


async def test_a_file_that_changes_after_it_was_read_changes_nothing(
    full: Database, empty: Database, source: Source, target: Target, tmp_path: Path
) -> None:
    path = tmp_path / "node"
    await take(path, full, source)
    manifest = examine(path, SCHEMA)
    before = await content(empty)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(BrokenBackup):
        await restore(path, manifest, empty, target)
    assert await content(empty) == before


async def test_one_of_a_later_schema_is_refused_by_its_name(full: Database, source: Source, tmp_path: Path) -> None:
    await take(tmp_path / "node", full, source)
    known = {name: checksum for name, checksum in SCHEMA.items() if not name.startswith("0005")}
    with pytest.raises(StrangeBackup, match="0005_"):
        examine(tmp_path / "node", known)


async def test_one_of_a_later_format_is_refused(tmp_path: Path, full: Database, source: Source) -> None:
    made = await take(tmp_path / "node", full, source)
    with writing(tmp_path / "later") as bundle:
        bundle.finish(made.model_copy(update={"format": 99, "members": {}}))
    with pytest.raises(StrangeBackup, match="cannot read"):
        examine(tmp_path / "later", SCHEMA)


async def test_a_key_that_cannot_be_read_is_named_and_no_file_is_left(
    full: Database, source: Source, tmp_path: Path
) -> None:
    folder = tmp_path / "is a directory"
    folder.mkdir()
    with pytest.raises(SourceChanged, match="is a directory"):
        await take(tmp_path / "node", full, replace(source, private=(("secret.key", folder),)))
    assert not (tmp_path / "node").exists()


async def test_a_backup_onto_an_existing_file_is_refused(full: Database, source: Source, tmp_path: Path) -> None:
    (tmp_path / "node").write_text("mine")
    with pytest.raises(BackupError, match="exists"):
        await take(tmp_path / "node", full, source)
    assert (tmp_path / "node").read_text() == "mine"
