"""The libtorrent engine in the words of the port. It never calls a blocking getter on the event loop.

Calls that change a torrent are followed by a harmless question about the same torrent: the engine works in order, so
its answer proves that the change was applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import trio

from actors import BlockingLane, WakeSource
from revaer.session.alerts import Alerts
from revaer.session.checks import (
    check_counts,
    check_peer,
    check_peers,
    check_piece,
    check_place,
    check_priorities,
    check_spec,
)
from revaer.session.desk import Desk
from revaer.session.engine_tuning import Tuner, tiers
from revaer.session.farewell import say_goodbye
from revaer.session.magnet import parse_magnet
from revaer.session.metainfo import parse_metainfo
from revaer.session.port import (
    AddSpec,
    EngineClosed,
    EngineEvent,
    EngineFigures,
    EngineRefused,
    EngineSettings,
    Magnet,
    Metainfo,
    Rates,
    TorrentStatus,
)
from revaer.session.pump import Pump
from revaer.session.roster import Entry, Roster, new_entry, privacy
from revaer.session.settings import NativeSettings
from revaer.session.study import Study
from revaer.types import TorrentId

LARGE = 64 * 1024
"""Metainfo of more bytes is read in a worker."""


class LibtorrentEngine:
    """An open engine; made by `revaer.session.libtorrent_engine.open_libtorrent`."""

    name = "libtorrent"

    def __init__(self, library: Any, settings: EngineSettings, native: NativeSettings, lane: BlockingLane) -> None:
        self._library = library
        self._lane = lane
        self._roster = Roster()
        self._desk = Desk()
        self._study = Study(self._roster, self._desk, library, lane, trackers_of=self._trackers_of)
        self._alerts = Alerts(
            self._roster, self._desk, library, study=self._study.metadata, recover=self._study.recover
        )
        self._tuner = Tuner(library, self._roster, self._alerts, lane, settings, native)
        self._wake = WakeSource()
        self._closed = False
        self._pump = Pump(
            self._wake, library.session.pop_alerts, self._alerts.consume, rest=self._alerts.rest, tick=self._tick
        )
        library.session.set_alert_fd(self._wake.fileno())

    async def start(self, *, listen_within: float) -> None:
        """Wait until it listens, at most `listen_within` seconds; a listener that fails is an event, not an error."""
        settings = self._tuner.settings
        wanted = 0 if settings.offline else len(settings.listen)
        with trio.move_on_after(listen_within):
            while len(self._alerts.listening) < wanted and not self._alerts.listen_failures:
                await self._pump.turn()

    # -- reading -------------------------------------------------------------------------------------------------

    def parse_metainfo(self, metainfo: bytes) -> Metainfo:
        """See `Engine.parse_metainfo`."""
        return parse_metainfo(metainfo)

    def parse_magnet(self, uri: str) -> Magnet:
        """See `Engine.parse_magnet`."""
        return parse_magnet(uri)

    # -- coming and going ----------------------------------------------------------------------------------------

    async def add(self, spec: AddSpec) -> None:
        """See `Engine.add`."""
        self._check_open()
        check_spec(spec)
        if len(spec.metainfo or b"") + len(spec.record or b"") > LARGE:
            source, parameters = await self._lane.run(self._prepare, spec)
        else:
            source, parameters = self._prepare(spec)
        self._check_open()
        entry = new_entry(spec, source)
        self._roster.reserve(entry)
        ticket = self._desk.expect("added", spec.torrent_id)
        try:
            self._library.session.async_add_torrent(parameters)
        except RuntimeError as error:
            self._desk.settle("added", spec.torrent_id, error=EngineRefused(str(error)))
            self._roster.leave(entry)
        await self._pump.wait(ticket)

    async def remove(self, torrent_id: TorrentId, *, delete_data: bool) -> None:
        """See `Engine.remove`."""
        entry = self._entry(torrent_id)
        entry.leaving = True
        removed = self._desk.expect("removed", torrent_id)
        deleted = self._desk.expect("deleted", torrent_id) if delete_data else None
        flags = self._library.delete_files if delete_data else 0
        self._call(entry, lambda handle: self._library.session.remove_torrent(handle, flags))
        await self._pump.wait(removed)
        if deleted is not None:
            await self._pump.wait(deleted)

    # -- changing ------------------------------------------------------------------------------------------------

    async def pause(self, torrent_id: TorrentId) -> None:
        """See `Engine.pause`."""
        entry = self._entry(torrent_id)
        entry.paused = True
        await self._change(
            entry,
            lambda handle: handle.unset_flags(self._library.auto_managed | self._library.stop_when_ready),
            lambda handle: handle.pause(),
        )

    async def resume(self, torrent_id: TorrentId, *, auto_managed: bool) -> None:
        """See `Engine.resume`."""
        entry = self._entry(torrent_id)
        if entry.refused:
            raise EngineRefused(entry.problem or "the metadata is unusable")
        entry.paused = False
        entry.problem = None
        library = self._library

        def go(handle: Any) -> None:
            handle.clear_error()
            handle.unset_flags(library.upload_mode | library.stop_when_ready)
            (handle.set_flags if auto_managed else handle.unset_flags)(library.auto_managed)
            handle.resume()

        await self._change(entry, go)

    async def recheck(self, torrent_id: TorrentId) -> None:
        """See `Engine.recheck`. A paused torrent is checked too, and is paused again afterwards."""
        entry = self._entry(torrent_id)
        entry.problem = None if not entry.refused else entry.problem
        entry.saved_pieces = None

        def check(handle: Any) -> None:
            handle.clear_error()
            handle.force_recheck()
            if entry.paused:
                handle.unset_flags(self._library.auto_managed)
                handle.set_flags(self._library.stop_when_ready)
                handle.resume()

        await self._change(entry, check)

    async def reannounce(self, torrent_id: TorrentId) -> None:
        """See `Engine.reannounce`."""
        entry = self._entry(torrent_id)
        await self._change(entry, lambda handle: handle.force_reannounce(0, -1, self._library.ignore_min_interval))

    async def set_sequential(self, torrent_id: TorrentId, *, enable: bool) -> None:
        """See `Engine.set_sequential`."""
        flag = self._library.sequential
        await self._change(
            self._entry(torrent_id), lambda handle: (handle.set_flags if enable else handle.unset_flags)(flag)
        )

    async def set_rates(self, caps: Mapping[TorrentId, Rates]) -> Mapping[TorrentId, Rates]:
        """See `Engine.set_rates`."""
        self._check_open()
        return await self._tuner.set_rates(caps)

    async def set_connections_limit(self, torrent_id: TorrentId, limit: int | None) -> None:
        """See `Engine.set_connections_limit`."""
        entry = self._entry(torrent_id)
        check_peers(limit)
        entry.connections = limit
        peers = check_peers(self._tuner.connections_of(limit))
        await self._change(entry, lambda handle: handle.set_max_connections(peers))

    async def set_file_priorities(self, torrent_id: TorrentId, priorities: Sequence[int]) -> None:
        """See `Engine.set_file_priorities`."""
        entry = self._entry(torrent_id)
        chosen = check_priorities(entry.files, priorities)
        ticket = self._desk.expect("chosen", torrent_id)
        try:
            self._call(entry, lambda handle: handle.prioritize_files(chosen))
            await self._pump.wait(ticket)
        finally:
            entry.choosing = False  # not before: until then the engine wants nothing, and calls that finished

    async def set_trackers(self, torrent_id: TorrentId, urls: Sequence[str]) -> None:
        """See `Engine.set_trackers`."""
        entry = self._entry(torrent_id)
        entry.trackers = tuple(urls)
        told = tiers(self._trackers_of(entry))
        await self._change(entry, lambda handle: handle.replace_trackers(told))

    async def set_web_seeds(self, torrent_id: TorrentId, urls: Sequence[str]) -> None:
        """See `Engine.set_web_seeds`."""
        entry = self._entry(torrent_id)
        before, entry.web_seeds = entry.web_seeds, tuple(urls)

        def replace_all(handle: Any) -> None:
            for url in set(before) - set(urls):
                handle.remove_url_seed(url)
            for url in urls:
                if url not in before:
                    handle.add_url_seed(url)

        await self._change(entry, replace_all)

    async def set_piece_deadline(self, torrent_id: TorrentId, piece: int, *, deadline_ms: int) -> None:
        """See `Engine.set_piece_deadline`."""
        entry = self._entry(torrent_id)
        check_piece(entry.pieces, piece, deadline_ms)
        await self._change(entry, lambda handle: handle.set_piece_deadline(piece, deadline_ms))

    async def set_queue_position(self, torrent_id: TorrentId, position: int | str) -> None:
        """See `Engine.set_queue_position`."""
        entry = self._entry(torrent_id)
        checked = check_place(position)
        place_name = checked if isinstance(checked, str) else "top"
        steps = 0 if isinstance(checked, str) else min(checked, len(self._roster))

        def place(handle: Any) -> None:
            getattr(handle, f"queue_position_{place_name}")()
            for _ in range(steps):
                handle.queue_position_down()

        await self._change(entry, place)

    async def move(self, torrent_id: TorrentId, download_dir: str) -> None:
        """See `Engine.move`."""
        entry = self._entry(torrent_id)
        entry.moving_to = download_dir
        ticket = self._desk.expect("moved", torrent_id)
        self._call(entry, lambda handle: handle.move_storage(download_dir, self._library.fail_if_exist))
        await self._pump.wait(ticket)

    async def flush(self, torrent_id: TorrentId) -> None:
        """See `Engine.flush`."""
        entry = self._entry(torrent_id)
        if entry.files:
            ticket = self._desk.expect("flushed", torrent_id)
            entry.flushes.ask(lambda: self._desk.settle("flushed", torrent_id))
            self._call(entry, lambda handle: handle.flush_cache())
            await self._pump.wait(ticket)

    async def file_progress(self, torrent_id: TorrentId) -> tuple[int, ...]:
        """See `Engine.file_progress`."""
        entry = self._entry(torrent_id)
        if not entry.files:
            return ()
        try:
            ask = partial(self._library.file_progress, entry.handle, is_doubtful=entry.problem is not None)
            counted = await self._lane.run(ask)
        except RuntimeError as error:
            raise EngineRefused(f"the engine has no torrent {torrent_id}") from error
        return tuple(counted)

    async def connect_peer(self, torrent_id: TorrentId, host: str, port: int) -> None:
        """See `Engine.connect_peer`."""
        entry = self._entry(torrent_id)
        check_peer(host, port)
        await self._change(entry, lambda handle: handle.connect_peer((host, port)))

    # -- asking --------------------------------------------------------------------------------------------------

    async def statuses(self, torrent_ids: Sequence[TorrentId]) -> tuple[TorrentStatus, ...]:
        """See `Engine.statuses`."""
        self._check_open()
        return await self._study.statuses(torrent_ids)

    def request_statuses(self, *, everything: bool = False) -> None:
        """See `Engine.request_statuses`."""
        self._check_open()
        if everything:
            for entry in self._roster:
                self._study.ask_status(entry)
        self._library.session.post_torrent_updates(0)

    def request_record(self, torrent_id: TorrentId, *, only_if_changed: bool = True) -> None:
        """See `Engine.request_record`."""
        entry = self._entry(torrent_id)
        self._study.ask_record(entry, only_if_changed=only_if_changed)

    async def next_events(self) -> Sequence[EngineEvent]:
        """See `Engine.next_events`."""
        self._check_open()
        while True:
            await self._pump.wait(self._desk.arrival())
            events = self._desk.take()
            if events:
                return events

    async def apply(self, settings: EngineSettings) -> tuple[str, ...]:
        """See `Engine.apply`."""
        self._check_open()
        return await self._tuner.apply(settings)

    async def set_limits(self, rates: Rates) -> None:
        """See `Engine.set_limits`."""
        self._check_open()
        await self._tuner.set_limits(rates)

    async def limits(self) -> Rates:
        """See `Engine.limits`."""
        self._check_open()
        return await self._tuner.limits()

    def figures(self) -> EngineFigures:
        """See `Engine.figures`."""
        return self._alerts.figures

    def listening(self) -> tuple[str, ...]:
        """See `Engine.listening`."""
        return tuple(self._alerts.listening)

    async def close(self, *, within: float) -> None:
        """See `Engine.close`."""
        if self._closed:
            return
        self._closed = True
        self._desk.close(lambda: EngineClosed("the engine was closed"))
        with trio.CancelScope(shield=True):
            await self._pump.stop()
            announces = any(self._trackers_of(entry) for entry in self._roster)
            await say_goodbye(self._library, self._wake, self._lane, announces=announces, within=within)
        self._roster.clear()

    # -- inside --------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise EngineClosed("the engine is closed")

    def _entry(self, torrent_id: TorrentId) -> Entry:
        self._check_open()
        return self._roster.get(torrent_id)

    def _trackers_of(self, entry: Entry) -> list[str]:
        return self._tuner.trackers_of(entry.trackers, private=entry.private)

    def _prepare(self, spec: AddSpec) -> tuple[Metainfo | Magnet, Any]:
        source: Metainfo | Magnet
        if spec.metainfo is not None:
            source = parse_metainfo(spec.metainfo)
            check_counts(spec, files=len(source.files), pieces=source.pieces)
        else:
            source = parse_magnet(spec.magnet or "")
            check_counts(spec, files=0, pieces=0)
        return source, self._library.parameters(
            spec,
            source,
            pex=self._tuner.settings.pex,
            trackers=self._tuner.trackers_of(spec.trackers, private=privacy(source)),
            connections=self._tuner.connections_of(spec.max_connections),
        )

    def _call(self, entry: Entry, work: Callable[[Any], object]) -> None:
        try:
            work(entry.handle)
        except RuntimeError as error:  # the handle died
            raise EngineRefused(f"the engine has no torrent {entry.torrent_id}") from error

    async def _change(self, entry: Entry, *works: Callable[[Any], object]) -> None:
        """Do the work and wait until the engine has applied it."""
        for work in works:
            self._call(entry, work)
        ticket = self._desk.expect("applied", entry.torrent_id)
        self._call(entry, lambda handle: handle.post_trackers())
        await self._pump.wait(ticket)

    def _tick(self) -> None:
        self._library.session.post_session_stats()
