"""Looking at trees without ever following a symbolic link."""

from __future__ import annotations

import enum
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from revaer.fsops.disk import StrPath
from revaer.fsops.record import Stamp


class Kind(enum.Enum):
    """What an entry is."""

    FILE = enum.auto()
    DIRECTORY = enum.auto()
    LINK = enum.auto()
    OTHER = enum.auto()


class Entry(msgspec.Struct, frozen=True, gc=False):
    """Something below a directory.

    Attributes:
        path: Relative to that directory.
        mode: Permission bits, setuid and sticky among them.
        link: The target of a symbolic link.
    """

    path: str
    kind: Kind
    stamp: Stamp
    dev: int
    mode: int
    nlink: int
    uid: int
    gid: int
    link: str | None = None


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the stamp of a file."""
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns)


def kind_of(mode: int) -> Kind:
    """Return what a file with these mode bits is."""
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.LINK if stat.S_ISLNK(mode) else Kind.OTHER


def look(path: StrPath, relative: str = "") -> Entry:
    """Describe one entry. Raises OSError."""
    status = os.lstat(path)
    kind = kind_of(status.st_mode)
    return Entry(
        relative,
        kind,
        stamp_of(status),
        status.st_dev,
        stat.S_IMODE(status.st_mode),
        status.st_nlink,
        status.st_uid,
        status.st_gid,
        os.readlink(path) if kind is Kind.LINK else None,  # noqa: PTH115 - Path would tidy the target up
    )


def walk(root: Path) -> Iterator[Entry]:
    """Yield everything below a directory, each directory before its content, names in order.

    What vanishes meanwhile is left out. Raises OSError, also when there is no such directory.
    """
    pending = [""]
    while pending:
        relative = pending.pop()
        folder = f"{root}/{relative}" if relative else f"{root}"
        try:
            with os.scandir(folder) as found:
                names = sorted(each.name for each in found)
        except (FileNotFoundError, NotADirectoryError):
            if relative:
                continue
            raise
        deeper = []
        for name in names:
            path = f"{relative}/{name}" if relative else name
            try:
                entry = look(f"{folder}/{name}", path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            yield entry
            if entry.kind is Kind.DIRECTORY:
                deeper.append(path)
        pending.extend(reversed(deeper))


def snapshot(root: Path) -> dict[str, Entry]:
    """Return everything below a directory by path; nothing when there is no such directory. Raises OSError."""
    try:
        return {entry.path: entry for entry in walk(root)}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def is_plain_directory(path: Path) -> bool:
    """Tell whether a path is a directory itself and not a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def parents(path: str) -> Iterator[str]:
    """Yield the directories above a relative path, the outermost first."""
    parts = path.split("/")
    for count in range(1, len(parts)):
        yield "/".join(parts[:count])


def directories_of(paths: Iterable[str]) -> set[str]:
    """Return all directories above some relative paths."""
    lowest = {path.rpartition("/")[0] for path in paths} - {""}
    return lowest.union(above for path in lowest for above in parents(path))
