"""The calls of the libtorrent adapter that look at torrents and change nothing.

The library's own getters block until its network thread has time, so they are called in a lane of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from revaer.session.adapter_base import AdapterBase
from revaer.session.port import EngineRefused, PeerView, PieceMap, TorrentStatus, TrackerView
from revaer.types import TorrentId

T = TypeVar("T")


class LookingCalls(AdapterBase):
    """Looks at torrents."""

    async def file_progress(self, torrent_id: TorrentId) -> tuple[int, ...]:
        """See `Engine.file_progress`."""
        entry = self._entry(torrent_id)
        if not entry.files:
            return ()
        ask = partial(self._library.file_progress, entry.handle, is_doubtful=entry.problem is not None)
        return tuple(await self._look(torrent_id, ask))

    async def peers(self, torrent_id: TorrentId) -> tuple[PeerView, ...]:
        """See `Engine.peers`."""
        entry = self._entry(torrent_id)
        return await self._look(torrent_id, partial(self._library.peers, entry.handle))

    async def trackers(self, torrent_id: TorrentId) -> tuple[TrackerView, ...]:
        """See `Engine.trackers`."""
        entry = self._entry(torrent_id)
        ask = partial(self._library.trackers, entry.handle, self._trackers_of(entry))
        return await self._look(torrent_id, ask)

    async def pieces(self, torrent_id: TorrentId) -> PieceMap:
        """See `Engine.pieces`."""
        entry = self._entry(torrent_id)
        if not entry.files:
            return PieceMap()
        ask = partial(self._library.pieces, entry.handle, is_doubtful=entry.problem is not None)
        return await self._look(torrent_id, ask)

    async def statuses(self, torrent_ids: Sequence[TorrentId]) -> tuple[TorrentStatus, ...]:
        """See `Engine.statuses`."""
        self._check_open()
        return await self._study.statuses(torrent_ids)

    async def _look(self, torrent_id: TorrentId, ask: Callable[[], T]) -> T:
        try:
            return await self._looking.run(ask)
        except RuntimeError as error:  # the handle died
            raise EngineRefused(f"the engine has no torrent {torrent_id}") from error
