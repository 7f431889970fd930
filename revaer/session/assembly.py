"""One generation of the session, put together: which desk knows which, and the background tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from actors import ActorRef, Bus, Health, Reporter
from actors.actor import Spawn
from revaer.events import Event
from revaer.resume.messages import ResumeMessage
from revaer.selection.messages import SelectFunction
from revaer.session.actions import ActionDesk
from revaer.session.adding import AddDesk
from revaer.session.admitting import Admission
from revaer.session.amending import AmendDesk
from revaer.session.barrier import BarrierDesk
from revaer.session.barrier_watch import BarrierWatch
from revaer.session.blocklist import BlocklistKeeper, Supply
from revaer.session.bulk import BulkDesk
from revaer.session.catalogue import Catalogue
from revaer.session.completing import CompletionDesk
from revaer.session.core import Core
from revaer.session.crowd import AT_ONCE, MOVED_AT_ONCE, CrowdDesk
from revaer.session.disk import Disk, DiskDesk
from revaer.session.disk_calls import Lane
from revaer.session.dispatch import Dispatcher
from revaer.session.faults import Fault
from revaer.session.fsops_gate import FsOpsGate
from revaer.session.gate import EngineGate
from revaer.session.intents import Intents
from revaer.session.looking import LookDesk
from revaer.session.magnets import MagnetDesk
from revaer.session.moves import MoveDesk, MoveFinisher
from revaer.session.opening import OpenedEngine
from revaer.session.payload import PayloadDesk
from revaer.session.progress import ProgressDesk
from revaer.session.rates import RateDesk
from revaer.session.removing import RemoveDesk
from revaer.session.reports import NetworkReport, StorageReport, TrackerReport
from revaer.session.restoring import Restoration
from revaer.session.running import RunningDesk
from revaer.session.saving import RecordKeeper
from revaer.session.seeding import SeedingDesk
from revaer.session.selecting import SelectDesk
from revaer.session.sentinel import Sentinel
from revaer.session.serial import Jobs, Turns
from revaer.session.stopping import rescue, stop_orderly
from revaer.session.storage import StorageWatch
from revaer.session.store import Store
from revaer.session.timing import Timing
from revaer.session.torrent import Torrent
from revaer.session.tuning import TuningDesk
from revaer.session.url_lists import UrlDesk

DISK_WORKERS: Final = 16
"""How many looks at the disk run at the same time; each directory that hangs may hold one for as long as it does."""


class Assembly:
    """Everything that one generation of the session is made of.

    Args:
        opened: an open engine, which `keep_engine` closes in the end, and what it was opened with.
        supply: where its blocklist comes from.
        resume: keeps intents and records.
        fsops: the way to post-processing.
        bus: where changes are published.
        select: the file selection.
        context_health: where the session's own condition is reported.
        health: where the components beside it are reported.
        spawn: starts background tasks.
        timing: intervals and deadlines.
        disk: looks at directories and files.
        lanes: makes lanes for blocking calls.
        wall: Unix seconds.
    """

    def __init__(
        self,
        *,
        opened: OpenedEngine,
        supply: Supply,
        resume: ActorRef[ResumeMessage],
        fsops: FsOpsGate,
        bus: Bus[Event],
        select: SelectFunction,
        context_health: Reporter,
        health: Health,
        spawn: Spawn,
        timing: Timing,
        disk: Disk,
        lanes: Callable[[str, int], Lane],
        wall: Callable[[], float],
    ) -> None:
        engine, catalogue, turns = opened.engine, Catalogue(bus), Turns()
        store = Store(resume, within=timing.store, load_within=timing.load)
        self._spawn, self._fsops, self._bus = spawn, fsops, bus
        self._condition = context_health.beside("restoring")
        self._stopped = False
        self._quiet = trio.CancelScope()
        gate = EngineGate(context_health.beside("engine"), within=timing.engine)
        self.core = Core(
            engine=engine,
            gate=gate,
            catalogue=catalogue,
            store=store,
            intents=Intents(store, catalogue, turns, context_health.beside("intents"), timing),
            turns=turns,
            jobs=Jobs(spawn),
            lane=lanes("session", 2),
            disk=DiskDesk(disk, lanes("disk", DISK_WORKERS), within=timing.disk, remember=timing.directories),
            select=select,
            rates=RateDesk(engine, gate, catalogue),
            timing=timing,
            wall=wall,
        )
        self.records = RecordKeeper(engine, catalogue, store, timing)
        self._network = NetworkReport(_up(health, "network"))
        self.tuning = TuningDesk(opened, gate, self._network, timing)
        report = health.reporter("network").beside("blocklist")
        self._blocklist = BlocklistKeeper(self.tuning, supply, report=report, timing=timing, wall=wall)
        self._trackers = TrackerReport(_up(health, "tracker"), trio.current_time)
        self._connect(StorageReport(_up(health, "storage")), verifier=lanes("verify", 2), mover=lanes("move", 1))

    def _connect(self, storage_report: StorageReport, *, verifier: Lane, mover: Lane) -> None:
        """Make the desks; those that need each other meet through callbacks."""
        core, records = self.core, self.records
        self.progress = ProgressDesk(
            core,
            on_done=lambda torrent: self.completing.begin(torrent),  # noqa: PLW0108 (made further down)
            on_change=records.touch,
            on_found=records.want,
            on_lost_metadata=lambda torrent: self.magnets.lost(torrent),  # noqa: PLW0108 (made further down)
            on_error=lambda torrent, message: self.storage.stopped(torrent, message),  # noqa: PLW0108 (made further down)
        )
        refresh = self.progress.refresh
        self.storage = StorageWatch(
            core,
            refresh=refresh,
            readmit=lambda torrent: self.admission.readmit(torrent),  # noqa: PLW0108 (made further down)
            report=storage_report,
        )
        finisher = MoveFinisher(core, mover)
        self.admission = Admission(
            core,
            verifier,
            finish_move=finisher.finish,
            refresh=refresh,
            hold=self._hold,
            on_clash=lambda torrent: self.magnets.clash(torrent),  # noqa: PLW0108 (made further down)
            on_admitted=lambda _: self.progress.ask_soon(),
        )
        self._connect_barrier()
        self._connect_desks(finisher)
        self._dispatcher = Dispatcher(
            core,
            progress=self.progress,
            magnets=self.magnets,
            records=records,
            storage=self.storage,
            network=self._network,
            trackers=self._trackers,
        )

    def _connect_barrier(self) -> None:
        """Make what stands between a complete torrent and those who wait for it."""
        core, refresh = self.core, self.progress.refresh
        self.barrier = BarrierDesk(
            core,
            self._fsops,
            state_of=self.progress.state_of,
            refresh=refresh,
            readmit=self.admission.readmit,
            release=self.storage.release,
        )
        self._barrier_watch = BarrierWatch(core, self.barrier, self._fsops, self._bus)
        self.completing = CompletionDesk(core, self.barrier, on_completed=self._completed)

    def _connect_desks(self, finisher: MoveFinisher) -> None:
        """Make the desks that take requests."""
        core, records, refresh = self.core, self.records, self.progress.refresh
        self.magnets = MagnetDesk(core, readmit=self.admission.readmit, refresh=refresh, on_ready=records.want)
        self.adding = AddDesk(core, on_added=self._added)
        self.removing = RemoveDesk(
            core,
            fetch=self.admission.readmit,
            forget_job=self.barrier.forget,
            refresh=refresh,
            on_leaving=self._leaving,
            on_left=self.magnets.left,
        )
        self.selecting = SelectDesk(core, self.progress, records, self.barrier)
        moves = MoveDesk(
            core,
            finisher,
            readmit=self.admission.readmit,
            study=self.admission.look_up,
            release=self.storage.release,
            records=records,
        )
        self.actions = ActionDesk(
            core,
            admission=self.admission,
            barrier=self.barrier,
            moves=moves,
            progress=self.progress,
            records=records,
            storage=self.storage,
        )
        self._connect_many()
        study = self.admission.look_up
        self.looks = LookDesk(core, study=study)
        self.urls = UrlDesk(core, self.looks, study=study, on_changed=records.want)
        self.amending = AmendDesk(core, study=study, on_changed=self._amended)
        self.seeding, self.payload = SeedingDesk(core), PayloadDesk(core)
        self.restoring = Restoration(
            core, self.admission, finish_removal=self.removing.defer, refresh=refresh, report=self._loading
        )
        self._sentinel = Sentinel(core, self.storage)

    def _connect_many(self) -> None:
        """Make the desks that take requests about many torrents."""
        self.bulk = BulkDesk(self.core, on_added=self._added)
        jobs, moves = Jobs(self._spawn, limit=AT_ONCE), Jobs(self._spawn, limit=MOVED_AT_ONCE)
        self._jobs = (self.core.jobs, jobs, moves)
        self.crowd = CrowdDesk(
            self.core,
            jobs,
            moves,
            act=self.actions.act,
            remove=self.removing.remove,
            keep_place=self.actions.keep_place,
            run_many=RunningDesk(self.core, progress=self.progress, records=self.records).act,
        )

    def start(self) -> None:
        """Start the background tasks."""
        self._spawn(self._dispatcher.run, name="dispatch")
        self._spawn(self.records.run, name="records")
        self._spawn(self._until_stop, name="background")

    async def stop(self) -> None:
        """End orderly: what begins work ends first, then everything is saved and the engine closed."""
        self._quiet.cancel()
        for jobs in self._jobs:
            jobs.close()
        await stop_orderly(
            self.core, self.records, may_mark_clean=self.restoring.leaves_no_doubt, budget=self.core.timing.stop
        )
        self._stopped = True

    async def keep_engine(self) -> None:
        """Hold the engine until the end of the generation, and close it whatever that end is."""
        try:
            await trio.sleep_forever()
        finally:
            if not self._stopped:
                await rescue(self.core, within=self.core.timing.rescue)

    async def _until_stop(self) -> None:
        background: tuple[Callable[[], Awaitable[None]], ...] = (
            self.restoring.run,
            self.progress.run,
            self.core.intents.run,
            self.storage.run,
            self.removing.run,
            self._sentinel.run,
            self._settle_trackers,
            self.tuning.watch,
            self.completing.run,
            self._barrier_watch.run,
            self._blocklist.run,
        )
        with self._quiet:
            async with trio.open_nursery() as nursery:
                for work in background:
                    nursery.start_soon(work)

    async def _settle_trackers(self) -> None:
        while True:
            await trio.sleep(self.core.timing.record_interval)
            self._trackers.settle()

    def _added(self, torrent: Torrent, *, adopted: bool) -> None:
        self.progress.ask_soon()
        if adopted:
            self.records.adopt(torrent)

    def _amended(self, torrent: Torrent) -> None:
        self.progress.refresh(torrent)
        self.progress.ask_soon()
        self.records.want(torrent)

    def _completed(self, torrent: Torrent) -> None:
        self.progress.refresh(torrent)
        self.records.want(torrent)
        if torrent.is_processing:
            self._barrier_watch.look_at(torrent.id)

    def _leaving(self, torrent: Torrent) -> None:
        self.records.forget(torrent.id)
        self.storage.release(torrent)

    def _hold(self, torrent: Torrent, fault: Fault) -> None:
        self.storage.hold(torrent, fault)

    def _loading(self, trouble: str) -> None:
        if trouble:
            self._condition.degraded(trouble)
        else:
            self._condition.up()


def _up(health: Health, component: str) -> Reporter:
    reporter = health.reporter(component)
    reporter.up()
    return reporter
