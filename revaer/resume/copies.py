"""Last-known copies of the intents, beside the records: what is left when the database is lost.

A copy is written in the background, after the commit. When the metainfo did not change it is taken from the copy
before. A copy that cannot be made from what is in memory is made from the row, when the database is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import trio

from revaer.database.messages import Database, DatabaseError
from revaer.resume.atomic import write_files
from revaer.resume.copy_format import SUFFIX, pack_copy, unpack_copy
from revaer.resume.disk import Disk, Lane
from revaer.resume.documents import Stored
from revaer.resume.errors import BrokenFile
from revaer.resume.keeper import Keeper
from revaer.resume.problems import Problems
from revaer.resume.rows import rows_by_id
from revaer.types import TorrentId

BATCH: Final = 128
MAX_HELD: Final = 64 * 1024 * 1024
"""How much metainfo, in bytes, may wait in memory; beyond it copies are made from rows."""

PATIENCE: Final = 2.0
"""Seconds that copies may wait for the end of a burst: writing them takes more than all that an add has to do."""

_RETRY: Final = 1.0


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy to be written; `keeps_metainfo` tells that the one on disk has the metainfo."""

    stored: Stored
    keeps_metainfo: bool


BROKEN: Final = "broken copies"
UNREAD: Final = "unread copies"
"""Names of the problems that intents have until a copy of them is written."""


class Copies:
    """Keeps the newest copy of each intent.

    Args:
        database: Where rows are read.
        gate: Held while intents are written or loaded.
        disk: The resume directory.
        lane: Where it is used.
        problems: Where failures are reported.
        max_held: How much metainfo, in bytes, may wait in memory.
    """

    def __init__(
        self,
        database: Database,
        gate: trio.Lock,
        disk: Disk,
        lane: Lane,
        problems: Problems,
        *,
        max_held: int = MAX_HELD,
    ) -> None:
        self._database = database
        self._gate = gate
        self._disk = disk
        self._lane = lane
        self._problems = problems
        self._held: dict[TorrentId, int] = {}
        self._held_bytes = 0
        self._max_held = max_held
        self._wanted: dict[TorrentId, None] = {}
        self._some_wanted = trio.Event()
        self._keeper: Keeper[Copy] = Keeper(
            "copies of intents",
            self._write,
            problems=problems,
            batch=BATCH,
            patience=PATIENCE,
            merge=_merge,
            on_outcome=self._note,
        )

    @property
    def waiting(self) -> int:
        """How many copies are not on disk yet."""
        return len(self._keeper) + len(self._wanted)

    def put(self, stored: Stored, *, keeps_metainfo: bool = False) -> None:
        """Have a copy written. With `keeps_metainfo` the intent comes without the metainfo it has.

        Call it before the gate is opened after a commit, so that copies follow in the order of commits.
        """
        torrent_id = stored.intent.torrent_id
        size = len(stored.intent.metainfo or b"")
        if size and self._held_bytes + size > self._max_held:
            self.refresh([torrent_id])
            return
        if size:
            self._release(torrent_id)
            self._held[torrent_id] = size
            self._held_bytes += size
        self._keeper.put(torrent_id, Copy(stored, keeps_metainfo))

    def refresh(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Have copies made from the rows."""
        self._wanted |= dict.fromkeys(torrent_ids)
        if self._wanted:
            self._some_wanted.set()

    async def forget(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Write no copy of these intents any more. The gate must be held."""
        forgotten = tuple(torrent_ids)
        for torrent_id in forgotten:
            self._wanted.pop(torrent_id, None)
            self._release(torrent_id)
        await self._keeper.drop(forgotten)
        for torrent_id in forgotten:
            # A write in flight may have asked for its row meanwhile.
            self._wanted.pop(torrent_id, None)
        self._mended(forgotten)

    async def settled(self) -> None:
        """Wait until every copy put so far is on disk. Those still to be made from rows are not waited for."""
        await self._keeper.settled()

    async def run(self) -> None:
        """Write until cancelled."""
        await self._keeper.run()

    async def run_refresh(self) -> None:
        """Make copies from rows until cancelled."""
        while True:
            await self._some_wanted.wait()
            await self._database.wait_available()
            try:
                await self._refresh_some()
            except DatabaseError:
                await trio.sleep(_RETRY)

    async def _refresh_some(self) -> None:
        async with self._gate:
            chosen = list(self._wanted)[:BATCH]
            rows = await rows_by_id(self._database, self._lane, chosen)
            for torrent_id in chosen:
                self._wanted.pop(torrent_id, None)
                stored = rows.get(torrent_id)
                if isinstance(stored, Stored):
                    self._keeper.put(torrent_id, Copy(stored, keeps_metainfo=False))
            if not self._wanted:
                self._some_wanted = trio.Event()
        # One batch in memory at a time.
        await self._keeper.settled()

    async def _write(self, batch: Mapping[TorrentId, Copy]) -> Mapping[TorrentId, OSError]:
        failures, sourceless = await self._lane.run(_write_copies, self._disk, batch)
        self.refresh(sourceless)
        self._mended(batch.keys() - failures.keys() - set(sourceless))
        return failures

    def _mended(self, torrent_ids: Collection[TorrentId]) -> None:
        for name in (BROKEN, UNREAD):
            self._problems.clear_each(name, torrent_ids)

    def _note(self, torrent_id: TorrentId, written: bool) -> None:
        if written and self._keeper.newest(torrent_id) is None:
            self._release(torrent_id)

    def _release(self, torrent_id: TorrentId) -> None:
        self._held_bytes -= self._held.pop(torrent_id, 0)


def _merge(older: Copy, newer: Copy) -> Copy:
    """Let a copy follow one that was not written: the metainfo that it keeps is the older one's."""
    if not newer.keeps_metainfo:
        return newer
    intent = replace(newer.stored.intent, metainfo=older.stored.intent.metainfo)
    return Copy(replace(newer.stored, intent=intent), older.keeps_metainfo)


def _write_copies(disk: Disk, batch: Mapping[TorrentId, Copy]) -> tuple[dict[TorrentId, OSError], list[TorrentId]]:
    """Write copies; return why some were not written, and which ones lack the metainfo they keep."""
    files: dict[str, tuple[bytes, bytes]] = {}
    sourceless: list[TorrentId] = []
    for torrent_id, copy in batch.items():
        stored = copy.stored if not copy.keeps_metainfo else _with_metainfo_of_disk(disk, copy.stored)
        if stored is None:
            sourceless.append(torrent_id)
        else:
            files[torrent_id + SUFFIX] = pack_copy(stored)
    failed = write_files(disk, files)
    failures = {torrent_id: failed[torrent_id + SUFFIX] for torrent_id in batch if torrent_id + SUFFIX in failed}
    return failures, sourceless


def _with_metainfo_of_disk(disk: Disk, stored: Stored) -> Stored | None:
    torrent_id = stored.intent.torrent_id
    try:
        before = unpack_copy(torrent_id, disk.read(torrent_id + SUFFIX))
    except (OSError, BrokenFile):
        return None
    return replace(stored, intent=replace(stored.intent, metainfo=before.intent.metainfo))
