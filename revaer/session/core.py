"""What every operation of one generation of the session shares."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
import trio

from revaer.events import FilesDiscovered
from revaer.pauses import doubling
from revaer.selection.messages import Decision, SelectFunction
from revaer.session.catalogue import Catalogue
from revaer.session.describe import discovery
from revaer.session.disk import DiskDesk
from revaer.session.disk_calls import Lane
from revaer.session.gate import EngineGate
from revaer.session.intents import Intents
from revaer.session.messages import ActionRefused, SessionRefusal, SessionUnavailable, UnknownTorrent
from revaer.session.port import Engine, FileEntry
from revaer.session.rates import RateDesk
from revaer.session.serial import Jobs, Turns
from revaer.session.store import Store
from revaer.session.timing import Timing
from revaer.session.torrent import Torrent
from revaer.types import SelectionRules, TorrentId, TorrentOptions

log = structlog.get_logger(__name__)

MANY_FILES = 2_000
"""A longer file list is worked on beside the loop."""


@dataclass(frozen=True, slots=True)
class Core:
    """The parts that operations use.

    Attributes:
        engine: the engine; its calls go through `gate`.
        gate: deadlines and errors of engine calls.
        catalogue: the torrents.
        store: the resume store.
        intents: what is stored of each torrent.
        turns: one operation at a time per torrent.
        jobs: background work.
        lane: where long computations run.
        disk: looks at directories and files.
        select: the file selection.
        rates: the caps of single torrents.
        timing: intervals and deadlines.
        wall: Unix seconds.
    """

    engine: Engine
    gate: EngineGate
    catalogue: Catalogue
    store: Store
    intents: Intents
    turns: Turns
    jobs: Jobs
    lane: Lane
    disk: DiskDesk
    select: SelectFunction
    rates: RateDesk
    timing: Timing
    wall: Callable[[], float] = time.time

    @asynccontextmanager
    async def turn(self, torrent_id: TorrentId) -> AsyncIterator[Torrent]:
        """Wait for a torrent's turn and hold it while the block runs.

        Raises:
            UnknownTorrent: it is not here, or left meanwhile.
            ActionRefused: it is being removed.
            SessionUnavailable: the torrents of the last run are not listed yet.
        """
        torrent = await self.catalogue.require(torrent_id, within=self.timing.listing)
        async with self.turns.hold(torrent_id):
            if self.catalogue.get(torrent_id) is not torrent:
                raise UnknownTorrent(torrent_id)
            if torrent.removing is not None:
                raise ActionRefused("it is being removed")
            yield torrent

    async def wish(
        self,
        torrent: Torrent,
        options: TorrentOptions,
        apply: Callable[[], Awaitable[None]],
        restore: Callable[[], Awaitable[None]],
    ) -> None:
        """Make new options durable, then have the engine follow them; the old ones hold when it does not.

        Args:
            torrent: whose turn it is.
            options: the new ones.
            apply: has the engine follow them.
            restore: has it follow the options that the torrent has.

        Raises:
            SessionRefusal: the store or the engine refused, or does not answer.
        """
        await self.intents.update(torrent, options=options)
        if torrent.present:
            try:
                await self.gate.call(apply())
            except SessionRefusal as error:
                self.intents.owe(torrent.id)
                if isinstance(error, SessionUnavailable):
                    self.take_back_later(torrent, restore)
                raise
        torrent.options = options

    def take_back_later(self, torrent: Torrent, restore: Callable[[], Awaitable[None]]) -> None:
        """Bring an engine that was silent back to what holds: it may have followed a wish that was not kept.

        `restore` has it follow what the torrent has then. It is tried until the engine answers.
        """
        self.jobs.submit(partial(self._take_back, torrent, restore))

    async def _take_back(self, torrent: Torrent, restore: Callable[[], Awaitable[None]]) -> None:
        for attempt in itertools.count(1):
            # The pause comes first: what is owed to the store, and whoever waits for the turn, has it in between.
            await trio.sleep(doubling(attempt, self.timing.retry, self.timing.retry_max))
            if await self._took_back(torrent, restore):
                return

    async def _took_back(self, torrent: Torrent, restore: Callable[[], Awaitable[None]]) -> bool:
        async with self.turns.hold(torrent.id):
            if self.catalogue.get(torrent.id) is torrent and torrent.present and torrent.removing is None:
                try:
                    await self.gate.call(restore())
                except SessionUnavailable:
                    return False
                except ActionRefused as error:
                    log.warning("option_not_taken_back", torrent_id=torrent.id, reason=str(error))
            return True

    async def run_or_rest(self, torrent: Torrent) -> None:
        """Have the engine run a torrent that shall run, and pause any other. Raises EngineError."""
        options = torrent.options
        if options.paused or torrent.fault is not None or torrent.is_withheld:
            await self.engine.pause(torrent.id)
        else:
            await self.engine.resume(torrent.id, auto_managed=options.auto_managed)

    async def place(self, torrent_id: TorrentId, options: TorrentOptions) -> None:
        """Put a torrent that just entered the engine where the user wants it in the queue.

        Raises:
            SessionUnavailable: the engine does not answer.
        """
        if options.queue_position is None:
            return
        try:
            await self.gate.call(self.engine.set_queue_position(torrent_id, options.queue_position))
        except ActionRefused as error:
            log.warning("queue_position_refused", torrent_id=torrent_id, reason=str(error))

    async def ranked(self) -> list[TorrentId]:
        """Return the queue in its order. Raises ActionRefused, SessionUnavailable."""
        statuses = await self.gate.call(self.engine.statuses([torrent.id for torrent in self.catalogue]))
        found = sorted((status.queue_position, status.torrent_id) for status in statuses if status.queue_position >= 0)
        return [torrent_id for _, torrent_id in found]

    async def decide(self, files: Sequence[FileEntry], rules: SelectionRules) -> tuple[Decision, ...]:
        """Apply the rules to a file list. Raises InvalidPattern."""
        if len(files) < MANY_FILES:
            return self.select(files, rules)
        return await self.lane.run(self.select, files, rules)

    async def survey(
        self, torrent_id: TorrentId, files: Sequence[FileEntry], decisions: Sequence[Decision]
    ) -> FilesDiscovered:
        """Return the event that tells what the selection made of a file list."""
        if len(files) < MANY_FILES:
            return discovery(torrent_id, files, decisions)
        return await self.lane.run(discovery, torrent_id, files, decisions)
