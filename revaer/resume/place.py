"""Where the records are: a node whose `resume_dir` was changed takes them along at its next start.

A note beside the data says which directory was used last. What is there is carried to the new one first, then the note
is written, and only then what was carried is deleted: a crash at any point is followed by the same, or by nothing to
do.
Everything here blocks.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from revaer.files import sync_directory, write_atomically
from revaer.resume import copy_format, doubts, marker, record_format

_SUFFIXES: Final = (copy_format.SUFFIX, record_format.SUFFIX)
_TEMPORARY: Final = re.compile(r"\.carried\.[0-9a-f]{16}\.tmp")
_STRAYS: Final = "quarantine"
_NO_LINKS: Final = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the records are now.

    Attributes:
        root: the directory to use.
        carried: how many files came from another one.
        trouble: why it is not the directory that was asked for; empty when it is.
    """

    root: Path
    carried: int = 0
    trouble: str = ""


def settle(note: Path, wanted: Path, first: Path) -> Place:
    """Bring the records to the directory that is wanted.

    Args:
        note: the file that says which directory was used last.
        wanted: where they shall be.
        first: where they were when nothing was noted yet.

    Returns:
        The directory to use: the one before when they could not be brought, so that nothing is lost or hashed anew.
    """
    before = _noted(note) or first
    if before == wanted or not _exists(before):
        return Place(wanted, 0, _write_note(note, wanted))
    try:
        names = _carry(before, wanted)
        write_atomically(note, os.fsencode(wanted))
    except OSError as error:
        why = error.strerror or type(error).__name__
        return Place(before, 0, f"the records stay in {before}, they cannot be brought to {wanted}: {why}")
    for name in names:
        with suppress(OSError):
            (before / name).unlink(missing_ok=True)
    return Place(wanted, len(names))


def _noted(note: Path) -> Path | None:
    try:
        text = os.fsdecode(note.read_bytes()).strip()
    except OSError:
        return None
    return Path(text) if text.startswith("/") else None


def _exists(folder: Path) -> bool:
    """Tell whether a directory is there. One that cannot be looked at is: what is in it must not be forgotten."""
    try:
        folder.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _write_note(note: Path, wanted: Path) -> str:
    if _noted(note) == wanted:
        return ""
    try:
        write_atomically(note, os.fsencode(wanted))
    except OSError as error:
        return f"{note} cannot be written: {error.strerror}"
    return ""


def _carry(before: Path, wanted: Path) -> list[str]:
    """Give the wanted directory exactly the files of the one before, durably; return their names."""
    wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = _ours(before)
    _set_strays_aside(wanted, names)
    # The mark of a clean stop says that all others are whole: it comes last.
    for name in sorted(names, key=lambda name: name == marker.NAME):
        _bring(before / name, wanted / name)
    sync_directory(wanted)
    return sorted(names)


def _ours(folder: Path) -> set[str]:
    kept = {path.name for path in folder.iterdir() if path.suffix in _SUFFIXES and path.is_file()}
    return kept | {name for name in (marker.NAME, doubts.FILE) if (folder / name).is_file()}


def _set_strays_aside(folder: Path, expected: set[str]) -> None:
    """Take out of use what an earlier time left in a directory: it says nothing about the torrents of today."""
    for path in [path for path in folder.iterdir() if _TEMPORARY.fullmatch(path.name)]:
        path.unlink()
    for name in _ours(folder) - expected:
        if name == marker.NAME:
            (folder / name).unlink()
            continue
        (folder / _STRAYS).mkdir(mode=0o700, exist_ok=True)
        (folder / name).replace(folder / _STRAYS / f"{name}.{secrets.token_hex(4)}")


def _bring(source: Path, target: Path) -> None:
    temporary = target.parent / f".carried.{secrets.token_hex(8)}.tmp"
    try:
        try:
            # Files are only ever replaced, never written to: another name is as good as a copy.
            os.link(source, temporary)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _copy(source, temporary)
        temporary.replace(target)
    finally:
        # A rename onto another name of the same file leaves both.
        temporary.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("xb") as writer:
        os.fchmod(writer.fileno(), 0o600)
        shutil.copyfileobj(reader, writer)
        writer.flush()
        os.fsync(writer.fileno())
