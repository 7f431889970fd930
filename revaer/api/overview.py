"""What all torrents come to: sums and the newest failures, added up from the read model at most once a second."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest
from typing import Final

import trio

from revaer.api.readmodel import ReadModel
from revaer.types import TorrentState, TorrentView

FRESH_SECONDS: Final = 1.0
CHUNK: Final = 500
"""How many torrents are added up between two checkpoints: less than a millisecond."""
FAILURES: Final = 10


@dataclass(slots=True)
class Sums:
    """Figures added up. Sizes in bytes, rates in bytes per second.

    Attributes:
        active: how many torrents move payload now.
        download_bps: payload that arrives.
        upload_bps: payload that leaves.
        wanted_bytes: size of everything that is wanted.
        completed_bytes: what of it is there and verified.
        downloaded_bytes: payload that ever arrived, of the torrents that are here.
        uploaded_bytes: payload that ever left.
        failures: the torrents that failed last, the newest first.
    """

    active: int = 0
    download_bps: int = 0
    upload_bps: int = 0
    wanted_bytes: int = 0
    completed_bytes: int = 0
    downloaded_bytes: int = 0
    uploaded_bytes: int = 0
    failures: tuple[TorrentView, ...] = ()

    def add(self, view: TorrentView) -> None:
        """Count one torrent in."""
        progress = view.progress
        self.active += bool(progress.download_bps or progress.upload_bps)
        self.download_bps += progress.download_bps
        self.upload_bps += progress.upload_bps
        self.wanted_bytes += progress.bytes_total
        self.completed_bytes += progress.bytes_downloaded
        self.downloaded_bytes += progress.downloaded_bytes
        self.uploaded_bytes += progress.uploaded_bytes


class Overview:
    """Adds torrents up.

    Args:
        model: where they are.
    """

    def __init__(self, model: ReadModel) -> None:
        self._model = model
        self._sums = Sums()
        self._version = -1
        self._added_at = -FRESH_SECONDS
        self._lock = trio.Lock()

    async def look(self) -> Sums:
        """Return the sums, at most a second old."""
        async with self._lock:
            is_fresh = trio.current_time() - self._added_at < FRESH_SECONDS
            if self._version != self._model.version and not is_fresh:
                self._added_at, self._version = trio.current_time(), self._model.version
                self._sums = await self._add_up()
        return self._sums

    async def _add_up(self) -> Sums:
        sums = Sums()
        failed: list[TorrentView] = []
        views = tuple(self._model.views.values())
        for start in range(0, len(views), CHUNK):
            for view in views[start : start + CHUNK]:
                sums.add(view)
                if view.state.kind is TorrentState.FAILED:
                    failed.append(view)
            await trio.lowlevel.checkpoint()
        sums.failures = tuple(nlargest(FAILURES, failed, key=lambda view: (view.state.since, view.id)))
        return sums
