"""The files that belong to one intent: its fast-resume record and its last-known copy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import trio

from revaer.resume import copy_format, record_format
from revaer.resume.copies import Copies
from revaer.resume.disk import ANSWER, Disk, Lane, no_answer, promptly
from revaer.resume.documents import Stored
from revaer.resume.errors import BrokenFile
from revaer.resume.records import Records
from revaer.types import TorrentId


class Files:
    """Lets files follow the intents.

    Args:
        disk: The resume directory.
        lane: Where it is used.
        records: The writer of records.
        copies: The writer of copies.
    """

    def __init__(self, disk: Disk, lane: Lane, records: Records, copies: Copies) -> None:
        self._disk = disk
        self._lane = lane
        self._records = records
        self._copies = copies

    def keep(self, stored: Stored, *, keeps_metainfo: bool = False) -> None:
        """Follow a commit; see `Copies.put`."""
        self._records.expect(stored.intent.torrent_id)
        self._copies.put(stored, keeps_metainfo=keeps_metainfo)

    def refresh(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Have copies made from the rows, where there are rows."""
        self._copies.refresh(torrent_ids)

    async def copy_of(self, torrent_id: TorrentId) -> Stored | None:
        """Return the last-known copy of an intent, None without a usable one.

        Raises:
            TimeoutError: The disk does not answer.
        """
        return await promptly(self._lane, _read_copy, self._disk, torrent_id)

    async def remove(self, torrent_ids: Sequence[TorrentId]) -> Mapping[TorrentId, OSError]:
        """Delete the files of intents, durably; return why some are still there. The gate must be held."""
        with trio.move_on_after(ANSWER):
            await self._records.forget(torrent_ids)
            await self._copies.forget(torrent_ids)
            return await self._lane.run(_remove, self._disk, torrent_ids)
        return dict.fromkeys(torrent_ids, no_answer())


def _read_copy(disk: Disk, torrent_id: TorrentId) -> Stored | None:
    try:
        return copy_format.unpack_copy(torrent_id, disk.read(torrent_id + copy_format.SUFFIX))
    except (OSError, BrokenFile):
        return None


def _remove(disk: Disk, torrent_ids: Sequence[TorrentId]) -> dict[TorrentId, OSError]:
    failures: dict[TorrentId, OSError] = {}
    for torrent_id in torrent_ids:
        try:
            disk.remove(torrent_id + copy_format.SUFFIX)
            disk.remove(torrent_id + record_format.SUFFIX)
        except OSError as error:
            failures[torrent_id] = error
    try:
        disk.sync_directory()
    except OSError as error:
        return dict.fromkeys(torrent_ids, error)
    return failures
