"""The barrier: a complete torrent goes through post-processing before anybody outside sees it as ready.

What a job has come to is asked of post-processing, never taken from an event: events only say when to ask. So it does
not matter which of them are missed. What is learnt is durable before it is shown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
import trio

from revaer.fsops.messages import JobDetail, JobSpec, JobState, JobView
from revaer.resume.messages import Processing, ProcessingStage
from revaer.session.barrier_policy import ended, ending_of, job_spec, waiting_note
from revaer.session.core import MANY_FILES, Core
from revaer.session.fsops_gate import FsOpsGate
from revaer.session.messages import ActionRefused, ReadJobSpec, Reprocess, SessionRefusal, SessionUnavailable
from revaer.session.torrent import Torrent
from revaer.trail import caused_by, current_cause, current_request
from revaer.types import StateView, TorrentId, TorrentState

log = structlog.get_logger(__name__)

WAITERS = 64
"""How many requests may wait for the end of post-processing at the same time."""

_BUSY = "it is being processed: wait until it is in the library, or run `revaer fsops cancel` first"


class BarrierDesk:
    """Sees torrents through post-processing.

    Args:
        core: the shared parts.
        fsops: whom it is asked of.
        state_of: tells the state of a torrent from what is known now.
        refresh: shows a torrent's state.
        readmit: brings a torrent into the engine that is not there; the caller has its turn.
        release: stops to wait for a torrent's storage.
    """

    def __init__(
        self,
        core: Core,
        fsops: FsOpsGate,
        *,
        state_of: Callable[[Torrent], StateView],
        refresh: Callable[[Torrent], None],
        readmit: Callable[[Torrent], Awaitable[None]],
        release: Callable[[Torrent], None],
    ) -> None:
        self._core = core
        self._fsops = fsops
        self._state_of = state_of
        self._refresh = refresh
        self._readmit = readmit
        self._release = release
        self._returning: set[TorrentId] = set()
        self._passed = trio.lowlevel.ParkingLot()
        self._waiting = 0

    # At completion. The caller has the torrent's turn.

    def stands_before(self, torrent: Torrent) -> bool:
        """Tell whether a torrent is to be processed when it is complete."""
        return self._fsops.is_open and torrent.options.process

    async def enter(self, torrent: Torrent) -> bool:
        """Queue a torrent that has every wanted byte, then announce its completion.

        Tells whether that is done. Otherwise the torrent says why, and it is to be tried again.
        """
        at = self._core.wall()
        processing = Processing(ProcessingStage.PENDING, withheld=self._fsops.moves_source())
        try:
            await self._core.intents.update(torrent, completed_at=at, library_path=None, processing=processing)
            job = await self._queue(torrent, processing)
        except SessionUnavailable as error:
            torrent.queue_trouble = f"its post-processing cannot be queued yet, it is tried again: {error}"
            self._refresh(torrent)
            return False
        except ActionRefused as error:
            log.warning("fsops_refused", torrent_id=torrent.id, reason=str(error))
            processing = Processing(ProcessingStage.FAILED, f"its post-processing was refused: {error}")
            self._core.intents.owe(torrent.id)
        else:
            torrent.job_note = waiting_note(job)
        torrent.queue_trouble = None
        torrent.processing = processing
        is_pending = processing.stage is ProcessingStage.PENDING
        kind = TorrentState.PROCESSING if is_pending else TorrentState.FAILED
        message = torrent.job_note if is_pending else processing.message
        self._core.catalogue.complete(torrent, at, StateView(kind, at, message))
        return True

    def left(self, torrent: Torrent) -> None:
        """Note that a completion is no longer worked on, whatever came of it."""
        if torrent.queue_trouble is not None:
            torrent.queue_trouble = None
            self._refresh(torrent)
        self._passed.unpark_all()

    # While it is processed. The caller has the torrent's turn.

    async def follow(self, torrent: Torrent) -> None:
        """Learn what a torrent's job has come to, and let it show.

        Raises:
            SessionUnavailable: post-processing, the store or the engine is away.
            ActionRefused: the job is refused.
        """
        processing = torrent.processing
        if processing is None or processing.stage is ProcessingStage.OUTDATED:
            return
        if torrent.id in self._returning:
            await self._give_back(torrent)
        is_pending = processing.stage is ProcessingStage.PENDING
        job = await self._fsops.inspect(torrent.id)
        if job is None and is_pending:
            await self._queue(torrent, processing)
            job = await self._fsops.inspect(torrent.id)
        if job is None:
            return
        ending = ending_of(job)
        if ending is ProcessingStage.PENDING:
            await self._goes_on(torrent, processing, job)
        elif is_pending or ending in (ProcessingStage.PUBLISHED, processing.stage):
            await self._over(torrent, processing, job, ending)

    async def forget(self, torrent: Torrent) -> None:
        """Have the job of a torrent stopped and dropped that is about to be removed; what was published stays.

        Raises:
            SessionUnavailable: post-processing is away.
        """
        if torrent.processing is None and torrent.queue_trouble is None:
            return
        try:
            await self._fsops.forget(torrent.id)
        except ActionRefused as error:
            log.warning("fsops_forget_refused", torrent_id=torrent.id, reason=str(error))
        self._returning.discard(torrent.id)
        self._passed.unpark_all()

    def tell(self, torrent: Torrent, note: str | None) -> None:
        """Show why the job of a torrent takes its time."""
        if torrent.processing is not None and torrent.processing.stage is ProcessingStage.PENDING:
            torrent.job_note = note
            self._refresh(torrent)

    # Requests.

    def refuse_while_processing(self, torrent: Torrent) -> None:
        """Refuse what would change payload that is being processed. Raises ActionRefused."""
        if torrent.is_processing:
            raise ActionRefused(_BUSY)

    async def passed(self, torrent_id: TorrentId) -> None:
        """Wait until a torrent is not processed, for a while at most.

        Raises:
            ActionRefused: it still is, or too many wait already.
        """
        torrent = self._core.catalogue.get(torrent_id)
        if torrent is None or not self._is_held(torrent):
            return
        if self._waiting >= WAITERS:
            raise ActionRefused(_BUSY)
        self._waiting += 1
        try:
            with trio.move_on_after(self._core.timing.processing):
                while self._is_held(torrent):
                    await self._passed.park()
        finally:
            self._waiting -= 1
        self.refuse_while_processing(torrent)

    def _is_held(self, torrent: Torrent) -> bool:
        return torrent.is_processing and self._core.catalogue.get(torrent.id) is torrent

    async def spec(self, request: ReadJobSpec) -> JobSpec:
        """Return what would be processed of a torrent. Raises UnknownTorrent, ActionRefused, SessionUnavailable."""
        core = self._core
        torrent = await core.catalogue.require(request.torrent_id, within=core.timing.listing)
        if not torrent.has_metadata:
            raise ActionRefused("its files are not known yet")
        return await self._spec(torrent)

    async def again(self, request: Reprocess) -> JobView:
        """Have a complete torrent processed again, also one that never was.

        Raises:
            UnknownTorrent: it is not here.
            ActionRefused: it is not complete, or its job runs.
            SessionUnavailable: post-processing, the store or the engine is away.
        """
        async with self._core.turn(request.torrent_id) as torrent:
            if torrent.queue_trouble is not None:
                raise SessionUnavailable(torrent.queue_trouble)
            if torrent.view.descriptor.completed_at is None:
                raise ActionRefused("it is not complete: its post-processing begins by itself when it is")
            stage = None if torrent.processing is None else torrent.processing.stage
            if stage is ProcessingStage.PENDING:
                await self._fsops.enqueue(await self._spec(torrent))
            if stage is ProcessingStage.PENDING or torrent.is_withheld:
                return await self._fsops.retry(torrent.id)
            if stage is ProcessingStage.PUBLISHED:
                return await self._queue_again(torrent)
            return await self._reopen(torrent)

    async def _reopen(self, torrent: Torrent) -> JobView:
        """Let a torrent whose post-processing was over, or never was, be processed."""
        before = torrent.processing
        processing = Processing(ProcessingStage.PENDING, withheld=self._fsops.moves_source())
        await self._core.intents.update(torrent, processing=processing)
        torrent.processing, torrent.job_note = processing, None
        try:
            await self._withhold(torrent, processing)
            job = await self._queue_again(torrent)
            torrent.job_note = waiting_note(job)
        except SessionRefusal:
            torrent.processing = before
            self._core.intents.owe(torrent.id)
            raise
        finally:
            self._refresh(torrent)
        return job

    async def _queue_again(self, torrent: Torrent) -> JobView:
        job = await self._fsops.enqueue(await self._spec(torrent))
        return await self._fsops.retry(torrent.id) if job.state.is_final else job

    async def _queue(self, torrent: Torrent, processing: Processing) -> JobView:
        """Queue a torrent that became complete; a job that an earlier completion came to grief with has its chance."""
        await self._withhold(torrent, processing)
        with caused_by(torrent.cause if current_request() is None else current_cause()):
            job = await self._fsops.enqueue(await self._spec(torrent))
            if job.state in (JobState.FAILED, JobState.CANCELLED):
                return await self._fsops.retry(torrent.id)
            return job

    async def _spec(self, torrent: Torrent) -> JobSpec:
        decisions = await self._core.decide(torrent.files, torrent.options.selection)
        if len(torrent.files) < MANY_FILES:
            return job_spec(torrent, decisions)
        return await self._core.lane.run(job_spec, torrent, decisions)

    # The job's ways.

    async def _goes_on(self, torrent: Torrent, processing: Processing, job: JobDetail) -> None:
        """Let it show that a job is not over; one that was over is wanted again."""
        if processing.stage is ProcessingStage.PUBLISHED:
            return
        if processing.stage is not ProcessingStage.PENDING:
            processing = Processing(ProcessingStage.PENDING, withheld=self._fsops.moves_source())
            await self._core.intents.update(torrent, processing=processing)
            torrent.processing = processing
            await self._withhold(torrent, processing)
        torrent.job_note = waiting_note(job)
        self._refresh(torrent)

    async def _over(self, torrent: Torrent, before: Processing, job: JobDetail, ending: ProcessingStage) -> None:
        """Make the end of a job durable, then let state and library path change in one step."""
        core = self._core
        withheld = ending is ProcessingStage.PUBLISHED and await self._went(torrent, before)
        processing = ended(job, ending, withheld=withheld)
        known = torrent.view.descriptor.library_path
        path = job.artifact_path or known
        if processing == before and path == known:
            return
        await core.intents.update(torrent, processing=processing, library_path=path)
        torrent.processing, torrent.job_note = processing, None
        if withheld:
            await self._leave_engine(torrent)
        elif before.withheld:
            self._returning.add(torrent.id)
        if path is not None and path != known:
            core.catalogue.publish_entry(torrent, self._state_of(torrent), path)
        self._refresh(torrent)
        self._passed.unpark_all()
        log.info("processing_over", torrent_id=torrent.id, stage=ending.value, library_path=path)
        if torrent.id in self._returning:
            await self._give_back(torrent)

    async def _went(self, torrent: Torrent, before: Processing) -> bool:
        """Tell whether the payload itself went into the library: it is not where it was."""
        if before.stage is ProcessingStage.PUBLISHED or not (before.withheld or self._fsops.moves_source()):
            return before.withheld
        spec = await self._spec(torrent)
        root = spec.source_root.rstrip("/")

        def paths() -> list[tuple[str, int]]:
            return [(f"{root}/{file.path}", file.size) for file in spec.files]

        return await self._core.disk.first_missing(paths, at=torrent.options.download_dir) is not None

    async def _withhold(self, torrent: Torrent, processing: Processing) -> None:
        """Have the engine keep off payload that goes into the library itself."""
        if processing.withheld and torrent.present:
            await self._core.gate.call(self._core.engine.pause(torrent.id))

    async def _leave_engine(self, torrent: Torrent) -> None:
        """Take a torrent out of the engine whose payload went into the library."""
        core = self._core
        if torrent.fault is not None and torrent.fault.is_storage:
            torrent.fault = None
        self._release(torrent)
        if not torrent.present:
            return
        try:
            await core.gate.call(core.engine.remove(torrent.id, delete_data=False))
        except SessionRefusal as error:
            # Its state no longer depends on the engine, and the next start leaves it out.
            log.warning("moved_torrent_kept", torrent_id=torrent.id, reason=str(error))
            return
        torrent.present = False
        torrent.status = None

    async def _give_back(self, torrent: Torrent) -> None:
        """Let a torrent seed again whose payload stayed where it was. Raises SessionUnavailable."""
        core, options = self._core, torrent.options
        if not torrent.present and torrent.fault is None:
            await self._readmit(torrent)
        elif torrent.present and not options.paused:
            await core.gate.call(core.engine.resume(torrent.id, auto_managed=options.auto_managed))
        self._returning.discard(torrent.id)
        self._refresh(torrent)
