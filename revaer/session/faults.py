"""Why a torrent cannot go on, said so that the reader knows what to do. Pure."""

from __future__ import annotations

import enum
import errno
from dataclasses import dataclass

from revaer.types import TorrentId

_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO, errno.ESTALE})


class FaultKind(enum.Enum):
    """What kind of trouble it is; it decides how to notice that it is over."""

    DIRECTORY = "directory"
    FILES = "files"
    DISK_FULL = "disk_full"
    READ_ONLY = "read_only"
    DISK = "disk"
    MOVE = "move"
    DUPLICATE = "duplicate"
    ENGINE = "engine"
    SOURCE = "source"
    REMOVAL = "removal"


STORAGE_KINDS = frozenset(
    {
        FaultKind.DIRECTORY,
        FaultKind.FILES,
        FaultKind.DISK_FULL,
        FaultKind.READ_ONLY,
        FaultKind.DISK,
        FaultKind.MOVE,
    }
)
"""The kinds that end when the storage is well again."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A trouble of one torrent: its kind, the message for people, the path it is about (empty when there is none) and,
    for a duplicate, the torrent that is the same."""

    kind: FaultKind
    message: str
    path: str = ""
    other: TorrentId | None = None

    @property
    def is_storage(self) -> bool:
        """Whether it ends when the storage is well again."""
        return self.kind in STORAGE_KINDS


def missing_directory(directory: str) -> Fault:
    """Explain that the download directory is not there."""
    return Fault(
        FaultKind.DIRECTORY,
        f"the directory {directory} is missing: mount its volume or put it back, the torrent then goes on by itself",
        directory,
    )


def missing_files(path: str) -> Fault:
    """Explain that payload which was verified before is not there; `path` is the first file missed."""
    return Fault(
        FaultKind.FILES,
        f"the file {path} is missing or shorter than before: mount its volume or put it back and the torrent goes on by"
        " itself, or recheck the torrent to download it again",
        path,
    )


def unusable_directory(directory: str, number: int, reason: str) -> Fault:
    """Explain that the download directory cannot be used; `number` is the system's error number."""
    if number in _GONE:
        return missing_directory(directory)
    return storage_failure(directory, directory, number, reason)


def storage_failure(directory: str, path: str, number: int, reason: str) -> Fault:
    """Explain an error of the disk.

    Args:
        directory: the torrent's download directory.
        path: what could not be read or written.
        number: the system's error number, 0 when unknown.
        reason: what the system or the engine said.
    """
    if number in _FULL:
        text = f"the disk of {directory} is full: free some space, the torrent then goes on by itself"
        return Fault(FaultKind.DISK_FULL, text, path)
    if number in _READ_ONLY:
        text = (
            f"{path} cannot be written ({reason}): make its volume writable for the daemon's user,"
            " the torrent then goes on by itself"
        )
        return Fault(FaultKind.READ_ONLY, text, path)
    if number in _GONE:
        text = f"{path} is gone ({reason}): mount its volume or put it back, the torrent then goes on by itself"
        return Fault(FaultKind.DIRECTORY, text, directory)
    text = f"the disk failed at {path} ({reason}): check the disk, the torrent is tried again by itself"
    return Fault(FaultKind.DISK, text, path)


def short_of_space(directory: str) -> Fault:
    """Explain that the volume of the download directory is nearly full."""
    text = (
        f"the volume of {directory} is nearly full, and a reserve is kept free: free some space, the torrent then goes"
        " on by itself"
    )
    return Fault(FaultKind.DISK_FULL, text, directory)


def unfinished_move(source: str, target: str, path: str, number: int, reason: str) -> Fault:
    """Explain that a move of the payload was interrupted and cannot be finished.

    Args:
        source: the directory that it leaves.
        target: the directory that it goes to.
        path: what is in the way or cannot be written.
        number: the system's error number, EEXIST for a file that is in the way.
        reason: what the system said.
    """
    advice = "check the disk"
    if number == errno.EEXIST:
        advice = "take it out of the way"
    elif number in _FULL:
        advice = "free some space"
    elif number in _READ_ONLY:
        advice = "make it writable for the daemon's user"
    elif number in _GONE:
        advice = "mount its volume or put it back"
    return Fault(
        FaultKind.MOVE,
        f"its move from {source} to {target} was interrupted and cannot be finished ({path}: {reason}): {advice} and"
        " the move goes on by itself, or move the torrent to another directory or back",
        path,
    )


def duplicate(other: TorrentId, name: str) -> Fault:
    """Explain that metadata showed two torrents to be one."""
    return Fault(
        FaultKind.DUPLICATE,
        f"its metadata shows that it is the same torrent as {other} ({name}): remove one of the two",
        other=other,
    )


def refused(reason: str) -> Fault:
    """Explain that the engine did not take the torrent."""
    return Fault(FaultKind.ENGINE, f"the engine refused it ({reason}): resume it to try again, or remove it")


def unreadable(reason: str) -> Fault:
    """Explain that the stored source cannot be used any more."""
    return Fault(FaultKind.SOURCE, f"its stored source cannot be used ({reason}): remove it and add it again")


def unfinished_removal(reason: str) -> Fault:
    """Explain that a removal which was accepted cannot be finished yet."""
    return Fault(
        FaultKind.REMOVAL, f"its removal is not finished ({reason}): it is tried again, or remove it without its data"
    )
