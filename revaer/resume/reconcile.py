"""Comparing what the database holds with the copies beside the records. Pure.

The database wins, except where the copy can only be newer: a row that is gone, or of a lower revision, means a database
that was lost or restored from a backup, and what had been accepted since is in the copy. (Forgetting deletes the copy
before the row, so a forgotten torrent does not look like a lost one.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from revaer.resume.copy_format import CopyHead
from revaer.resume.documents import Stored
from revaer.resume.errors import BrokenFile, UnreadFile
from revaer.resume.rows import Rows
from revaer.types import TorrentId


@dataclass(frozen=True, slots=True)
class Differences:
    """Where rows and copies differ, in the order of ids.

    Attributes:
        lost: Copies without a row.
        behind: Rows older than their copies.
        unreadable: Rows that cannot be read, with or without a copy.
        stale: Rows whose copy is missing, older or broken. One that was not read may be newer.
    """

    lost: tuple[TorrentId, ...]
    behind: tuple[TorrentId, ...]
    unreadable: tuple[TorrentId, ...]
    stale: tuple[TorrentId, ...]


def compare(rows: Rows, copies: Mapping[TorrentId, CopyHead | BrokenFile | UnreadFile]) -> Differences:
    """Compare the rows of the database with the copies."""
    lost = [key for key, copy in copies.items() if key not in rows and isinstance(copy, CopyHead)]
    behind: list[TorrentId] = []
    stale: list[TorrentId] = []
    unreadable: list[TorrentId] = []
    for torrent_id, row in rows.items():
        copy = copies.get(torrent_id)
        if not isinstance(row, Stored):
            unreadable.append(torrent_id)
        elif isinstance(copy, UnreadFile):
            continue
        elif not isinstance(copy, CopyHead) or copy.stored.revision < row.revision:
            stale.append(torrent_id)
        elif copy.stored.revision > row.revision:
            behind.append(torrent_id)
    return Differences(*(tuple(sorted(each)) for each in (lost, behind, unreadable, stale)))
