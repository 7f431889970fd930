"""Where the records are: a node whose `resume_dir` was changed takes them along at its next start.

A note beside the data says which directory was used last. What is there is carried to the new one first, then the note
is written, and only then what was carried is deleted: a crash at any point is followed by the same, or by nothing to
do. What was carried already is known by its size and time: a start goes on where the one before it ended. The records
of another node are never taken, also by a copy of it, whose note was the other's.
Everything here blocks.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from revaer.files import sync_directory, write_atomically
from revaer.resume import copy_format, doubts, marker, record_format
from revaer.resume.atomic import is_temporary, write_files
from revaer.resume.disk import PosixDisk
from revaer.resume.records import WAYS

WITHIN: Final = 80.0
"""Seconds that bringing the records may take: less than a start may."""

_BATCH: Final = 256
"""How many files are made durable together."""

_SUFFIXES: Final = (copy_format.SUFFIX, record_format.SUFFIX)
_STRAYS: Final = "quarantine"
_NO_LINKS: Final = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the records are now.

    Attributes:
        root: the directory to use.
        carried: how many files came from another one.
        aside: how many files of ours were in its way there, and are in its quarantine.
        trouble: why it is not the directory that was asked for; empty when it is.
    """

    root: Path
    carried: int = 0
    aside: int = 0
    trouble: str = ""


def settle(note: Path, wanted: Path, first: Path, *, within: float = WITHIN) -> Place:
    """Bring the records to the directory that is wanted. When only that one has any, they are there already.

    Args:
        note: the file that says which directory was used last.
        wanted: where they shall be.
        first: where they were when nothing was noted yet.
        within: seconds that bringing them may take; what is left is brought by the next call.

    Returns:
        The directory to use: the one before when they could not be brought, so that nothing is lost or hashed anew.
    """
    before = _noted(note) or first
    if before == wanted or not _exists(before):
        return Place(wanted, trouble=_write_note(note, wanted, first))
    try:
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = _ours(before)
        aside = _set_strays_aside(wanted, names) if names else 0
        _carry(before, wanted, names, time.monotonic() + within)
        write_atomically(note, _written(note, wanted, first))
    except OSError as error:
        why = error.strerror or type(error).__name__
        return Place(before, trouble=f"the records stay in {before}, they cannot be brought to {wanted}: {why}")
    for name in names:
        with suppress(OSError):
            (before / name).unlink(missing_ok=True)
    return Place(wanted, len(names), aside)


def _noted(note: Path) -> Path | None:
    try:
        text = os.fsdecode(note.read_bytes()).strip()
    except OSError:
        return None
    place = note.parent / text
    return place if text and not _is_of_another(place, note) else None


def _is_of_another(place: Path, note: Path) -> bool:
    """Tell whether a directory lies in the data of another node: there is a note like ours above it."""
    above = [folder for folder in place.parents if folder != note.parent and (folder / note.name).exists()]
    return bool(above) and not place.is_relative_to(note.parent)


def _exists(folder: Path) -> bool:
    """Tell whether a directory is there. One that cannot be looked at is: what is in it must not be forgotten."""
    try:
        folder.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _written(note: Path, wanted: Path, first: Path) -> bytes:
    """Write a place down. The usual one goes along with the data, wherever that is moved or copied to."""
    goes_along = wanted == first and wanted.is_relative_to(note.parent)
    return os.fsencode(wanted.relative_to(note.parent) if goes_along else wanted)


def _write_note(note: Path, wanted: Path, first: Path) -> str:
    text = _written(note, wanted, first)
    try:
        if note.exists() and note.read_bytes() == text:
            return ""
        write_atomically(note, text)
    except OSError as error:
        return f"{note} cannot be written: {error.strerror}"
    return ""


def _carry(before: Path, wanted: Path, names: set[str], deadline: float) -> None:
    """Give the wanted directory these files of the one before, durably."""
    missing = [name for name in sorted(names) if not _is_same(before / name, wanted / name)]
    files = [name for name in missing if name != marker.NAME]
    for start in range(0, len(files), _BATCH):
        if start and time.monotonic() > deadline:
            why = f"{start} of {len(files)} files were brought in the time of a start, the next start goes on with them"
            raise TimeoutError(errno.ETIMEDOUT, why)
        _bring_batch(before, wanted, files[start : start + _BATCH])
    if marker.NAME in missing:
        # The mark of a clean stop says that all others are whole: it comes last.
        _bring(before, wanted, [marker.NAME])
    sync_directory(wanted)


def _bring_batch(before: Path, wanted: Path, names: Sequence[str]) -> None:
    """Bring files in parts: a disk makes many files durable at once for the price of few."""
    parts = [names[way::WAYS] for way in range(min(WAYS, len(names)))]
    with ThreadPoolExecutor(WAYS) as pool:
        # Read to the end, so that what a part raises is raised here.
        list(pool.map(partial(_bring, before, wanted), parts))


def _ours(folder: Path) -> set[str]:
    kept = {path.name for path in folder.iterdir() if path.suffix in _SUFFIXES and path.is_file()}
    return kept | {name for name in (marker.NAME, doubts.FILE) if (folder / name).is_file()}


def _set_strays_aside(folder: Path, expected: set[str]) -> int:
    """Take out of use what an earlier time left in a directory: it says nothing about the torrents of today."""
    for path in [path for path in folder.iterdir() if is_temporary(path.name)]:
        path.unlink()
    strays = _ours(folder) - expected
    if marker.NAME in strays:
        (folder / marker.NAME).unlink()
    for name in strays - {marker.NAME}:
        (folder / _STRAYS).mkdir(mode=0o700, exist_ok=True)
        (folder / name).replace(folder / _STRAYS / f"{name}.{secrets.token_hex(4)}")
    return len(strays - {marker.NAME})


def _is_same(source: Path, target: Path) -> bool:
    """Tell whether a file was carried already. Files are only ever replaced, so that a change shows in the time."""
    try:
        there = target.stat()
    except FileNotFoundError:
        return False
    here = source.stat()
    return (here.st_size, here.st_mtime_ns) == (there.st_size, there.st_mtime_ns)


def _bring(before: Path, wanted: Path, names: Sequence[str]) -> None:
    """Link files, or copy them where that cannot be."""
    copied = [name for name in names if not _link(before / name, wanted / name)]
    for failure in write_files(PosixDisk(wanted), {name: _content(before / name) for name in copied}).values():
        raise failure
    for name in copied:
        times = (before / name).stat()
        os.utime(wanted / name, ns=(times.st_atime_ns, times.st_mtime_ns))


def _link(source: Path, target: Path) -> bool:
    """Give a file another name, which is as good as a copy; tell whether that can be."""
    temporary = target.parent / f".carried.{secrets.token_hex(8)}.tmp"
    try:
        os.link(source, temporary)
        temporary.replace(target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return False
    finally:
        # A rename onto another name of the same file leaves both.
        temporary.unlink(missing_ok=True)
    return True


def _content(path: Path) -> Iterator[bytes]:
    """Read a file when it is its turn."""
    yield path.read_bytes()
