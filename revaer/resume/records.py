"""Fast-resume records: kept in the background, one file per torrent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, TypeAlias

from revaer.resume.atomic import write_files
from revaer.resume.disk import Disk, Lane
from revaer.resume.keeper import Keeper
from revaer.resume.problems import Problems
from revaer.resume.record_format import SUFFIX, pack_record
from revaer.types import TorrentId

BATCH: Final = 256
WAYS: Final = 8
FORGOTTEN: Final = 10_000
"""How many forgotten torrents are remembered, to turn away records that come after the farewell."""

SaveOutcome: TypeAlias = Literal["written", "failed", "replaced", "forgotten"]
"""What became of a record: written; failed and waiting again; replaced by a newer one before it was written; or turned
away because its torrent was forgotten."""


BROKEN: Final = "broken records"
UNREAD: Final = "unread records"
"""Names of the problems that torrents have until a record of them is written."""


class Records:
    """Keeps the newest record of each torrent.

    Args:
        disk: The resume directory.
        lane: Where it is used.
        problems: Where failures are reported.
        on_save: Called with what became of each record.
    """

    def __init__(self, disk: Disk, lane: Lane, problems: Problems, on_save: Callable[[SaveOutcome], None]) -> None:
        self._disk = disk
        self._lane = lane
        self._problems = problems
        self._on_save = on_save
        self._forgotten: dict[TorrentId, None] = {}
        self._keeper: Keeper[bytes] = Keeper(
            "fast-resume records", self._write, problems=problems, batch=BATCH, ways=WAYS, on_outcome=self._note
        )

    @property
    def written(self) -> int:
        """How many records were written."""
        return self._keeper.written

    @property
    def waiting(self) -> int:
        """How many records are not on disk yet."""
        return len(self._keeper)

    def save(self, torrent_id: TorrentId, record: bytes) -> None:
        """Have a record written."""
        if torrent_id in self._forgotten:
            self._on_save("forgotten")
        elif self._keeper.put(torrent_id, record):
            self._on_save("replaced")

    def newest(self, torrent_id: TorrentId) -> bytes | None:
        """Return the record of a torrent that is not on disk yet, or None."""
        return self._keeper.newest(torrent_id)

    def expect(self, torrent_id: TorrentId) -> None:
        """Take records of a torrent that is there again."""
        self._forgotten.pop(torrent_id, None)

    async def forget(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Write no record of these torrents any more, also none that comes late."""
        forgotten = tuple(torrent_ids)
        self._forgotten |= dict.fromkeys(forgotten)
        while len(self._forgotten) > FORGOTTEN:
            del self._forgotten[next(iter(self._forgotten))]
        await self._keeper.drop(forgotten)
        self._mended(forgotten)

    async def settled(self) -> None:
        """Wait until everything saved so far is on disk."""
        await self._keeper.settled()

    async def run(self) -> None:
        """Write until cancelled."""
        await self._keeper.run()

    async def _write(self, batch: Mapping[TorrentId, bytes]) -> Mapping[TorrentId, OSError]:
        failures = await self._lane.run(_write_records, self._disk, batch)
        return {torrent_id: failures[torrent_id + SUFFIX] for torrent_id in batch if torrent_id + SUFFIX in failures}

    def _note(self, torrent_id: TorrentId, written: bool) -> None:
        self._on_save("written" if written else "failed")
        if written:
            self._mended([torrent_id])

    def _mended(self, torrent_ids: Iterable[TorrentId]) -> None:
        for name in (BROKEN, UNREAD):
            self._problems.clear_each(name, torrent_ids)


def _write_records(disk: Disk, batch: Mapping[TorrentId, bytes]) -> dict[str, OSError]:
    return write_files(disk, {torrent_id + SUFFIX: pack_record(torrent_id, batch[torrent_id]) for torrent_id in batch})
