"""Deletes what forgotten jobs left in the library: work directory and record. What was published stays.

Of cancelled jobs it deletes the work directory alone.

A job is forgotten durably first; its row goes when its files are gone. So a library that is away delays nobody.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog
import trio

from actors import LaneExpired
from revaer.database.messages import Database, DatabaseError
from revaer.fsops import leftovers, meta, tree, workdir
from revaer.fsops.disk import Disk
from revaer.fsops.errors import Cancelled, FsOpsError
from revaer.fsops.places import Places
from revaer.fsops.store import JobStore
from revaer.fsops.terms import Lane, Timing
from revaer.fsops.volume_watch import VolumeWatch
from revaer.fsops.workshop import Benches
from revaer.types import TorrentId

log = structlog.get_logger("revaer.fsops")

_AT_ONCE: Final = 1_000
_WITHIN: Final = 300.0


class Sweeper:
    """Sweeps when rung, and again after a while as long as something is left.

    Args:
        database: Waited for.
        store: Knows what is forgotten.
        volumes: Knows whether a library is there.
        benches: Held while files of a torrent are deleted.
        lane: Where disks are used.
        timing: Intervals.
    """

    def __init__(
        self,
        *,
        database: Database,
        store: JobStore,
        volumes: VolumeWatch,
        benches: Benches,
        lane: Lane,
        timing: Timing,
    ) -> None:
        self._database = database
        self._store = store
        self._volumes = volumes
        self._benches = benches
        self._lane = lane
        self._timing = timing
        self._bell = trio.Event()
        self._bell.set()
        self._is_over = False
        self._cancelled: dict[TorrentId, str] = {}

    def give_back(self, torrent_id: TorrentId, library_root: str) -> None:
        """Delete the work directory of a cancelled job soon; where that fails it stays."""
        self._cancelled[torrent_id] = library_root
        self.ring()

    def ring(self) -> None:
        """Sweep soon."""
        self._bell.set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        try:
            while True:
                await self._bell.wait()
                self._bell = trio.Event()
                await self._give_back_all()
                if not await self._sweep():
                    with trio.move_on_after(self._timing.sweep):
                        await self._bell.wait()
                    self._bell.set()
        finally:
            self._is_over = True

    async def _give_back_all(self) -> None:
        while self._cancelled:
            torrent_id, root = self._cancelled.popitem()
            with suppress(LaneExpired, DatabaseError):
                if not (await self._volumes.check(Path(root))).is_absent:
                    await self._lane.run(self._give_back, torrent_id, root, within=_WITHIN)

    def _give_back(self, torrent_id: TorrentId, root: str) -> None:
        # Where its bench is taken it runs again, and goes on with what it made.
        with suppress(Cancelled), self._benches.hold(torrent_id, lambda: True):
            give_back(Path(root), torrent_id)

    async def _sweep(self) -> bool:
        """Delete what can be deleted; tell whether nothing is left."""
        try:
            await self._database.wait_available()
            is_all, last = True, None
            while True:
                forgotten = await self._store.forgotten(last, _AT_ONCE)
                for torrent_id, root in forgotten:
                    if await self._is_clean(torrent_id, root):
                        await self._store.delete(torrent_id)
                    else:
                        is_all = False
                if len(forgotten) < _AT_ONCE:
                    return is_all
                last = forgotten[-1][0]
        except (DatabaseError, LaneExpired):
            return False

    async def _is_clean(self, torrent_id: TorrentId, root: str | None) -> bool:
        if root is None:
            return True
        if (await self._volumes.check(Path(root))).is_absent:
            return False
        return await self._lane.run(self._clean, torrent_id, root, within=_WITHIN)

    def _clean(self, torrent_id: TorrentId, root: str) -> bool:
        try:
            with self._benches.hold(torrent_id, lambda: self._is_over):
                # It may have been queued again, and even have run, while this waited for the bench.
                if trio.from_thread.run(self._store.job, torrent_id) is not None:
                    return False
                return clean(Path(root), torrent_id)
        except (FsOpsError, OSError) as error:
            log.warning("fsops_leftovers_kept", torrent_id=torrent_id, library=root, reason=str(error))
            return False


def give_back(library_root: Path, torrent_id: TorrentId, disk_of: Callable[[], Disk] = Disk) -> None:
    """Delete the work directory of a job that published nothing yet, as far as that can be. Blocks."""
    try:
        places, disk = Places(Path(os.path.realpath(library_root)), torrent_id), disk_of()
        workdir.give_back(disk, places, meta.load(disk, places.meta, dry=True))
    except (FsOpsError, OSError) as error:
        log.warning("fsops_leftovers_kept", torrent_id=torrent_id, library=str(library_root), reason=str(error))


def clean(library_root: Path, torrent_id: TorrentId, disk_of: Callable[[], Disk] = Disk) -> bool:
    """Delete the work directory, the record and leftovers of a job; False when the library is not there. Blocks.

    Raises:
        FsOpsError, OSError: Something cannot be deleted, or is the only copy of a torrent's files.
    """
    places, disk = Places(Path(os.path.realpath(library_root)), torrent_id), disk_of()
    if not tree.is_plain_directory(places.folder):
        return False
    record = meta.load(disk, places.meta, dry=True)
    workdir.check_dispensable(places, record)
    workdir.remove(disk, places)
    leftovers.remove(disk, places, record)
    try:
        disk.unlink(places.meta)
    except FileNotFoundError:
        return True
    disk.sync_path(places.folder, directory=True)
    return True
