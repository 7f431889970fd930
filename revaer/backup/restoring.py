"""Makes a node of a backup, where none is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from revaer.backup import manifest as manifests
from revaer.backup import tables
from revaer.backup.bundle import read, verify
from revaer.backup.errors import BrokenBackup, NotEmpty, StrangeBackup
from revaer.backup.manifest import FORMAT, Manifest
from revaer.backup.mapping import PathMap
from revaer.backup.taking import RECORD, WITHIN
from revaer.database.messages import Database, Transaction
from revaer.files import sync_directory, write_atomically

_RECORD_NAME: Final = re.compile(r"resume/([0-9a-f-]{36}" + re.escape(RECORD) + r")")
_TABLE_NAME: Final = re.compile(r"tables/([a-z_]+)/\d{6}\.jsonl")
_USED: Final = "SELECT (SELECT count(*) FROM torrents) + (SELECT count(*) FROM config_history) AS rows"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the files go.

    Attributes:
        resume: the directory for fast-resume records.
        private: the files with keys, by their name in the backup.
    """

    resume: Path
    private: Mapping[str, Path]


def examine(path: Path, schema: Mapping[str, str]) -> Manifest:
    """Read a backup to its end before anything is changed. Blocks.

    Args:
        path: the file.
        schema: checksums of this version's migrations by name.

    Raises:
        BrokenBackup: it is cut off, was changed, or is none.
        StrangeBackup: a later version made it.
    """
    manifest = verify(path)
    if manifest.format > FORMAT:
        raise StrangeBackup(f"{path} was made by revaer {manifest.version}, whose backups this version cannot read")
    unknown = sorted(name for name, checksum in manifest.schema_files.items() if schema.get(name) != checksum)
    if unknown:
        raise StrangeBackup(
            f"{path} was made by revaer {manifest.version}, whose schema has {unknown[0]}, which this version does "
            "not have; restore it with that version or a later one"
        )
    return manifest


async def restore(
    path: Path,
    manifest: Manifest,
    database: Database,
    target: Target,
    *,
    paths: PathMap | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Fill an empty database and an empty directory.

    Args:
        path: the backup, examined.
        manifest: what it holds.
        database: with the schema that the backup has.
        target: where the files go.
        paths: directories that are other ones here.
        say: told what is being done.

    Raises:
        NotEmpty: the database has a node.
        BrokenBackup: the file is not what it was when it was examined.
        DatabaseError: the database went away; nothing was committed.
        OSError: the disk refuses.
    """
    async with database.transaction(within=WITHIN) as transaction:
        if (await transaction.fetch(_USED))[0]["rows"]:
            raise NotEmpty("the database has a node already; name another database, or drop the schema first")
        counts = await _fill(path, manifest, transaction, target, paths or PathMap(), say)
        if counts != {name: table.rows for name, table in manifest.tables.items()}:
            raise BrokenBackup(f"{path} changed while it was read")
        await tables.set_sequences(transaction, manifest.sequences)
        await trio.to_thread.run_sync(sync_directory, target.resume)


async def _fill(
    path: Path,
    manifest: Manifest,
    transaction: Transaction,
    target: Target,
    paths: PathMap,
    say: Callable[[str], None],
) -> dict[str, int]:
    shapes = {shape.name: shape for shape in await tables.shapes(transaction)}
    for shape in reversed(shapes.values()):
        await tables.clear(transaction, shape)
    counts = dict.fromkeys(manifest.tables, 0)
    told = ""
    members = read(path)
    while (member := await trio.to_thread.run_sync(next, members, None)) is not None:
        name, content = member
        if found := _TABLE_NAME.fullmatch(name):
            table = found[1]
            if table != told:
                say(told := table)
            lines = await trio.to_thread.run_sync(paths.rows, table, content.split(b"\n"))
            counts[table] += await tables.fill(transaction, shapes[table], manifest.tables[table].columns, lines)
        elif name != manifests.NAME:
            await trio.to_thread.run_sync(_put_file, target, name, content)
    return counts


def _put_file(target: Target, name: str, content: bytes) -> None:
    if found := _RECORD_NAME.fullmatch(name):
        (target.resume / found[1]).write_bytes(content)
        return
    private = target.private.get(name.removeprefix("private/"))
    if private is not None:
        write_atomically(private, content, mode=0o600)
