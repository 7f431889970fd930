"""Makes a backup: the database as of one moment, then the files beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import trio

from revaer.backup import tables
from revaer.backup.bundle import BundleWriter, writing
from revaer.backup.errors import SourceChanged
from revaer.backup.manifest import FORMAT, Manifest, Table
from revaer.database.messages import Database, Transaction

WITHIN: Final = 6 * 3600.0
"""Seconds that a backup may take: a journal of a million events, on a slow disk."""
RECORD: Final = ".fastresume"
_SCHEMA: Final = "SELECT name, checksum FROM schema_migrations"


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a node that go into its backup.

    Attributes:
        resume: the directory with the fast-resume records.
        private: files with keys, by their name in the backup; one that is not there is left out.
        epoch: how often the node was started.
        version: of this program.
    """

    resume: Path
    private: tuple[tuple[str, Path], ...]
    epoch: int
    version: str


async def take(
    path: Path, database: Database, source: Source, *, journal: bool = True, say: Callable[[str], None] = lambda _: None
) -> Manifest:
    """Write a backup and return what it holds.

    Args:
        path: the file to make.
        database: may be in use by a daemon meanwhile.
        source: what lies beside it.
        journal: whether past events go with it.
        say: told what is being done.

    Raises:
        SourceChanged: keys cannot be read, or were changed in this moment.
        BackupError: the disk refuses, or the file is there already.
        DatabaseError: the database went away.
    """
    with writing(path) as bundle:
        keys = await trio.to_thread.run_sync(_read_keys, source)
        async with database.transaction(within=WITHIN) as snapshot:
            await tables.freeze(snapshot)
            schema = {row["name"]: row["checksum"] for row in await snapshot.fetch(_SCHEMA)}
            if await trio.to_thread.run_sync(_read_keys, source) != keys:
                # Which of them the rows were sealed with cannot be told.
                raise SourceChanged("keys were changed in this moment; make the backup again")
            sequences = await tables.sequences(snapshot)
            held = await _put_tables(bundle, snapshot, journal=journal, say=say)
        say("fast-resume records")
        await trio.to_thread.run_sync(_put_files, bundle, source, keys)
        manifest = Manifest(
            format=FORMAT,
            product="revaer",
            version=source.version,
            made_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            schema_files=schema,
            tables=held,
            sequences=sequences,
            epoch=source.epoch,
            members=bundle.members,
        )
        await trio.to_thread.run_sync(bundle.finish, manifest)
        say("reading it again")
    return manifest


async def _put_tables(
    bundle: BundleWriter, snapshot: Transaction, *, journal: bool, say: Callable[[str], None]
) -> dict[str, Table]:
    held: dict[str, Table] = {}
    for shape in await tables.shapes(snapshot):
        if not journal and shape.name in tables.JOURNAL:
            continue
        say(shape.name)
        rows = part = 0
        async for count, lines in tables.chunks(snapshot, shape):
            part += 1
            rows += count
            await trio.to_thread.run_sync(bundle.put, f"tables/{shape.name}/{part:06}.jsonl", lines)
        held[shape.name] = Table(columns=shape.columns, rows=rows)
    return held


def _read_keys(source: Source) -> dict[str, bytes]:
    try:
        return {f"private/{name}": path.read_bytes() for name, path in source.private if path.exists()}
    except OSError as error:
        raise SourceChanged(f"cannot read {error.filename}: {error.strerror}") from error


def _put_files(bundle: BundleWriter, source: Source, keys: Mapping[str, bytes]) -> None:
    for name, content in keys.items():
        bundle.put(name, content)
    for path in sorted(source.resume.glob(f"*{RECORD}")):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue  # its torrent was removed a moment ago
        except OSError as error:
            raise SourceChanged(f"cannot read {error.filename}: {error.strerror}") from error
        bundle.put(f"resume/{path.name}", content)
