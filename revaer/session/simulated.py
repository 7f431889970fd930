"""The simulated engine: no network, no threads, and time only from trio's clock.

It is strict where the real engine is merciless: what would be a bug in production raises `EngineMisuse` here. Tests
play the world around it through `SimulatedEngine.world`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import trio

from revaer.session.checks import (
    check_peer,
    check_peers,
    check_piece,
    check_place,
    check_priorities,
    check_source,
    check_spec,
)
from revaer.session.magnet import parse_magnet
from revaer.session.metainfo import parse_metainfo
from revaer.session.port import (
    AddSpec,
    Engine,
    EngineClosed,
    EngineEvent,
    EngineFigures,
    EngineRefused,
    EngineSettings,
    Magnet,
    Metainfo,
    PeerView,
    PieceMap,
    Rates,
    RecordReady,
    RecordUnchanged,
    StatusBatch,
    TorrentStatus,
    TrackerView,
)
from revaer.session.settings import native_settings, ranges_to_block
from revaer.session.simulated_many import ManyTorrents
from revaer.session.simulated_torrent import SimulatedTorrent, new_torrent
from revaer.session.simulated_views import peers_of, pieces_of, trackers_of
from revaer.session.simulated_world import SimulatedWorld
from revaer.types import TorrentId


class EngineMisuse(AssertionError):
    """A call that the real engine would not forgive."""


async def open_simulated(settings: EngineSettings, *, state_dir: Path) -> Engine:
    """Open a simulated engine. Raises: InvalidSetting."""
    del state_dir
    await trio.lowlevel.checkpoint()
    return SimulatedEngine(settings)


class SimulatedEngine(ManyTorrents):
    """An open engine whose world is `world`; see `revaer.session.port.Engine` for the calls."""

    name = "simulated"

    def __init__(self, settings: EngineSettings) -> None:
        _check(settings)
        self._settings = settings
        self._torrents: dict[TorrentId, SimulatedTorrent] = {}
        self._events: deque[EngineEvent] = deque()
        self._news = trio.Event()
        self._reading = False
        self._closed = False
        self.world = SimulatedWorld(self._torrents, self._emit)
        self._reach(settings)

    def parse_metainfo(self, metainfo: bytes) -> Metainfo:
        """See `Engine.parse_metainfo`."""
        return parse_metainfo(metainfo)

    def parse_magnet(self, uri: str) -> Magnet:
        """See `Engine.parse_magnet`."""
        return parse_magnet(uri)

    async def add(self, spec: AddSpec) -> None:
        """See `Engine.add`."""
        await self._step()
        self._take_in(spec)

    async def remove(self, torrent_id: TorrentId, *, delete_data: bool) -> None:
        """See `Engine.remove`."""
        torrent = await self._enter(torrent_id)
        del self._torrents[torrent_id]
        for position, other in enumerate(sorted(self._torrents.values(), key=lambda item: item.position)):
            other.position = position
        if delete_data:
            self.world.delete_files(torrent)

    async def pause(self, torrent_id: TorrentId) -> None:
        """See `Engine.pause`."""
        self._pause(await self._enter(torrent_id))

    async def resume(self, torrent_id: TorrentId, *, auto_managed: bool) -> None:
        """See `Engine.resume`."""
        self._resume(await self._enter(torrent_id), auto_managed=auto_managed)

    async def recheck(self, torrent_id: TorrentId) -> None:
        """See `Engine.recheck`."""
        torrent = await self._changed(torrent_id)
        torrent.error = None
        self.world.check(torrent)

    async def reannounce(self, torrent_id: TorrentId) -> None:
        """See `Engine.reannounce`."""
        self.world.announce(await self._enter(torrent_id))

    async def set_sequential(self, torrent_id: TorrentId, *, enable: bool) -> None:
        """See `Engine.set_sequential`."""
        (await self._changed(torrent_id)).sequential = enable

    async def set_super_seeding(self, torrent_id: TorrentId, *, enable: bool) -> None:
        """See `Engine.set_super_seeding`."""
        (await self._changed(torrent_id)).super_seeding = enable

    async def set_pex(self, torrent_id: TorrentId, *, enable: bool) -> None:
        """See `Engine.set_pex`."""
        (await self._changed(torrent_id)).pex = enable

    async def set_auto_managed(self, torrent_id: TorrentId, *, enable: bool) -> None:
        """See `Engine.set_auto_managed`."""
        torrent = await self._changed(torrent_id)
        torrent.auto_managed = torrent.auto_managed if torrent.paused else enable

    async def set_connections_limit(self, torrent_id: TorrentId, limit: int | None) -> None:
        """See `Engine.set_connections_limit`."""
        torrent = await self._changed(torrent_id)
        torrent.peers_limit = check_peers(limit)

    async def set_file_priorities(self, torrent_id: TorrentId, priorities: Sequence[int]) -> None:
        """See `Engine.set_file_priorities`."""
        torrent = await self._changed(torrent_id)
        files = len(torrent.parsed.files) if torrent.parsed is not None else 0
        torrent.priorities = check_priorities(files, priorities)
        torrent.choosing = False
        torrent.was_finished = torrent.was_finished and not torrent.missing()
        self._news.set()

    async def set_trackers(self, torrent_id: TorrentId, urls: Sequence[str]) -> None:
        """See `Engine.set_trackers`."""
        (await self._changed(torrent_id)).trackers = tuple(urls)

    async def set_web_seeds(self, torrent_id: TorrentId, urls: Sequence[str]) -> None:
        """See `Engine.set_web_seeds`."""
        (await self._changed(torrent_id)).web_seeds = tuple(urls)

    async def set_piece_deadline(self, torrent_id: TorrentId, piece: int, *, deadline_ms: int) -> None:
        """See `Engine.set_piece_deadline`."""
        torrent = await self._enter(torrent_id)
        check_piece(len(torrent.have), piece, deadline_ms)
        torrent.urgent[piece] = deadline_ms

    async def set_queue_position(self, torrent_id: TorrentId, position: int | str) -> None:
        """See `Engine.set_queue_position`."""
        self.world.place(await self._changed(torrent_id), check_place(position))

    async def move(self, torrent_id: TorrentId, download_dir: str) -> None:
        """See `Engine.move`."""
        torrent = await self._changed(torrent_id)
        self.world.move_files(torrent, download_dir)
        torrent.download_dir = download_dir

    async def flush(self, torrent_id: TorrentId) -> None:
        """See `Engine.flush`."""
        await self._enter(torrent_id)

    async def file_progress(self, torrent_id: TorrentId) -> tuple[int, ...]:
        """See `Engine.file_progress`."""
        return (await self._enter(torrent_id)).file_bytes()

    async def peers(self, torrent_id: TorrentId) -> tuple[PeerView, ...]:
        """See `Engine.peers`."""
        torrent = await self._enter(torrent_id)
        return peers_of(torrent, self.world.seeder_of(torrent))

    async def trackers(self, torrent_id: TorrentId) -> tuple[TrackerView, ...]:
        """See `Engine.trackers`."""
        return trackers_of(await self._enter(torrent_id), self._settings.extra_trackers)

    async def pieces(self, torrent_id: TorrentId) -> PieceMap:
        """See `Engine.pieces`."""
        torrent = await self._enter(torrent_id)
        return pieces_of(torrent, self.world.seeder_of(torrent))

    async def connect_peer(self, torrent_id: TorrentId, host: str, port: int) -> None:
        """See `Engine.connect_peer`."""
        await self._enter(torrent_id)
        check_peer(host, port)

    async def statuses(self, torrent_ids: Sequence[TorrentId]) -> tuple[TorrentStatus, ...]:
        """See `Engine.statuses`."""
        await self._step()
        return tuple(self._torrents[key].status() for key in torrent_ids if key in self._torrents)

    def request_statuses(self, *, everything: bool = False) -> None:
        """See `Engine.request_statuses`."""
        self._check_open()
        self.world.advance(trio.current_time())
        chosen = [torrent for torrent in self._torrents.values() if everything or torrent.is_changed]
        for torrent in chosen:
            torrent.is_changed = False
        self.world.deliver(StatusBatch(tuple(torrent.status() for torrent in chosen)))

    def request_record(self, torrent_id: TorrentId, *, only_if_changed: bool = True) -> None:
        """See `Engine.request_record`."""
        self._check_open()
        self.world.advance(trio.current_time())
        torrent = self._find(torrent_id)
        if only_if_changed and not torrent.is_unsaved:
            self.world.deliver(RecordUnchanged(torrent_id))
            return
        torrent.is_unsaved = False
        self.world.deliver(RecordReady(torrent_id, torrent.record()))

    async def next_events(self) -> Sequence[EngineEvent]:
        """See `Engine.next_events`. Raises also EngineMisuse for a second reader."""
        self._check_open()
        if self._reading:
            raise EngineMisuse("two tasks read the engine's events")
        self._reading = True
        try:
            await trio.lowlevel.checkpoint()
            while not self._events:
                await self._next_moment()
        finally:
            self._reading = False
        events = list(self._events)
        self._events.clear()
        return events

    async def apply(self, settings: EngineSettings) -> tuple[str, ...]:
        """See `Engine.apply`."""
        await self._step()
        _check(settings)
        before, self._settings = self._settings, replace(settings, disk_io=self._settings.disk_io)
        if (settings.listen, settings.offline) != (before.listen, before.offline):
            self._reach(settings)
        self._news.set()
        return ("disk_io",) if settings.disk_io != before.disk_io else ()

    async def set_limits(self, rates: Rates) -> None:
        """See `Engine.set_limits`."""
        await self._step()
        changed = replace(self._settings, max_download_bps=rates.download_bps, max_upload_bps=rates.upload_bps)
        _check(changed)
        self._settings = changed

    async def limits(self) -> Rates:
        """See `Engine.limits`."""
        await self._step()
        return Rates(self._settings.max_download_bps or None, self._settings.max_upload_bps or None)

    def figures(self) -> EngineFigures:
        """See `Engine.figures`."""
        torrents = self._torrents.values()
        rate = sum(torrent.rate for torrent in torrents)
        return EngineFigures(
            download_bps=rate,
            downloaded=self.world.downloaded,
            peers=sum(torrent.rate > 0 for torrent in torrents),
            notifications=dict(self.world.counts),
            dropped=self.world.dropped,
        )

    def listening(self) -> tuple[str, ...]:
        """See `Engine.listening`."""
        return tuple(self.world.listening)

    async def close(self, *, within: float) -> None:
        """See `Engine.close`."""
        del within
        self._closed = True
        self._news.set()
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def _next_moment(self) -> None:
        """Wait until something happens; time passes meanwhile."""
        self.world.advance(trio.current_time())
        if self._events:
            return
        self._check_open()
        self._news = trio.Event()
        with trio.move_on_at(self.world.next_due()):
            await self._news.wait()
        self._check_open()

    def _emit(self, event: EngineEvent) -> None:
        self._events.append(event)
        self._news.set()

    def _reach(self, settings: EngineSettings) -> None:
        """Listen where the settings say; offline nowhere, and nothing moves."""
        self.world.is_offline = settings.offline
        self.world.listen(() if settings.offline else settings.listen)
        if not settings.offline:
            for torrent in self._torrents.values():
                self.world.entered(torrent)

    def _check_open(self) -> None:
        if self._closed:
            raise EngineClosed("the engine is closed")

    def _find(self, torrent_id: TorrentId) -> SimulatedTorrent:
        if not isinstance(torrent_id, str):
            raise EngineMisuse(f"{torrent_id!r} is no torrent id")
        if torrent_id not in self._torrents:
            raise EngineRefused(f"the engine has no torrent {torrent_id}")
        return self._torrents[torrent_id]

    def _take_in(self, spec: AddSpec) -> None:
        check_spec(spec)
        source = spec.source or (parse_metainfo(spec.metainfo) if spec.metainfo else parse_magnet(spec.magnet or ""))
        check_source(spec, source)
        if spec.torrent_id in self._torrents:
            raise EngineRefused(f"the engine has a torrent {spec.torrent_id} already")
        if any(other.hashes.shares(source.hashes) for other in self._torrents.values()):
            raise EngineRefused("the engine has a torrent with one of these info-hashes already")
        torrent = new_torrent(spec, source, trio.current_time())
        torrent.position = len(self._torrents)
        self._torrents[spec.torrent_id] = torrent
        self.world.entered(torrent)
        self._news.set()

    async def _step(self) -> None:
        self._check_open()
        await trio.lowlevel.checkpoint()
        self._check_open()
        self.world.advance(trio.current_time())

    async def _enter(self, torrent_id: TorrentId) -> SimulatedTorrent:
        await self._step()
        return self._find(torrent_id)

    async def _changed(self, torrent_id: TorrentId) -> SimulatedTorrent:
        torrent = await self._enter(torrent_id)
        self._mark(torrent)
        return torrent


def _check(settings: EngineSettings) -> None:
    """Refuse what the real engine refuses."""
    native_settings(settings)
    ranges_to_block(settings)
