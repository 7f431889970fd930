"""Reads the engine's events and hands each to the one that looks after it."""

from __future__ import annotations

import time
from typing import assert_never

import structlog
import trio

from revaer.session.core import Core
from revaer.session.magnets import MagnetDesk
from revaer.session.port import (
    CheckFinished,
    DownloadFinished,
    EngineClosed,
    EngineEvent,
    EventsDropped,
    ListenerFailed,
    ListenerUp,
    MetadataArrived,
    RecordReady,
    RecordRejected,
    RecordUnchanged,
    StatusBatch,
    StorageFailed,
    TorrentsConflict,
    TrackerAnswered,
    TrackerFailed,
)
from revaer.session.progress import SLICE, ProgressDesk
from revaer.session.reports import NetworkReport, TrackerReport
from revaer.session.saving import RecordKeeper
from revaer.session.storage import StorageWatch
from revaer.types import TorrentId

log = structlog.get_logger(__name__)


class Dispatcher:
    """The one reader of the engine's events.

    Args:
        core: the shared parts.
        progress: takes statuses.
        magnets: takes metadata.
        records: takes records.
        storage: takes failures of the disk.
        network: takes what happens to listeners.
        trackers: takes what happens to announces.
    """

    def __init__(
        self,
        core: Core,
        *,
        progress: ProgressDesk,
        magnets: MagnetDesk,
        records: RecordKeeper,
        storage: StorageWatch,
        network: NetworkReport,
        trackers: TrackerReport,
    ) -> None:
        self._core = core
        self._progress = progress
        self._magnets = magnets
        self._records = records
        self._storage = storage
        self._network = network
        self._trackers = trackers

    async def run(self) -> None:
        """Read and hand on until the engine is closed."""
        while True:
            try:
                events = await self._core.engine.next_events()
            except EngineClosed:
                return
            edge = time.perf_counter()
            for event in events:
                if isinstance(event, StatusBatch):
                    await self._progress.take(event)
                else:
                    self._hand_on(event)
                if time.perf_counter() - edge > SLICE:
                    await trio.lowlevel.checkpoint()
                    edge = time.perf_counter()

    def _hand_on(self, event: EngineEvent) -> None:  # noqa: C901, PLR0912 (one case per kind of event)
        match event:
            case StatusBatch():
                raise AssertionError("status batches are awaited")
            case MetadataArrived():
                self._magnets.arrived(event)
            case TorrentsConflict():
                self._magnets.conflict(event)
            case DownloadFinished():
                self._progress.ask_soon()
            case CheckFinished(torrent_id):
                self._checked(torrent_id)
            case RecordReady() | RecordUnchanged():
                self._records.answered(event)
            case StorageFailed():
                self._storage.failed(event)
            case RecordRejected(torrent_id, reason):
                log.warning("record_rejected", torrent_id=torrent_id, reason=reason)
            case TrackerAnswered(_, url, _):
                self._trackers.answered(url)
            case TrackerFailed(_, url, message):
                self._trackers.failed(url, message)
            case ListenerUp(address):
                self._network.up(address)
            case ListenerFailed(address, message):
                self._network.failed(address, message)
            case EventsDropped(count):
                self._dropped(count)
            case _:
                assert_never(event)

    def _checked(self, torrent_id: TorrentId) -> None:
        torrent = self._core.catalogue.get(torrent_id)
        if torrent is not None:
            torrent.is_rechecking = False
            torrent.was_checked = True
        self._progress.ask_soon()

    def _dropped(self, count: int) -> None:
        log.warning("engine_events_dropped", count=count)
        self._progress.ask_soon(everything=True)
        self._records.lost()
