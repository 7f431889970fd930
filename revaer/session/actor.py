"""The session actor: owns the engine and the catalogue of live torrents.

This module takes messages and wires one generation together (`assembly`); what is done with a message is in the desks:
adding, removing, actions, selecting. The engine's events come in through `dispatch`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, assert_never

from actors import Actor, ActorRef, BlockingLane, Bus, Handled, Health, answer, later
from revaer.events import Event
from revaer.fsops.messages import FsOpsMessage
from revaer.resume.messages import ResumeMessage
from revaer.selection.messages import SelectFunction
from revaer.session.assembly import Assembly
from revaer.session.blocklist import open_supply
from revaer.session.blocklist_fetch import Fetcher
from revaer.session.disk import Disk
from revaer.session.disk_calls import Lane
from revaer.session.eye import NetworkEye
from revaer.session.fsops_gate import FsOpsGate
from revaer.session.interfaces import InterfaceProbe, system_interfaces
from revaer.session.messages import (
    Act,
    ActOnMany,
    AddTorrent,
    AddTorrents,
    Amend,
    ApplyLimits,
    ApplySettings,
    CapTorrents,
    ChangingMessage,
    ConnectPeer,
    EditTrackers,
    EditWebSeeds,
    EngineLimits,
    EngineReport,
    GoverningMessage,
    Inspect,
    LookingMessage,
    ReadFallbackCaps,
    ReadJobSpec,
    ReadLimits,
    ReadPayloadFacts,
    ReadPeers,
    ReadPieces,
    ReadSeedingFacts,
    ReadTrackers,
    RemoveTorrent,
    ReportEngine,
    Reprocess,
    Select,
    SessionMessage,
    Snapshot,
)
from revaer.session.opening import open_engine
from revaer.session.origin import traced
from revaer.session.port import EngineFactory, EngineSettings
from revaer.session.timing import Timing


class SessionActor(Actor[SessionMessage]):
    """Runs torrents.

    Args:
        engine_factory: opens the engine, once per generation.
        settings: what the engine shall be like, or what tells that at each start.
        state_dir: where the engine may keep what is not a torrent.
        resume: keeps intents and records.
        fsops: does post-processing; None on a node without.
        moves_source: tells whether the payload itself would go into the library by the present policy.
        bus: where everything that changes is published.
        select: the file selection.
        health: where `network`, `storage` and `tracker` are reported; without it they are reported to nobody.
        timing: intervals and deadlines.
        disk: looks at directories and files.
        interfaces: looks at the network interfaces.
        fetcher: fetches blocklists; over HTTP unless another is given.
        lanes: makes the lanes for blocking calls, by name and number of workers.
        wall: Unix seconds.
    """

    def __init__(
        self,
        *,
        engine_factory: EngineFactory,
        settings: EngineSettings | Callable[[], EngineSettings],
        state_dir: Path,
        resume: ActorRef[ResumeMessage],
        bus: Bus[Event],
        select: SelectFunction,
        health: Health | None = None,
        fsops: ActorRef[FsOpsMessage] | None = None,
        moves_source: Callable[[], bool] = lambda: False,
        timing: Timing | None = None,
        disk: Disk | None = None,
        interfaces: InterfaceProbe = system_interfaces,
        fetcher: Fetcher | None = None,
        lanes: Callable[[str, int], Lane] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._engine_factory = engine_factory
        self._settings = settings
        self._state_dir = state_dir
        self._resume = resume
        self._bus = bus
        self._select = select
        self._health = health
        self._timing = timing = timing or Timing()
        self._fsops = FsOpsGate(fsops, moves_source=moves_source, within=timing.fsops, stop_within=timing.fsops_stop)
        self._disk = disk or Disk()
        self._interfaces = interfaces
        self._lanes = lanes or _threads
        self._wall = wall
        self._fetcher = fetcher
        self._parts: Assembly | None = None

    async def on_start(self) -> None:
        """Open the engine; the torrents of the last run are restored in the background."""
        settings = self._settings() if callable(self._settings) else self._settings
        eye = NetworkEye(self._interfaces, self._lanes("interfaces", 1), within=self._timing.interfaces_look)
        supply = await open_supply(
            self._fetcher, settings, state_dir=self._state_dir, lane=self._lanes("blocklist", 1), timing=self._timing
        )
        self._parts = Assembly(
            opened=await open_engine(
                self._engine_factory, settings, eye, state_dir=self._state_dir, blocklist=supply.ranges
            ),
            supply=supply,
            resume=self._resume,
            fsops=self._fsops,
            bus=self._bus,
            select=self._select,
            context_health=self.context.health,
            health=self._health or Health(),
            spawn=self.context.spawn,
            timing=self._timing,
            disk=self._disk,
            lanes=self._lanes,
            wall=self._wall,
        )
        self.context.spawn(self._parts.keep_engine)
        self._parts.start()

    async def handle(self, message: SessionMessage) -> Handled:
        """Answer at once from memory, or start the work and answer when it is done."""
        parts = self._running
        match message:
            case Inspect() if (detail := parts.selecting.at_hand(message)) is not None:
                return answer(message, detail)
            case AddTorrent() | RemoveTorrent() | Act() | Select() | ConnectPeer() | Inspect():
                return later(message, traced(message.request_id, self._work_of(message)))
            case Reprocess() | ReadJobSpec():
                return self._process(message)
            case Snapshot():
                return answer(message, parts.core.catalogue.snapshot())
            case ReportEngine():
                return answer(message, self._report())
            case ReadPeers() | ReadTrackers() | ReadPieces():
                return self._look(message)
            case Amend() | EditTrackers() | EditWebSeeds() | AddTorrents() | ActOnMany():
                return self._change(message)
            case _:
                return self._govern(message)

    async def on_stop(self) -> None:
        """Stop transfers, save every changed record, close the engine; fits itself into the supervisor's deadline."""
        await self._running.stop()

    def _work_of(
        self, message: AddTorrent | RemoveTorrent | Act | Select | ConnectPeer | Inspect
    ) -> Callable[[], Awaitable[Any]]:
        """Return what is to be done for one torrent."""
        parts = self._running
        match message:
            case AddTorrent():
                return partial(parts.adding.add, message)
            case RemoveTorrent():
                return partial(parts.removing.remove, message)
            case Act():
                return partial(parts.actions.act, message)
            case Select():
                return partial(parts.selecting.select, message)
            case ConnectPeer():
                return partial(parts.actions.connect, message)
            case Inspect():
                return partial(parts.selecting.inspect, message)
            case _:
                assert_never(message)

    def _process(self, message: Reprocess | ReadJobSpec) -> Handled:
        """Answer what is asked about post-processing."""
        desk = self._running.barrier
        if isinstance(message, ReadJobSpec):
            return later(message, partial(desk.spec, message))
        return later(message, traced(message.request_id, partial(desk.again, message)))

    def _look(self, message: LookingMessage) -> Handled:
        """Answer what is asked about one torrent only."""
        desk, torrent_id = self._running.looks, message.torrent_id
        match message:
            case ReadPeers():
                return later(message, traced(message.request_id, partial(desk.peers, torrent_id)))
            case ReadTrackers():
                return later(message, traced(message.request_id, partial(desk.trackers, torrent_id)))
            case ReadPieces():
                return later(message, traced(message.request_id, partial(desk.pieces, torrent_id)))
            case _:
                assert_never(message)

    def _change(self, message: ChangingMessage) -> Handled:
        """Do what changes torrents that are here, or many at once."""
        parts = self._running
        match message:
            case Amend():
                return later(message, traced(message.request_id, partial(parts.amending.amend, message)))
            case EditTrackers():
                return later(message, traced(message.request_id, partial(parts.urls.trackers, message)))
            case EditWebSeeds():
                return later(message, traced(message.request_id, partial(parts.urls.web_seeds, message)))
            case AddTorrents():
                return later(message, traced(message.request_id, partial(parts.bulk.add, message)))
            case ActOnMany():
                return later(message, traced(message.request_id, partial(parts.crowd.act, message)))
            case _:
                assert_never(message)

    def _govern(self, message: GoverningMessage) -> Handled:
        """Answer what the governor and the configuration ask."""
        parts = self._running
        match message:
            case ApplyLimits(rates):
                return later(message, partial(parts.tuning.limit, rates))
            case ReadLimits():
                return later(message, self._limits)
            case CapTorrents():
                return later(message, partial(parts.core.rates.cap, message))
            case ReadFallbackCaps():
                return answer(message, parts.core.rates.fallbacks())
            case ReadSeedingFacts():
                return later(message, partial(parts.seeding.read, message))
            case ReadPayloadFacts():
                return later(message, partial(parts.payload.read, message))
            case ApplySettings(settings):
                return later(message, partial(parts.tuning.apply, settings))
            case _:
                assert_never(message)

    async def _limits(self) -> EngineLimits:
        return EngineLimits(self.context.generation, await self._running.tuning.limits())

    @property
    def _running(self) -> Assembly:
        assert self._parts is not None, "messages come after on_start"
        return self._parts

    def _report(self) -> EngineReport:
        parts = self._running
        engine = parts.core.engine
        figures = engine.figures()
        return EngineReport(
            engine=engine.name,
            listening=engine.listening(),
            download_bps=figures.download_bps,
            upload_bps=figures.upload_bps,
            downloaded_bytes=figures.downloaded,
            uploaded_bytes=figures.uploaded,
            peers=figures.peers,
            alerts=figures.notifications,
            alerts_dropped=figures.dropped,
            records_pending=parts.records.pending + parts.records.unconfirmed,
        )


def _threads(name: str, workers: int) -> Lane:
    return BlockingLane(name, workers=workers)
