"""Starts jobs when it is their turn, watches over them, and says how they ended."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog
import trio

from actors.actor import Spawn
from revaer.database.messages import DatabaseError
from revaer.fsops.announcer import Announcer
from revaer.fsops.errors import Cancelled
from revaer.fsops.ledger import Ledger
from revaer.fsops.problems import Problems
from revaer.fsops.queue import Queue
from revaer.fsops.report import Report
from revaer.fsops.rows import StoredJob, unpack_spec
from revaer.fsops.running import Running
from revaer.fsops.settling import Interruption, broken, settlement_of, tell_span
from revaer.fsops.sweeper import give_back
from revaer.fsops.terms import Lane, Runner, Settings, SettingsReader, SettingsUnavailable, Timing
from revaer.fsops.views import JobSpec
from revaer.fsops.volume_watch import VolumeState, VolumeWatch
from revaer.fsops.workshop import Benches
from revaer.tracing import Attributes, entrance
from revaer.trail import on_behalf_of
from revaer.types import TorrentId

log = structlog.get_logger("revaer.fsops")

LIBRARY: Final = "library"
"""Name of the problem that the library cannot be used."""

SETTINGS: Final = "settings"
"""Name of the problem that the settings cannot be read."""


class Foreman:
    """Runs jobs.

    Args:
        queue: Says whose turn it is.
        ledger: Makes durable that a job runs, and how it ended.
        runner: Does the work, in `lane`.
        benches: Keep two runs of one torrent apart.
        read_settings: Reads what holds now.
        volumes: Knows whether the library can be used.
        problems: Told what keeps jobs waiting.
        announcer: Told how jobs go on.
        lane: Where jobs run.
        spawn: Starts the task of a job.
        timing: Intervals.
        clock: Monotonic seconds.
        wall: Unix seconds.
        random: Returns a number from 0 up to 1.

    Attributes:
        trouble: Why none can start, as far as that is not the ledger's; None when jobs may start.
    """

    def __init__(
        self,
        *,
        queue: Queue,
        ledger: Ledger,
        runner: Runner,
        benches: Benches,
        read_settings: SettingsReader,
        volumes: VolumeWatch,
        problems: Problems,
        announcer: Announcer,
        lane: Lane,
        spawn: Spawn,
        timing: Timing,
        clock: Callable[[], float],
        wall: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self.trouble: str | None = None
        self._queue = queue
        self._ledger = ledger
        self._runner = runner
        self._benches = benches
        self._read_settings = read_settings
        self._volumes = volumes
        self._problems = problems
        self._announcer = announcer
        self._lane = lane
        self._spawn = spawn
        self._timing = timing
        self._clock = clock
        self._wall = wall
        self._random = random
        self._bell = trio.Event()
        self._is_stopping = False
        self._running: dict[TorrentId, Running] = {}

    @property
    def running(self) -> Mapping[TorrentId, Running]:
        """The jobs that run, by torrent."""
        return self._running

    def ring(self) -> None:
        """Look whether a job can start."""
        self._bell.set()

    async def run(self) -> None:
        """Start jobs until cancelled or stopped."""
        while not self._is_stopping:
            self._bell = bell = trio.Event()
            pause = await self._start_what_may()
            with trio.move_on_after(pause):
                await bell.wait()

    async def interrupt(self, torrent_id: TorrentId, why: Interruption) -> None:
        """Tell a job to stop, and return when its end is stored or owed; at once when it does not run."""
        running = self._running.get(torrent_id)
        if running is not None:
            running.interrupt(why)
            await running.ended.wait()

    async def stop(self) -> None:
        """Start nothing any more, tell every job to stop, and return when all have or the time is over."""
        self._is_stopping = True
        self.ring()
        for running in self._running.values():
            running.interrupt(Interruption.STOP)
        with trio.move_on_after(self._timing.stop):
            for running in [*self._running.values()]:
                await running.ended.wait()

    async def survey(self) -> Settings | None:
        """Look at what jobs need, and say what is wrong; return what holds now if it can be read."""
        found = await self._look()
        return None if found is None else found[0]

    async def _start_what_may(self) -> float:
        """Start every job that may start now; return the seconds until the next look."""
        if self._ledger.trouble is not None or not len(self._queue):
            return math.inf
        found = await self._look()
        if found is None:
            return self._timing.again
        settings, volume = found
        if volume.reason is not None:
            return self._timing.blocked
        while not self._is_stopping and self._ledger.trouble is None:
            ticket = self._queue.take(self._clock(), volume.key)
            if ticket is None:
                break
            running = self._running[ticket.torrent_id] = Running(ticket)
            self._spawn(self._work, running, settings, name=f"job {ticket.torrent_id}")
        return max(0.0, self._queue.next_due() - self._clock())

    async def _look(self) -> tuple[Settings, VolumeState] | None:
        try:
            settings = await self._read_settings()
        except SettingsUnavailable as error:
            self.trouble = f"the configuration cannot be read: {error}"
            self._problems.note(SETTINGS, self.trouble)
            return None
        self._problems.note(SETTINGS, None)
        try:
            volume = await self._volumes.check(settings.paths.library_root)
        except DatabaseError as error:
            self.trouble = f"the database is away: {error}"
            return None
        self.trouble = volume.reason
        self._problems.note(LIBRARY, volume.reason)
        return settings, volume

    async def _work(self, running: Running, settings: Settings) -> None:
        ticket = running.ticket
        try:
            claimed = await self._ledger.claim(ticket, str(settings.paths.library_root))
            if claimed is None:
                return
            running.job, content = claimed
            with on_behalf_of(running.job.request_id, torrent_id=ticket.torrent_id):
                await self._process(running, running.job, content, settings)
        finally:
            del self._running[ticket.torrent_id]
            running.ended.set()
            self.ring()

    async def _process(self, running: Running, job: StoredJob, content: bytes, settings: Settings) -> None:
        """Run a job and make its end durable."""
        about: Attributes = {"revaer.torrent_id": job.torrent_id, "revaer.attempt": job.attempt}
        with entrance("fsops.job", parent=running.ticket.span, attributes=about) as span:
            report = await self._perform(running, job, content, settings)
            settlement = settlement_of(
                job, report, running.why, retry=self._timing.retry, now=self._wall(), random=self._random
            )
            if span is not None:
                tell_span(span, settlement)
            await self._ledger.settle(settlement, running.ticket, parked=running.why is Interruption.REPLACE)

    async def _perform(self, running: Running, job: StoredJob, content: bytes, settings: Settings) -> Report | None:
        """Run a job; None when it was told to stop before it began."""
        spec = await self._lane.run(unpack_spec, content)
        if running.is_interrupted():
            return None
        self._announcer.started(job)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell_progress, running, job)
            nursery.start_soon(self._guard, running, settings.paths.library_root)
            try:
                report = await self._lane.run(self._in_thread, running, spec, settings)
            except BaseException:
                # The thread is left behind and must not go on.
                running.interrupt(Interruption.STOP)
                raise
            nursery.cancel_scope.cancel()
        if report is not None:
            self._announcer.ran(job, report)
        return report

    def _in_thread(self, running: Running, spec: JobSpec, settings: Settings) -> Report | None:
        try:
            with self._benches.hold(spec.torrent_id, running.is_interrupted):
                report = self._runner.run(spec, settings, running.meter.take, running.is_interrupted)
                if running.why is Interruption.ROOM:
                    # Otherwise its unfinished copies could keep the volume short, and everybody waiting.
                    give_back(settings.paths.library_root, spec.torrent_id)
                return report
        except Cancelled:
            return None
        except Exception as error:
            log.exception("fsops_run_broken", torrent_id=spec.torrent_id)
            return broken(error)

    async def _tell_progress(self, running: Running, job: StoredJob) -> None:
        while True:
            await trio.sleep(self._timing.progress)
            progress = running.meter.read(self._clock())
            if progress is not None:
                self._announcer.progress(job, progress)

    async def _guard(self, running: Running, root: Path) -> None:
        """Stop a job whose library goes away or fills up."""
        while True:
            await trio.sleep(self._timing.watch)
            with suppress(DatabaseError):
                state = await self._volumes.check(root)
                if state.reason is not None:
                    running.interrupt(Interruption.VOLUME if state.is_absent else Interruption.ROOM)
