"""The calls of the simulated engine that are about many torrents."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence

import trio

from revaer.session.bounds import read_rate
from revaer.session.checks import check_place, check_rates
from revaer.session.port import AddSpec, EngineError, EngineRefused, Rates
from revaer.session.simulated_torrent import SimulatedTorrent
from revaer.session.simulated_world import SimulatedWorld
from revaer.types import TorrentId


class ManyTorrents:
    """Changes many torrents at once."""

    world: SimulatedWorld
    _torrents: dict[TorrentId, SimulatedTorrent]
    _news: trio.Event

    async def add_many(self, specs: Sequence[AddSpec]) -> Sequence[EngineError | None]:
        """See `Engine.add_many`."""
        await self._step()
        outcomes: list[EngineError | None] = []
        for spec in specs:
            try:
                self._take_in(spec)
                outcomes.append(None)
            except EngineError as error:
                outcomes.append(error)
        return outcomes

    async def pause_many(self, torrent_ids: Sequence[TorrentId]) -> Mapping[TorrentId, EngineError]:
        """See `Engine.pause_many`."""
        return await self._change_each(torrent_ids, self._pause)

    async def resume_many(self, queued: Mapping[TorrentId, bool]) -> Mapping[TorrentId, EngineError]:
        """See `Engine.resume_many`."""
        return await self._change_each(
            queued, lambda torrent: self._resume(torrent, auto_managed=queued[torrent.spec.torrent_id])
        )

    async def set_rates(self, caps: Mapping[TorrentId, Rates]) -> Mapping[TorrentId, Rates]:
        """See `Engine.set_rates`."""
        await self._step()
        native = {torrent_id: check_rates(rates) for torrent_id, rates in caps.items()}
        known = {key: self._torrents[key] for key in native if key in self._torrents}
        for torrent_id, torrent in known.items():
            torrent.download_limit, torrent.upload_limit = native[torrent_id]
            torrent.is_changed = torrent.is_unsaved = True
        self._news.set()
        return {
            key: Rates(
                read_rate(item.download_limit, caps[key].download_bps),
                read_rate(item.upload_limit, caps[key].upload_bps),
            )
            for key, item in known.items()
        }

    async def move_in_queue(self, steps: Sequence[tuple[TorrentId, str]]) -> None:
        """See `Engine.move_in_queue`."""
        await self._step()
        for torrent_id, place in steps:
            if torrent_id in self._torrents:
                self.world.place(self._torrents[torrent_id], check_place(place))

    async def _change_each(
        self, torrent_ids: Iterable[TorrentId], work: Callable[[SimulatedTorrent], None]
    ) -> dict[TorrentId, EngineError]:
        await self._step()
        refusals: dict[TorrentId, EngineError] = {}
        for torrent_id in torrent_ids:
            try:
                work(self._find(torrent_id))
            except EngineRefused as error:
                refusals[torrent_id] = error
        return refusals

    def _pause(self, torrent: SimulatedTorrent) -> None:
        self._mark(torrent)
        torrent.paused, torrent.auto_managed, torrent.rate = True, False, 0

    def _resume(self, torrent: SimulatedTorrent, *, auto_managed: bool) -> None:
        self._mark(torrent)
        torrent.paused, torrent.auto_managed, torrent.error = False, auto_managed, None
        self.world.entered(torrent)

    def _mark(self, torrent: SimulatedTorrent) -> None:
        torrent.is_changed = torrent.is_unsaved = True
        self._news.set()

    @abstractmethod
    async def _step(self) -> None:
        """Let the world go on."""

    @abstractmethod
    def _find(self, torrent_id: TorrentId) -> SimulatedTorrent:
        """Find a torrent. Raises EngineRefused."""

    @abstractmethod
    def _take_in(self, spec: AddSpec) -> None:
        """Take a torrent in. Raises EngineError."""
