"""Looks at the directories of running torrents, and at the room on the volumes of those that download.

An engine that writes into a mount point without its volume would fill the wrong disk, and it makes missing directories.
One that fills a volume to the last byte leaves no room for anybody else, post-processing included.
"""

from __future__ import annotations

from functools import partial

import structlog
import trio

from revaer.session.core import Core
from revaer.session.faults import missing_directory, missing_files, short_of_space
from revaer.session.messages import SessionRefusal
from revaer.session.port import EngineState
from revaer.session.storage import StorageWatch
from revaer.session.torrent import Torrent

log = structlog.get_logger(__name__)

NAMED = 10
"""How many directories that do not answer are named in one line of the log."""


class Sentinel:
    """Notices when the directory of a running torrent is gone or is another one.

    Args:
        core: the shared parts.
        watch: holds the torrents whose directory is gone.
    """

    def __init__(self, core: Core, watch: StorageWatch) -> None:
        self._core = core
        self._watch = watch
        self._known: dict[str, tuple[int, int]] = {}

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await trio.sleep(self._core.timing.sentinel)
            await self.look()
            await self.look_for_room()

    async def look(self) -> None:
        """Look once. Nothing becomes of the torrents of a directory that does not answer."""
        running: dict[str, list[Torrent]] = {}
        for torrent in self._core.catalogue:
            if torrent.present and torrent.fault is None and torrent.has_metadata:
                running.setdefault(torrent.options.download_dir, []).append(torrent)
        identities = await self._core.disk.identify(list(running))
        if len(identities) < len(running):
            log.warning("storage_look_failed", silent=[key for key in running if key not in identities][:NAMED])
        self._known = {key: value for key, value in self._known.items() if key in running}
        for directory, identity in identities.items():
            torrents, known = running[directory], self._known.get(directory)
            if identity is not None and known in (None, identity):
                self._known[directory] = identity
                continue
            if identity is not None:
                self._known[directory] = identity
            for torrent in torrents:
                self._core.jobs.submit(partial(self._inspect, torrent, gone=identity is None))

    async def look_for_room(self) -> None:
        """Stop downloads where the reserve of a volume is touched."""
        hungry: dict[str, list[Torrent]] = {}
        for torrent in self._core.catalogue:
            if _is_filling(torrent):
                hungry.setdefault(torrent.options.download_dir, []).append(torrent)
        if not hungry:
            return
        rooms = await self._core.disk.room(list(hungry))
        for directory, room in rooms.items():
            if room is not None and room < 0:
                for torrent in hungry[directory]:
                    self._core.jobs.submit(partial(self._spare, torrent))

    async def _spare(self, torrent: Torrent) -> None:
        core = self._core
        async with core.turns.hold(torrent.id):
            if core.catalogue.get(torrent.id) is not torrent or not _is_filling(torrent):
                return
            self._watch.hold(torrent, short_of_space(torrent.options.download_dir))
            try:
                await core.gate.call(core.engine.pause(torrent.id))
            except SessionRefusal as error:
                log.warning("download_not_paused", torrent_id=torrent.id, reason=str(error))

    async def _inspect(self, torrent: Torrent, *, gone: bool) -> None:
        core = self._core
        async with core.turns.hold(torrent.id):
            if core.catalogue.get(torrent.id) is not torrent or not torrent.present or torrent.fault is not None:
                return
            try:
                path = None if gone else await self._watch.missing(torrent)
                if not gone and path is None:
                    return
                fault = missing_directory(torrent.options.download_dir) if path is None else missing_files(path)
                self._watch.hold(torrent, fault, is_suspect=not gone)
                await core.gate.call(core.engine.pause(torrent.id))
            except SessionRefusal as error:
                log.warning("storage_look_failed", torrent_id=torrent.id, reason=str(error))


def _is_filling(torrent: Torrent) -> bool:
    """Tell whether a torrent writes what it downloads."""
    status = torrent.status
    if status is None or not torrent.present or torrent.fault is not None or torrent.options.paused:
        return False
    return status.state is EngineState.DOWNLOADING and status.wanted_done < status.wanted
