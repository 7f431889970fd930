"""Post-processing: owns the durable queue of jobs, runs them, and looks after the library."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from random import random as draw
from typing import ClassVar, Final, assert_never

import trio

from actors import Actor, BlockingLane, Bus, Handled, answer, later
from revaer.database.messages import Database
from revaer.events import Event
from revaer.fsops.announcer import Announcer
from revaer.fsops.desk import Desk
from revaer.fsops.foreman import Foreman
from revaer.fsops.inspector import Inspector
from revaer.fsops.ledger import Ledger
from revaer.fsops.messages import (
    CancelJob,
    ChangeMessage,
    Enqueue,
    ForgetJob,
    FsOpsMessage,
    InspectJob,
    ListJobs,
    PauseQueue,
    PlanJob,
    ReportFsOps,
    ResumeQueue,
    RetryJob,
    VerifyLibrary,
)
from revaer.fsops.problems import Problems
from revaer.fsops.queue import Queue
from revaer.fsops.source_watch import SourceWatch
from revaer.fsops.store import JobStore
from revaer.fsops.sweeper import Sweeper
from revaer.fsops.terms import Bounds, Gauges, Lane, Runner, SettingsReader, Timing
from revaer.fsops.tool_watch import Prober, ToolWatch
from revaer.fsops.volume_watch import VolumeWatch
from revaer.fsops.workshop import Benches

_LOOKERS: Final = 4
_READERS: Final = 2


def _threads(name: str, workers: int) -> Lane:
    return BlockingLane(name, workers=workers)


class FsOpsActor(Actor[FsOpsMessage]):
    """Turns finished downloads into library entries, one job per torrent.

    It starts at once, whatever is away: that is a state of its health.

    Args:
        database: Where the queue is kept.
        bus: Told how jobs go on.
        runner: Does the work of a job.
        read_settings: Reads the policy and the paths that hold now.
        tools: Knows which external tools there are.
        benches: Keep two runs of one torrent apart; made by whoever makes the actor, because they outlive it.
        gauges: Where figures go.
        bounds: How much may be done at a time.
        timing: Intervals.
        lanes: Makes the lanes for blocking calls, by name and number of workers.
        clock: Monotonic seconds.
        wall: Unix seconds.
        random: Returns a number from 0 up to 1.
    """

    max_in_flight: ClassVar[int] = 4096

    def __init__(
        self,
        *,
        database: Database,
        bus: Bus[Event],
        runner: Runner,
        read_settings: SettingsReader,
        tools: Prober,
        benches: Benches,
        gauges: Gauges | None = None,
        bounds: Bounds | None = None,
        timing: Timing | None = None,
        lanes: Callable[[str, int], Lane] = _threads,
        clock: Callable[[], float] = trio.current_time,
        wall: Callable[[], float] = time.time,
        random: Callable[[], float] = draw,
    ) -> None:
        self._database = database
        self._runner = runner
        self._read_settings = read_settings
        self._tools = tools
        self._benches = benches
        self._announcer = Announcer(bus, gauges or Gauges())
        self._bounds = bounds or Bounds()
        self._timing = timing or Timing()
        self._lanes = lanes
        self._clock = clock
        self._wall = wall
        self._random = random

    async def on_start(self) -> None:
        """Put the parts together and set them to work."""
        self._problems = Problems(self.context.health)
        self._store = JobStore(self._database)
        # What only computes has a lane of its own: a dead share keeps the threads that asked it.
        self._rows = self._lanes("fsops-rows", _READERS)
        self._volumes = VolumeWatch(self._store, self._lanes("fsops-volumes", _LOOKERS), self._timing, self._clock)
        self._open_ledger()
        self._sweeper = Sweeper(
            database=self._database,
            store=self._store,
            volumes=self._volumes,
            benches=self._benches,
            lane=self._lanes("fsops-sweep", 1),
            timing=self._timing,
        )
        self._inspector = Inspector(
            read_settings=self._read_settings,
            volumes=self._volumes,
            lane=self._lanes("fsops-verify", 1),
            spawn=self.context.spawn,
            wall=self._wall,
        )
        self._desk = Desk(
            store=self._store,
            ledger=self._ledger,
            foreman=self._foreman,
            runner=self._runner,
            read_settings=self._read_settings,
            sweeper=self._sweeper,
            lane=self._rows,
            disks=self._lanes("fsops-records", _READERS),
        )
        for work in (self._ledger.run, self._foreman.run, self._sweeper.run, self._survey):
            self.context.spawn(work)

    async def handle(self, message: FsOpsMessage) -> Handled:
        """Answer from memory, or when the work is done."""
        desk = self._desk
        match message:
            case InspectJob():
                return later(message, partial(desk.inspect, message))
            case ListJobs():
                return later(message, partial(desk.page, message))
            case PlanJob():
                return later(message, partial(desk.plan, message))
            case VerifyLibrary():
                return later(message, partial(self._inspector.verify, message))
            case ReportFsOps():
                return answer(message, desk.report())
            case _:
                return self._handle_change(message)

    def _handle_change(self, message: ChangeMessage) -> Handled:
        desk = self._desk
        match message:
            case Enqueue():
                return later(message, partial(desk.enqueue, message))
            case RetryJob():
                return later(message, partial(desk.retry, message))
            case CancelJob():
                return later(message, partial(desk.cancel, message))
            case PauseQueue() | ResumeQueue():
                return later(message, partial(desk.switch, message))
            case ForgetJob():
                return later(message, partial(desk.forget, message))
            case _:
                assert_never(message)

    async def on_stop(self) -> None:
        """Tell jobs to stop and wait until they have recorded where they are."""
        self._inspector.stop()
        await self._foreman.stop()

    def _open_ledger(self) -> None:
        queue = Queue(per_volume=self._bounds.per_volume, at_once=self._bounds.at_once)
        self._ledger = Ledger(
            database=self._database,
            store=self._store,
            queue=queue,
            sources=SourceWatch(self._lanes("fsops-sources", _LOOKERS), self._timing.look_within),
            lane=self._rows,
            announcer=self._announcer,
            problems=self._problems,
            timing=self._timing,
            clock=self._clock,
            wall=self._wall,
        )
        self._foreman = Foreman(
            queue=queue,
            ledger=self._ledger,
            runner=self._runner,
            benches=self._benches,
            read_settings=self._read_settings,
            volumes=self._volumes,
            problems=self._problems,
            announcer=self._announcer,
            lane=self._lanes("fsops-jobs", self._bounds.at_once),
            spawn=self.context.spawn,
            timing=self._timing,
            clock=self._clock,
            wall=self._wall,
            random=self._random,
        )
        self._ledger.on_change = self._foreman.ring

    async def _survey(self) -> None:
        """Look every now and then at what jobs need, so that health tells it before a job meets it."""
        tools = ToolWatch(self._tools, self._lanes("fsops-tools", 1), self._problems)
        while True:
            settings = await self._foreman.survey()
            if settings is not None:
                await tools.look(settings.policy, self._timing.tools)
            await trio.sleep(self._timing.tools)
