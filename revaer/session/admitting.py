"""Bringing a stored torrent into the engine: its storage first, then what its record lacks, then the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from revaer.events import SelectionReconciled
from revaer.resume.messages import Recovered, ResumeRefusal
from revaer.session.core import Core
from revaer.session.describe import content_path, engine_spec
from revaer.session.disk import Lane
from revaer.session.faults import Fault, missing_directory, missing_files, refused, unreadable, unusable_directory
from revaer.session.messages import ActionRefused, SessionUnavailable
from revaer.session.planning import Plan, make_plans, study
from revaer.session.policy import reconciliation
from revaer.session.port import AddSpec
from revaer.session.torrent import Torrent
from revaer.session.verify import whole_pieces
from revaer.types import TorrentId

log = structlog.get_logger(__name__)


class Admission:
    """Admits stored torrents.

    Args:
        core: the shared parts.
        verifier: where pieces are hashed.
        refresh: shows a torrent's state.
        hold: lets a torrent wait for its storage.
        on_admitted: called with a torrent that the engine has now.
    """

    def __init__(
        self,
        core: Core,
        verifier: Lane,
        *,
        refresh: Callable[[Torrent], None],
        hold: Callable[[Torrent, Fault], None],
        on_admitted: Callable[[Torrent], None],
    ) -> None:
        self._core = core
        self._verifier = verifier
        self._refresh = refresh
        self._hold = hold
        self._on_admitted = on_admitted
        self._pending: dict[TorrentId, Plan] = {}
        self._doubtful: set[TorrentId] = set()
        self.was_clean = True

    def await_turn(self, plan: Plan) -> None:
        """Keep the plan of a torrent that is listed until it is admitted."""
        self._pending[plan.intent.torrent_id] = plan

    @property
    def waiting(self) -> int:
        """How many listed torrents are not admitted yet."""
        return len(self._pending)

    async def plan(self, stored: list[Recovered]) -> list[Plan]:
        """Read what is stored of torrents."""
        return await self._core.lane.run(make_plans, stored, self._core.engine, self._core.select)

    async def readmit(self, torrent: Torrent) -> None:
        """Bring a torrent into the engine that is not there, or leave it with a fault; the caller has its turn.

        Raises:
            SessionUnavailable: the store, the disk or the engine does not answer.
        """
        if torrent.present:
            return
        plan = self._pending.pop(torrent.id, None)
        if plan is None:
            try:
                recovered = await self._core.store.load_one(torrent.id)
            except ResumeRefusal as error:
                self._fail(torrent, unreadable(str(error)))
                return
            plan = (await self.plan([recovered]))[0]
        try:
            await self.admit(torrent, plan)
        except SessionUnavailable:
            self._pending[torrent.id] = plan
            raise

    async def recheck(self, torrent: Torrent) -> None:
        """Bring a torrent into the engine without its record, so that the engine looks at every file.

        Raises:
            SessionUnavailable: the store, the disk or the engine does not answer.
        """
        self._pending.pop(torrent.id, None)
        recovered = await self._core.store.load_one(torrent.id)
        plan = (await self.plan([replace(recovered, record=None)]))[0]
        await self.admit(torrent, plan)

    async def admit(self, torrent: Torrent, plan: Plan) -> None:
        """Look at the storage of a torrent and hand it to the engine; the caller has its turn.

        Raises:
            SessionUnavailable: the disk or the engine does not answer.
        """
        core = self._core
        if plan.trouble:
            self._fail(torrent, unreadable(plan.trouble))
            return
        plan = await core.lane.run(study, plan)
        fault = await self._storage_fault(torrent, plan)
        if fault is not None:
            self._hold(torrent, fault)
            return
        have = await self._verified(torrent, plan)
        spec = engine_spec(
            torrent.id,
            torrent.options,
            plan.source,
            priorities=plan.priorities,
            record=plan.recovered.record,
            have=have,
        )
        if torrent.removing is not None:
            spec = replace(spec, paused=True, auto_managed=False)
        try:
            await self._add(torrent, spec)
        except ActionRefused as error:
            self._fail(torrent, refused(str(error)))
            return
        torrent.present = True
        torrent.fault = None
        await core.place(torrent.id, torrent.options)
        self._reconcile(torrent, plan)
        self._refresh(torrent)
        self._on_admitted(torrent)

    async def _add(self, torrent: Torrent, spec: AddSpec) -> None:
        """Hand a torrent to the engine; without its record when that is what the engine refuses."""
        core = self._core
        if torrent.id in self._doubtful:
            await self._withdraw(torrent)
        try:
            await core.gate.call(core.engine.add(spec))
        except SessionUnavailable:
            self._doubtful.add(torrent.id)
            raise
        except ActionRefused as error:
            if spec.record is None:
                raise
            log.warning("record_refused", torrent_id=torrent.id, reason=str(error))
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
        """Return what is wrong with the torrent's directory or files; adopts the target of an interrupted move."""
        core = self._core
        target = plan.intent.moving_to
        if target is not None:
            await self._settle_move(torrent, plan, target)
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
        missing = (await core.disk.first_missing([plan.paths(directory)]))[0]
        return None if missing is None else missing_files(missing)

    async def _settle_move(self, torrent: Torrent, plan: Plan, target: str) -> None:
        """Decide where the payload is after a move that was interrupted: where all its files are."""
        options, parsed = torrent.options, plan.source.parsed
        if parsed is not None:
            old, new = await self._core.disk.first_missing([plan.paths(options.download_dir), plan.paths(target)])
            if new is None and old is not None:
                torrent.options = replace(options, download_dir=target)
                path = content_path(target, parsed.name)
                self._core.catalogue.amend(torrent, download_dir=target, content_path=path)
        self._core.intents.owe(torrent.id)

    async def _verified(self, torrent: Torrent, plan: Plan) -> list[bool] | None:
        """Hash what the record does not claim, when the last stop was not clean."""
        metainfo = plan.source.metainfo
        if self.was_clean or metainfo is None or not plan.is_verifiable or torrent.removing is not None:
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

    def _reconcile(self, torrent: Torrent, plan: Plan) -> None:
        if plan.remembered is None or plan.priorities is None:
            return
        detail = reconciliation(plan.remembered, plan.priorities, torrent.files)
        if detail is not None:
            event = SelectionReconciled(torrent.id, "the record's file priorities were not the user's", detail)
            self._core.catalogue.announce(torrent, event)

    def _fail(self, torrent: Torrent, fault: Fault) -> None:
        log.warning("torrent_failed", torrent_id=torrent.id, reason=fault.message)
        torrent.fault = fault
        self._refresh(torrent)
