"""The libtorrent engine in the words of the port. It never calls a blocking getter on the event loop.

Calls that change a torrent are followed by a harmless question about the same torrent: the engine works in order, so
its answer proves that the change was applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio

from actors import BlockingLane, WakeSource
from revaer.session.adapter_changes import ChangingCalls
from revaer.session.adapter_looks import LookingCalls
from revaer.session.alerts import Alerts
from revaer.session.arrivals import Arrivals
from revaer.session.checks import check_source, check_spec
from revaer.session.desk import Desk
from revaer.session.engine_tuning import Tuner
from revaer.session.farewell import say_goodbye
from revaer.session.magnet import parse_magnet
from revaer.session.metainfo import parse_metainfo
from revaer.session.port import (
    AddSpec,
    EngineClosed,
    EngineError,
    EngineEvent,
    EngineFigures,
    EngineRefused,
    EngineSettings,
    Magnet,
    Metainfo,
    Rates,
)
from revaer.session.pump import Pump
from revaer.session.roster import Entry, Roster, new_entry, privacy
from revaer.session.settings import NativeSettings
from revaer.session.study import Study
from revaer.session.tickets import Ticket
from revaer.types import TorrentId

LARGE = 64 * 1024
"""Metainfo of more bytes is read in a worker."""


class LibtorrentEngine(ChangingCalls, LookingCalls):
    """An open engine; made by `revaer.session.libtorrent_engine.open_libtorrent`."""

    name = "libtorrent"

    def __init__(self, library: Any, settings: EngineSettings, native: NativeSettings, lane: BlockingLane) -> None:
        super().__init__()
        self._library = library
        self._lane = lane
        self._entering = BlockingLane("libtorrent-adds")
        self._roster = Roster()
        self._desk = Desk()
        self._arrivals = Arrivals(self._roster, self._desk, library)
        self._study = Study(
            self._roster, self._desk, library, lane, arrivals=self._arrivals, trackers_of=self._trackers_of
        )
        self._alerts = Alerts(
            self._roster,
            self._desk,
            library,
            arrivals=self._arrivals,
            study=self._study.metadata,
            recover=self._study.recover,
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
        await self._pump.wait(self._submit(spec, source, parameters))

    async def add_many(self, specs: Sequence[AddSpec]) -> Sequence[EngineError | None]:
        """See `Engine.add_many`."""
        self._check_open()
        prepared = await self._entering.run(self._prepare_each, specs)
        self._check_open()
        waiting: list[Ticket[None] | EngineError] = []
        ready: list[tuple[Entry, Any]] = []
        for spec, item in zip(specs, prepared, strict=True):
            try:
                waiting.append(item if isinstance(item, EngineError) else self._expect(spec, *item, ready))
            except EngineRefused as error:
                waiting.append(error)
        with trio.CancelScope(shield=True):  # what is reserved must be added or let go
            failures = await self._entering.run(self._add_each, ready)
        for (entry, _), failure in zip(ready, failures, strict=True):
            if failure is not None:
                self._not_added(entry, failure)
        return [await self._settled(item) if isinstance(item, Ticket) else item for item in waiting]

    async def remove(self, torrent_id: TorrentId, *, delete_data: bool) -> None:
        """See `Engine.remove`."""
        self._check_open()
        entry = self._roster.find(torrent_id)
        if entry is None:
            raise EngineRefused(f"the engine has no torrent {torrent_id}")
        is_first, entry.leaving = not entry.leaving, True
        removed = self._desk.expect("removed", torrent_id)
        deleted = self._desk.expect("deleted", torrent_id) if delete_data and is_first else None
        if is_first:
            entry.removal = self._library.delete_files if delete_data else 0
            if entry.handle is not None:
                self._call(entry, lambda handle: self._library.remove(handle, flags=entry.removal))
        await self._pump.wait(removed)
        if deleted is not None:
            await self._pump.wait(deleted)

    # -- asking --------------------------------------------------------------------------------------------------

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
            await self._entering.run(lambda: None)  # nothing is handed over any more
            announces = any(self._trackers_of(entry) for entry in self._roster)
            await say_goodbye(self._library, self._wake, self._lane, announces=announces, within=within)
        self._roster.clear()

    # -- inside --------------------------------------------------------------------------------------------------

    def _submit(self, spec: AddSpec, source: Metainfo | Magnet, parameters: Any) -> Ticket[None]:
        """Hand a torrent to the engine; the ticket is settled when it has it. Raises EngineRefused."""
        ready: list[tuple[Entry, Any]] = []
        ticket = self._expect(spec, source, parameters, ready)
        (failure,) = self._add_each(ready)
        if failure is not None:
            self._not_added(ready[0][0], failure)
        return ticket

    def _expect(
        self, spec: AddSpec, source: Metainfo | Magnet, parameters: Any, ready: list[tuple[Entry, Any]]
    ) -> Ticket[None]:
        """Reserve a place for a torrent that is about to be handed over. Raises EngineRefused."""
        entry = new_entry(spec, source)
        self._roster.reserve(entry)
        ready.append((entry, parameters))
        return self._desk.expect("added", spec.torrent_id)

    def _add_each(self, each: Sequence[tuple[Entry, Any]]) -> list[RuntimeError | None]:
        """Hand torrents to the engine; return why it did not even listen. Each call may wait for the interpreter's
        lock, so many are made in a worker."""
        session = self._library.session
        failures: list[RuntimeError | None] = []
        for entry, parameters in each:
            try:
                session.async_add_torrent(parameters)
                entry.handed_over = True
                failures.append(None)
            except RuntimeError as error:
                failures.append(error)
        return failures

    def _not_added(self, entry: Entry, failure: RuntimeError) -> None:
        self._arrivals.not_added(entry, EngineRefused(str(failure)))

    async def _settled(self, ticket: Ticket[None]) -> EngineError | None:
        try:
            if ticket.done:
                ticket.unwrap()
            else:
                await self._pump.wait(ticket)
        except EngineClosed:
            raise
        except EngineError as error:
            return error
        return None

    def _prepare_each(self, specs: Sequence[AddSpec]) -> list[tuple[Metainfo | Magnet, Any] | EngineError]:
        prepared: list[tuple[Metainfo | Magnet, Any] | EngineError] = []
        for spec in specs:
            try:
                check_spec(spec)
                prepared.append(self._prepare(spec))
            except EngineError as error:
                prepared.append(error)
        return prepared

    def _prepare(self, spec: AddSpec) -> tuple[Metainfo | Magnet, Any]:
        source = spec.source or (parse_metainfo(spec.metainfo) if spec.metainfo else parse_magnet(spec.magnet or ""))
        check_source(spec, source)
        return source, self._library.parameters(
            spec,
            source,
            pex=self._tuner.settings.pex,
            trackers=self._tuner.trackers_of(spec.trackers, private=privacy(source)),
            connections=self._tuner.connections_of(spec.max_connections),
        )

    def _tick(self) -> None:
        self._library.session.post_session_stats()
