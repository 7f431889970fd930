"""Bringing a stored torrent into the engine: its storage first, then what its record lacks, then the engine."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import structlog

from revaer.events import SelectionReconciled
from revaer.resume.messages import Recovered, ResumeRefusal, UnknownIntent
from revaer.session.core import MANY_FILES, Core
from revaer.session.describe import differences, engine_spec
from revaer.session.disk_calls import Lane
from revaer.session.faults import Fault, missing_directory, missing_files, refused, unreadable, unusable_directory
from revaer.session.messages import ActionRefused, SessionUnavailable, UnknownTorrent
from revaer.session.planning import Plan, make_plans, study
from revaer.session.policy import reconciliation
from revaer.session.port import AddSpec, Rates
from revaer.session.torrent import Torrent
from revaer.session.verify import whole_pieces
from revaer.types import TorrentId

log = structlog.get_logger(__name__)


class Admission:
    """Admits stored torrents.

    Args:
        core: the shared parts.
        verifier: where pieces are hashed.
        finish_move: finishes an interrupted move, or says why that cannot be done.
        refresh: shows a torrent's state.
        hold: lets a torrent wait for its storage.
        on_clash: called with a torrent that the engine refused; tells whether another one is the same torrent, and then
            sees to both.
        on_admitted: called with a torrent that the engine has now.
    """

    def __init__(
        self,
        core: Core,
        verifier: Lane,
        *,
        finish_move: Callable[[Torrent], Awaitable[Fault | None]],
        refresh: Callable[[Torrent], None],
        hold: Callable[[Torrent, Fault], None],
        on_clash: Callable[[Torrent], bool],
        on_admitted: Callable[[Torrent], None],
    ) -> None:
        self._core = core
        self._verifier = verifier
        self._finish_move = finish_move
        self._refresh = refresh
        self._hold = hold
        self._on_clash = on_clash
        self._on_admitted = on_admitted
        self._pending: dict[TorrentId, Plan] = {}
        self._doubtful: set[TorrentId] = set()
        self.was_clean = True

    def await_turn(self, plan: Plan) -> None:
        """Keep the plan of a torrent that is listed until it is admitted."""
        self._pending[plan.intent.torrent_id] = plan

    async def plan(self, stored: list[Recovered]) -> list[Plan]:
        """Read what is stored of torrents."""
        return await self._core.lane.run(make_plans, stored, self._core.engine, self._core.select)

    async def readmit(self, torrent: Torrent, *, takes_place: bool = True) -> None:
        """Bring a torrent into the engine that is not there, or leave it with a fault; the caller has its turn.

        One whose payload goes into the library, or went there, stays out. Without `takes_place` it is brought to its
        place in the queue later, with others.

        Raises:
            SessionUnavailable: the store, the disk or the engine does not answer.
        """
        if torrent.present or torrent.is_withheld:
            return
        plan = self._pending.pop(torrent.id, None)
        if plan is None:
            try:
                plan = await self._load(torrent)
            except ResumeRefusal as error:
                self._fail(torrent, unreadable(str(error)))
                return
        try:
            await self.admit(torrent, plan, takes_place=takes_place)
        except SessionUnavailable:
            self._pending[torrent.id] = plan
            raise

    async def look_up(self, torrent: Torrent) -> Plan:
        """Read what is stored of a torrent, its record included.

        Raises:
            UnknownTorrent: nothing is stored of it any more.
            SessionUnavailable: the store does not answer.
        """
        try:
            return await self._core.lane.run(study, await self._load(torrent))
        except UnknownIntent as error:
            raise UnknownTorrent(torrent.id) from error

    async def recheck(self, torrent: Torrent) -> None:
        """Bring a torrent into the engine without its record, and have the engine look at every file.

        Raises:
            UnknownTorrent: nothing is stored of it any more.
            ActionRefused: the engine does not check it.
            SessionUnavailable: the store, the disk or the engine does not answer.
        """
        self._pending.pop(torrent.id, None)
        try:
            plan = await self._load(torrent, with_record=False)
        except UnknownIntent as error:
            raise UnknownTorrent(torrent.id) from error
        await self.admit(torrent, plan, checks_all=True)
        if torrent.present:
            await self._core.gate.call(self._core.engine.recheck(torrent.id))

    async def _load(self, torrent: Torrent, *, with_record: bool = True) -> Plan:
        """Read what is stored of a torrent. Raises ResumeRefusal, SessionUnavailable."""
        recovered = await self._core.store.load_one(torrent.id)
        self._core.catalogue.tell(torrent, differences(recovered))
        return (await self.plan([recovered if with_record else replace(recovered, record=None)]))[0]

    async def admit(self, torrent: Torrent, plan: Plan, *, checks_all: bool = False, takes_place: bool = True) -> None:
        """Look at the storage of a torrent and hand it to the engine; the caller has its turn.

        Args:
            torrent: a torrent that the engine does not have.
            plan: what is stored of it.
            checks_all: whether the engine will look at every file itself.
            takes_place: whether it is brought to its place in the queue.

        Raises:
            SessionUnavailable: the disk or the engine does not answer.
        """
        core = self._core
        if plan.trouble:
            self._fail(torrent, unreadable(plan.trouble))
            return
        plan = study(plan) if plan.is_quick else await core.lane.run(study, plan)
        fault = await self._storage_fault(torrent, plan)
        if fault is not None:
            self._hold(torrent, fault)
            return
        have = None if checks_all else await self._verified(torrent, plan)
        spec = engine_spec(
            torrent.id,
            torrent.options,
            plan.source,
            priorities=plan.priorities,
            rates=torrent.rates(),
            record=plan.recovered.record,
            have=have,
        )
        if checks_all:
            spec = replace(spec, seed_mode=False)
        if torrent.removing is not None:
            spec = replace(spec, paused=True, auto_managed=False)
        try:
            await self._add(torrent, spec)
        except ActionRefused as error:
            if not self._on_clash(torrent):
                self._fail(torrent, refused(str(error)))
            return
        torrent.present = True
        torrent.is_doubtful = False
        torrent.fault = None
        await self._reconcile(torrent, plan)
        self._refresh(torrent)
        self._on_admitted(torrent)
        try:
            await core.rates.settle(torrent, Rates(spec.max_download_bps, spec.max_upload_bps))
            if takes_place:
                await core.place(torrent.id, torrent.options)
        except SessionUnavailable:
            core.take_back_later(torrent, partial(self._settle, torrent))

    async def _settle(self, torrent: Torrent) -> None:
        """Bring caps and place of a torrent to what its options say. Raises EngineError."""
        core, options = self._core, torrent.options
        await core.rates.apply(torrent, options)
        if options.queue_position is not None:
            await core.engine.set_queue_position(torrent.id, options.queue_position)

    async def _add(self, torrent: Torrent, spec: AddSpec) -> None:
        """Hand a torrent to the engine; without its record when that is what the engine refuses."""
        if torrent.id in self._doubtful:
            await self._withdraw(torrent)
        try:
            await self._hand_over(spec)
        except SessionUnavailable:
            self._doubtful.add(torrent.id)
            raise

    async def _hand_over(self, spec: AddSpec) -> None:
        core = self._core
        try:
            await core.gate.call(core.engine.add(spec))
        except ActionRefused as error:
            if spec.record is None:
                raise
            log.warning("record_refused", torrent_id=spec.torrent_id, reason=str(error))
            await core.gate.call(core.engine.add(replace(spec, record=None)))

    async def _withdraw(self, torrent: Torrent) -> None:
        """Take back what a silent engine may have taken in after all: it would refuse the torrent as known."""
        core = self._core
        try:
            await core.gate.call(core.engine.remove(torrent.id, delete_data=False))
        except ActionRefused as error:
            log.info("nothing_to_withdraw", torrent_id=torrent.id, reason=str(error))
        self._doubtful.discard(torrent.id)

    async def _storage_fault(self, torrent: Torrent, plan: Plan) -> Fault | None:
        """Return what is wrong with the torrent's directory or files; finishes an interrupted move before."""
        core = self._core
        if torrent.moving_to is not None and (fault := await self._finish_move(torrent)) is not None:
            return fault
        directory = torrent.options.download_dir
        if plan.source.parsed is None:
            return None
        look = await core.disk.look(directory)
        if look.is_missing:
            return missing_directory(directory)
        if not look.is_usable:
            return unusable_directory(directory, look.number, look.reason)
        if torrent.removing is not None:
            return None
        missing = await core.disk.first_missing(partial(plan.paths, directory), at=directory)
        return None if missing is None else missing_files(missing)

    async def _verified(self, torrent: Torrent, plan: Plan) -> list[bool] | None:
        """Hash what the record does not claim, when the last stop was not clean or writing failed."""
        metainfo = plan.source.metainfo
        if (
            (self.was_clean and not torrent.is_doubtful)
            or metainfo is None
            or not plan.is_verifiable
            or torrent.removing is not None
        ):
            return None
        left = threading.Event()
        look = partial(whole_pieces, metainfo, torrent.options.download_dir, plan.have or [], is_cancelled=left.is_set)
        try:
            have = await self._verifier.run(look)
        finally:
            left.set()  # a thread that nobody waits for any more hashes no further
        if any(have):
            log.info("pieces_verified", torrent_id=torrent.id, claimed=sum(plan.have or []), whole=sum(have))
        return have

    async def _reconcile(self, torrent: Torrent, plan: Plan) -> None:
        if plan.remembered is None or plan.priorities is None:
            return
        work = partial(reconciliation, plan.remembered, plan.priorities, torrent.files)
        detail = work() if len(torrent.files) < MANY_FILES else await self._core.lane.run(work)
        if detail is not None:
            event = SelectionReconciled(torrent.id, "the record's file priorities were not the user's", detail)
            self._core.catalogue.announce(torrent, event)

    def _fail(self, torrent: Torrent, fault: Fault) -> None:
        log.warning("torrent_failed", torrent_id=torrent.id, reason=fault.message)
        torrent.fault = fault
        self._refresh(torrent)
