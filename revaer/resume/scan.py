"""Looking through the resume directory. Everything here blocks: it runs in a lane."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from revaer.resume import copy_format, record_format
from revaer.resume.atomic import is_temporary
from revaer.resume.copy_format import CopyHead
from revaer.resume.disk import Disk
from revaer.resume.documents import Stored
from revaer.resume.errors import BrokenFile, UnreadFile
from revaer.types import TorrentId

_NAME: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(\.[a-z]+)")

RecordFiles: TypeAlias = dict[TorrentId, bytes | BrokenFile | UnreadFile]
"""Fast-resume records by torrent; one that is of no use by what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What the directory holds: whole records, and the heads of copies; useless ones by what is wrong with them."""

    records: RecordFiles = field(default_factory=dict)
    copies: dict[TorrentId, CopyHead | BrokenFile | UnreadFile] = field(default_factory=dict)


def scan(disk: Disk) -> Scan:
    """Read every record and the head of every copy. Files of other names are left alone.

    Raises:
        OSError: The directory cannot be listed.
    """
    found = Scan()
    for name in disk.names():
        parts = _NAME.fullmatch(name)
        if parts is None:
            continue
        torrent_id = TorrentId(parts[1])
        if parts[2] == record_format.SUFFIX:
            found.records.update(read_records(disk, [torrent_id]))
        elif parts[2] == copy_format.SUFFIX:
            found.copies[torrent_id] = _read_head(disk, torrent_id)
    return found


def read_records(disk: Disk, torrent_ids: Iterable[TorrentId]) -> RecordFiles:
    """Read the records of some torrents; a torrent without a file is left out."""
    found: RecordFiles = {}
    for torrent_id in torrent_ids:
        try:
            found[torrent_id] = record_format.unpack_record(torrent_id, disk.read(torrent_id + record_format.SUFFIX))
        except FileNotFoundError:
            continue
        except (BrokenFile, OSError) as error:
            found[torrent_id] = _useless(error)
    return found


def read_copies(disk: Disk, torrent_ids: Iterable[TorrentId]) -> dict[TorrentId, Stored | BrokenFile | UnreadFile]:
    """Read some copies whole."""
    found: dict[TorrentId, Stored | BrokenFile | UnreadFile] = {}
    for torrent_id in torrent_ids:
        try:
            found[torrent_id] = copy_format.unpack_copy(torrent_id, disk.read(torrent_id + copy_format.SUFFIX))
        except (BrokenFile, OSError) as error:
            found[torrent_id] = _useless(error)
    return found


def sweep(disk: Disk) -> list[str]:
    """Make the directory when it is missing, and delete what unfinished writes of an earlier run left.

    Returns:
        What would not go; it is in nobody's way.

    Raises:
        OSError: The directory cannot be made or listed.
    """
    disk.make("")
    left: list[str] = []
    for name in filter(is_temporary, disk.names()):
        try:
            disk.remove(name)
        except OSError:
            left.append(name)
    return left


def _read_head(disk: Disk, torrent_id: TorrentId) -> CopyHead | BrokenFile | UnreadFile:
    name = torrent_id + copy_format.SUFFIX
    try:
        content, size = disk.head(name, copy_format.HEAD_LENGTH)
        head = copy_format.read_head(torrent_id, content)
        if head is None:
            # A line longer than usual, or none.
            head = copy_format.read_head(torrent_id, disk.read(name))
        return copy_format.checked(head, size)
    except (BrokenFile, OSError) as error:
        return _useless(error)


def _useless(error: BrokenFile | OSError) -> BrokenFile | UnreadFile:
    return error if isinstance(error, BrokenFile) else UnreadFile(error.strerror or str(error))
