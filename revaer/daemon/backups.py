"""Backups of a node on its own machine: what `revaer backup` and `revaer restore` do."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

import revaer
from revaer.backup.errors import BackupError, BrokenBackup, NotEmpty, SourceChanged, UnwritableBackup
from revaer.backup.manifest import Manifest
from revaer.backup.mapping import PathMap
from revaer.backup.restoring import Target, examine, restore
from revaer.backup.taking import Source, take
from revaer.daemon.directory import DataDirectory
from revaer.daemon.environment import Environment
from revaer.daemon.errors import DaemonError, DirectoryLocked, UsageError
from revaer.database.messages import Database, DatabaseError, InvalidDatabaseUrl, MigrationError
from revaer.database.migrations import Migration, default_folder, load_migrations
from revaer.database.service import open_database
from revaer.files import sync_directory, write_atomically

PATIENCE: Final = 20.0
"""Seconds that a database may take until it answers."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is.

    Attributes:
        directory: its data directory.
        database_url: its database; None for the private one.
        environment: names files that are elsewhere.
    """

    directory: DataDirectory
    database_url: str | None
    environment: Environment

    def private(self) -> dict[str, Path]:
        """The files with keys by their names in a backup."""
        return {
            "secret.key": self.environment.secret_key_file or self.directory.secret_key,
            "credentials.json": self.environment.credentials_file or self.directory.credentials,
        }


def back_up(place: Place, file: Path, *, journal: bool, say: Say) -> Manifest:
    """Write everything of a node but payload into a file, whether its daemon runs or not.

    Args:
        place: the node.
        file: must not exist.
        journal: whether past events go with it.
        say: told what is being done.

    Raises:
        UsageError: there is no node, or the file is there.
        DaemonError: the database or the disk does not take part.
    """
    root = place.directory.root
    if not place.directory.is_used():
        raise UsageError(f"there is no node in {root}; name its data directory with --data-dir")
    with _told(), _held(place.directory) as runs:
        return trio.run(_take, place, file.absolute(), journal, say, runs)


async def _take(place: Place, file: Path, journal: bool, say: Say, runs: bool) -> Manifest:
    source = Source(
        resume=_records(place.directory),
        private=tuple(place.private().items()),
        epoch=place.directory.epoch(),
        version=revaer.__version__,
    )
    async with _opened(place, (), visiting=runs) as database:
        return await take(file, database, source, journal=journal, say=say)


def make_anew(place: Place, file: Path, paths: PathMap, *, say: Say) -> Manifest:
    """Make a node of a backup in an empty data directory and an empty database.

    Args:
        place: where; its directory is made when missing.
        file: the backup, read to its end before anything is changed.
        paths: directories that are other ones here.
        say: told what is being done.

    Raises:
        UsageError: there is a node already, or the file is no backup that this version can use.
        DaemonError: the database or the disk does not take part.
    """
    known = load_migrations(default_folder())
    directory = place.directory
    with _told():
        say("reading the backup")
        manifest = _examined(file, known)
        if directory.restoring.exists():
            _check_keys(place, manifest)
        else:
            _check_empty(place)
        directory.prepare()
        with directory.locked(), _marked(place, file):
            schema = [migration for migration in known if migration.name in manifest.schema_files]
            trio.run(_restore, place, file, manifest, paths, say, schema)
            write_atomically(directory.root / "epoch", f"{manifest.epoch}\n".encode())
    return manifest


@contextmanager
def _marked(place: Place, file: Path) -> Iterator[None]:
    """Mark the directory for the body, and on when the body fails after it has put something there."""
    directory = place.directory
    write_atomically(directory.restoring, f"{file}\n".encode())
    try:
        yield
    except BaseException:
        if not _has_any(place):
            directory.restoring.unlink()
        raise
    directory.restoring.unlink()
    sync_directory(directory.root)


def _has_any(place: Place) -> bool:
    """Tell whether anything of a node is there."""
    directory = place.directory
    keys = any(path.exists() for path in place.private().values())
    return keys or directory.is_used() or any(directory.resume.iterdir())


async def _restore(
    place: Place, file: Path, manifest: Manifest, paths: PathMap, say: Say, schema: Sequence[Migration]
) -> None:
    target = Target(resume=place.directory.resume, private=place.private())
    async with _opened(place, schema) as database:
        await restore(file, manifest, database, target, paths=paths, say=say)


def _check_empty(place: Place) -> None:
    """Refuse where something would be overwritten."""
    if place.directory.is_used():
        raise NotEmpty(f"there is a node in {place.directory.root}; name an empty directory with --data-dir")
    for path in place.private().values():
        if path.exists():
            raise NotEmpty(f"{path} exists: move it away first, keys are never overwritten")


def _check_keys(place: Place, manifest: Manifest) -> None:
    """Refuse, where a restore is repeated, keys that it has not put there."""
    for name, path in place.private().items():
        brought = manifest.members.get(f"private/{name}")
        if path.exists() and (brought is None or hashlib.sha256(path.read_bytes()).hexdigest() != brought.sha256):
            raise NotEmpty(f"{path} is not what the backup has: move it away first, keys are never overwritten")


def look(file: Path) -> Manifest:
    """Read a backup to its end and return what it holds.

    Raises:
        UsageError: it is none that this version can use.
    """
    with _told():
        return _examined(file, load_migrations(default_folder()))


def _examined(file: Path, known: Sequence[Migration]) -> Manifest:
    try:
        return examine(file, _schema(known))
    except BrokenBackup as error:
        raise UsageError(f"{error}; copy it again, or use an earlier one. Nothing was changed") from error


def _schema(migrations: Sequence[Migration]) -> dict[str, str]:
    return {migration.name: migration.checksum for migration in migrations}


@contextmanager
def _held(directory: DataDirectory) -> Iterator[bool]:
    """Hold the directory for the body unless a daemon does; yield whether one does."""
    with ExitStack() as stack:
        try:
            stack.enter_context(directory.locked())
            runs = False
        except DirectoryLocked:
            runs = True
        yield runs


@asynccontextmanager
async def _opened(place: Place, schema: Sequence[Migration], *, visiting: bool = False) -> AsyncIterator[Database]:
    reasons = [""]
    async with open_database(
        data_dir=place.directory.root,
        url=place.database_url,
        migrations=schema,
        on_status=lambda status: reasons.append(status.reason),
        pool_size=1,
        visiting=visiting,
    ) as database:
        with trio.move_on_after(PATIENCE) as waiting:
            await database.wait_available()
        if waiting.cancelled_caught:
            raise DaemonError(f"the database does not answer: {reasons[-1] or 'it says nothing'}")
        yield database


def _records(directory: DataDirectory) -> Path:
    """Return the directory that had the records at the last start."""
    with suppress(OSError, ValueError):
        noted = Path(os.fsdecode(directory.resume_note.read_bytes()).strip())
        if noted.is_absolute():
            return noted
    return directory.resume


@contextmanager
def _told() -> Iterator[None]:
    """Say with an exit code what went wrong."""
    try:
        yield
    except BrokenBackup as error:
        raise UsageError(f"{error}; copy it again, or use an earlier one, and run the restore again") from error
    except (SourceChanged, UnwritableBackup) as error:
        raise DaemonError(str(error)) from error
    except BackupError as error:
        raise UsageError(str(error)) from error
    except (MigrationError, InvalidDatabaseUrl) as error:
        raise UsageError(str(error)) from error
    except DatabaseError as error:
        raise DaemonError(f"the database: {error}") from error
    except OSError as error:
        raise DaemonError(f"{error.filename or 'the disk'}: {error.strerror or error}") from error
