"""Reading and writing `.revaer.meta` so that a crash leaves the old record or the new."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from revaer.fsops.copying import discard
from revaer.fsops.disk import Disk
from revaer.fsops.errors import Refused, from_os_error
from revaer.fsops.places import META_SUFFIX
from revaer.fsops.record import Record, UnreadableRecord, decode, encode

_LARGEST: Final = 1 << 30

_HEAD: Final = 2_048
"""Bytes of a record in which the name of its entry ends, also one of 255 bytes of which each is written as six."""

_ENTRY: Final = re.compile(rb'"artifact":\{"entry":("(?:[^"\\]|\\.)*")')


def load(disk: Disk, path: Path, *, dry: bool = False) -> Record | None:
    """Read a record; None when there is none.

    A record that cannot be read is put aside under another name, where it stays until the job is forgotten, and counts
    as none; with `dry` it stays where it is.

    Raises:
        Refused: Something that is no file has its name.
        FsOpsError: The disk refused.
    """
    try:
        content = read(disk, path)
        return None if content is None else decode(content)
    except UnreadableRecord:
        if not dry:
            _put_aside(disk, path)
        return None


def read(disk: Disk, path: Path, largest: int = _LARGEST) -> bytes | None:
    """Return the content of a record's file, at most so many bytes; None when there is none. Raises FsOpsError."""
    try:
        if not stat.S_ISREG(disk.lstat(path).st_mode):
            raise Refused("the record of the job is no file; move it away", path=str(path))
        descriptor = disk.open_read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, "read the record of the job", path=path) from error
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor
        return stream.read(largest)


def owners(disk: Disk, folder: Path, check: Callable[[], None]) -> dict[str, list[Path]]:
    """Return the files of the records in a folder that say what they published, by the entry's name.

    Only the beginning of each is read, and not whether the rest of it makes sense.

    Args:
        disk: The disk.
        folder: Where records lie.
        check: Called before each; what it raises ends the search.

    Raises:
        FsOpsError: A record cannot be read.
        OSError: The folder cannot be listed.
    """
    found: dict[str, list[Path]] = {}
    for path in find_all(folder):
        check()
        match = _ENTRY.search(read(disk, path, _HEAD) or b"")
        if match is not None:
            with suppress(msgspec.MsgspecError, UnicodeDecodeError):
                found.setdefault(msgspec.json.decode(match[1], type=str), []).append(path)
    return found


def save(disk: Disk, path: Path, record: Record) -> None:
    """Write a record and return when it is durable. Raises OSError; the old record is untouched then."""
    temporary = half_written(path)
    discard(disk, temporary)
    descriptor = disk.create(temporary, 0o600)
    try:
        disk.write(descriptor, encode(record))
        disk.sync(descriptor)
    finally:
        disk.close(descriptor)
    disk.rename(temporary, path)
    disk.sync_path(path.parent, directory=True)


def half_written(path: Path) -> Path:
    """Return where a record lies while it is written."""
    return path.with_name(f".{path.name}.tmp")


def put_aside(path: Path) -> Iterator[Path]:
    """Yield the names under which records that cannot be read are put aside, in the order in which they are taken."""
    for number in range(1, 1_000):
        yield path.with_name(f"{path.name}.unreadable-{number}")


def find_all(folder: Path) -> Iterator[Path]:
    """Yield the files of all records in a folder, in the order of their names; none when there is no folder."""
    if folder.is_dir():
        yield from sorted(each for each in folder.iterdir() if each.name.endswith(META_SUFFIX) and each.name[0] != ".")


def _put_aside(disk: Disk, path: Path) -> None:
    for aside in put_aside(path):
        try:
            disk.lstat(aside)
        except FileNotFoundError:
            disk.rename(path, aside)
            return
    raise Refused("too many unreadable records of this job were put aside; look into them", path=str(path))
