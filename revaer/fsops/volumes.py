"""Which volume a library is on, and whether there is room: looked at without changing anything, judged purely.

A library has a marker, `.revaer/volume.json`, with a random identity. Once it was noted, nothing is written unless the
marker is there: where a volume is not mounted, the directory beneath its mount point has none, or another. Somebody who
starts a library anew at the same place makes the empty directory `.revaer` there, which no mount point has by chance.
"""

from __future__ import annotations

import errno
import json
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from revaer.fsops import tree
from revaer.fsops.disk import Disk
from revaer.fsops.places import FOLDER

MARKER: Final = "volume.json"
"""Name of the marker in our directory of the library."""

UNKNOWN: Final = "unknown"
"""What names, for counting, all volumes that cannot be looked at."""

_RESERVE: Final = 1 << 30
_RESERVE_SHARE: Final = 20
_MARGIN: Final = 4
_LARGEST_MARKER: Final = 4_096


def reserve_of(total: int) -> int:
    """Return how many bytes of a volume stay free: 1 GiB, and at most a twentieth of it.

    Args:
        total: Bytes of the volume.
    """
    return min(_RESERVE, total // _RESERVE_SHARE)


def reserve_at(directory: Path) -> int:
    """Return how many bytes stay free of the volume that a directory is on. Raises OSError."""
    facts = os.statvfs(directory)
    return reserve_of(facts.f_blocks * facts.f_frsize)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was seen of a library.

    Attributes:
        device: Its device id; None when there is no such directory.
        folder: Whether it has our directory.
        marker: The identity in its marker; None when there is none that can be read.
        free: Bytes that may still be written, and `total` bytes of the volume.
        error: Why it cannot be looked at; None when it can.
    """

    device: int | None = None
    folder: bool = False
    marker: str | None = None
    free: int = 0
    total: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether jobs may write.

    Attributes:
        reason: Why not, a sentence; None when they may.
        short: Whether room is what is missing.
        adopt: Whether the volume is to be noted as the library's, with a marker if it has none.
    """

    reason: str | None = None
    short: bool = False
    adopt: bool = False


def look(root: Path) -> Sighting:
    """Look at a library. Blocks, perhaps for long on a network share; changes nothing."""
    try:
        device = root.stat().st_dev
        space = os.statvfs(root)
        return Sighting(
            device=device,
            folder=tree.is_plain_directory(root / FOLDER),
            marker=read_marker(root),
            free=space.f_bavail * space.f_frsize,
            total=space.f_blocks * space.f_frsize,
        )
    except FileNotFoundError:
        return Sighting()
    except OSError as error:
        return Sighting(error=error.strerror or str(error))


def judge(root: Path, seen: Sighting, known: str | None, *, was_short: bool = False) -> Verdict:
    """Decide whether jobs may write to a library.

    Args:
        root: The library, for the sentence.
        seen: What was seen of it.
        known: The identity that was noted for it; None when there is none.
        was_short: Whether there was too little room before; then somewhat more than the reserve must be free.
    """
    if seen.error is not None:
        return Verdict(f"the library {root} cannot be used: {seen.error.lower()}")
    if seen.device is None:
        return Verdict(f"the library {root} is not there; is its volume mounted?")
    if known is not None and seen.marker is None and not seen.folder:
        return Verdict(
            f"the library's volume is not mounted at {root}: its marker is missing. "
            f"If this is the right place, make the directory {root / FOLDER}"
        )
    if known is not None and seen.marker not in (None, known):
        return Verdict(
            f"another volume than the library's is mounted at {root}. "
            f"If it is the right one, delete {root / FOLDER / MARKER}"
        )
    return _judge_room(root, seen, known, was_short=was_short)


def _judge_room(root: Path, seen: Sighting, known: str | None, *, was_short: bool) -> Verdict:
    reserve = reserve_of(seen.total)
    needed = reserve + (reserve // _MARGIN if was_short else 0)
    if seen.free < needed:
        return Verdict(
            f"the volume of the library {root} has {seen.free} bytes free, and {needed} are needed to go on", short=True
        )
    return Verdict(adopt=known is None or seen.marker is None)


def read_marker(root: Path) -> str | None:
    """Return the identity in a library's marker; None when there is none that can be read."""
    try:
        descriptor = os.open(root / FOLDER / MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor
            return str(uuid.UUID(json.loads(stream.read(_LARGEST_MARKER))["volume_id"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def mark(root: Path) -> str:
    """Give a library a marker, unless it has one, and return its identity. Durable when it returns.

    Raises:
        OSError: The disk refused, or something else has the marker's name.
    """
    present = read_marker(root)
    if present is not None:
        return present
    folder = root / FOLDER
    with suppress(FileExistsError):
        folder.mkdir(0o700)
    if not tree.is_plain_directory(folder):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    identity = str(uuid.uuid4())
    temporary = folder / f".{MARKER}.tmp"
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor
        stream.write(json.dumps({"volume_id": identity}).encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    temporary.rename(folder / MARKER)
    for directory in (folder, root):
        Disk().sync_path(directory, directory=True)
    return identity


def key_of(path: str) -> str:
    """Return what names the volume of a path, for counting who uses it. Blocks. Unknown ones share a name."""
    try:
        return volume_key(os.stat(path).st_dev)  # noqa: PTH116 - may hold what a Path cannot
    except (OSError, ValueError):
        return UNKNOWN


def volume_key(device: int) -> str:
    """Return the name of a volume for counting."""
    return f"device {device}"
