"""A start: everything that is stored is listed first, then brought into the engine, a bounded number at a time."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable

import structlog
import trio

from revaer.events import SelectionReconciled
from revaer.pauses import doubling
from revaer.resume.messages import Intent, Recovered, Recovery
from revaer.session.admitting import Admission
from revaer.session.catalogue import hashes_of
from revaer.session.core import Core
from revaer.session.describe import differences, new_torrent
from revaer.session.faults import refused
from revaer.session.messages import ActionRefused, SessionRefusal, SessionUnavailable
from revaer.session.planning import Plan
from revaer.session.queueing import arranged
from revaer.session.torrent import Torrent

log = structlog.get_logger(__name__)

PORTION = 100
"""How many stored torrents are read in one go."""

AT_ONCE = 32
"""How many torrents are admitted at the same time."""


class Restoration:
    """Restores the torrents of the last run.

    Args:
        core: the shared parts.
        admission: brings torrents into the engine.
        finish_removal: has an interrupted removal finished.
        refresh: shows a torrent's state.
        report: called with what is wrong with loading; empty when nothing is.
    """

    def __init__(
        self,
        core: Core,
        admission: Admission,
        *,
        finish_removal: Callable[[Torrent], None],
        refresh: Callable[[Torrent], None],
        report: Callable[[str], None],
    ) -> None:
        self._core = core
        self._admission = admission
        self._finish_removal = finish_removal
        self._refresh = refresh
        self._report = report
        self._is_done = False
        self._was_clean = False

    @property
    def leaves_no_doubt(self) -> bool:
        """Whether nothing of an earlier run is left to be verified: it was, or the last stop was clean."""
        return self._is_done or self._was_clean

    async def run(self) -> None:
        """Restore everything; returns when every torrent is in the engine or has a fault."""
        recovery = await self._load()
        self._admission.was_clean = self._was_clean = recovery.clean
        from_copies = recovery.from_copies
        await self._restore(recovery)
        while from_copies:
            self._report("the database was away at the start: the list comes from copies")
            await trio.sleep(self._core.timing.retry)
            recovery = await self._load()
            from_copies = recovery.from_copies or not await self._reconcile(recovery)
        self._report("")
        self._is_done = True

    async def _load(self) -> Recovery:
        failures = 0
        while True:
            try:
                return await self._core.store.load_all()
            except SessionRefusal as error:
                failures += 1
                self._report(f"the torrents of the last run cannot be loaded yet: {error}")
                await trio.sleep(doubling(failures, self._core.timing.retry, self._core.timing.retry_max))

    async def _restore(self, recovery: Recovery) -> None:
        listed = await self._list(list(recovery.torrents), from_copies=recovery.from_copies)
        self._core.catalogue.mark_listed(complete=not recovery.from_copies)
        await self._admit_all(listed)

    async def _list(self, stored: list[Recovered], *, from_copies: bool) -> list[Torrent]:
        listed: list[Torrent] = []
        for start in range(0, len(stored), PORTION):
            plans = await self._admission.plan(stored[start : start + PORTION])
            new = (plan for plan in plans if self._core.catalogue.is_new(plan.intent.torrent_id))
            listed.extend(self._enter(plan, from_copies=from_copies) for plan in new)
            await trio.lowlevel.checkpoint()
        return listed

    def _enter(self, plan: Plan, *, from_copies: bool) -> Torrent:
        torrent = new_torrent(plan.intent, plan.source, plan.found, now=self._core.wall())
        torrent.from_copy = from_copies
        self._admission.await_turn(plan)
        self._core.catalogue.enter(torrent, restored=True)
        self._core.catalogue.tell(torrent, differences(plan.recovered))
        return torrent

    async def _admit_all(self, listed: list[Torrent]) -> None:
        queue = deque(listed)

        async def work() -> None:
            while queue:
                await self._admit(queue.popleft())

        async with trio.open_nursery() as nursery:
            for _ in range(min(AT_ONCE, len(queue))):
                nursery.start_soon(work)
        if any(torrent.options.queue_position is not None for torrent in listed):
            await self._arrange()

    async def _arrange(self) -> None:
        """Bring every torrent to its place in the queue: one by one would take as many calls as there are places."""
        core = self._core
        for attempt in itertools.count(1):
            try:
                ranked = await core.ranked()
                places = {torrent.id: torrent.options.queue_position for torrent in core.catalogue}
                wishes = {key: place for key, place in places.items() if place is not None}
                if steps := arranged(wishes, ranked):
                    await core.gate.call(core.engine.move_in_queue(steps), within=core.timing.engine_files)
                return
            except SessionUnavailable as error:
                log.warning("places_not_restored", reason=str(error))
            except ActionRefused as error:
                log.warning("queue_position_refused", reason=str(error))
                return
            await trio.sleep(doubling(attempt, core.timing.retry, core.timing.retry_max))

    async def _admit(self, torrent: Torrent) -> None:
        failures = 0
        while True:
            async with self._core.turns.hold(torrent.id):
                if self._core.catalogue.get(torrent.id) is not torrent or torrent.present or torrent.fault is not None:
                    return
                if torrent.removing is not None:
                    self._finish_removal(torrent)
                    return
                try:
                    await self._admission.readmit(torrent, takes_place=False)
                    return
                except SessionUnavailable as error:
                    failures += 1
                    log.warning("restore_retried", torrent_id=torrent.id, reason=str(error))
                except SessionRefusal as error:
                    torrent.fault = refused(str(error))
                    self._refresh(torrent)
                    return
            await trio.sleep(doubling(failures, self._core.timing.retry, self._core.timing.retry_max))

    async def _reconcile(self, recovery: Recovery) -> bool:
        """Make the list from copies agree with the database, which wins; tell whether all of it does."""
        catalogue = self._core.catalogue
        stored = {recovered.intent.torrent_id: recovered for recovered in recovery.torrents}
        changed: list[Torrent] = []
        for torrent in [torrent for torrent in catalogue if torrent.from_copy]:
            async with self._core.turns.hold(torrent.id):
                if catalogue.get(torrent.id) is torrent and await self._agree(torrent, stored.get(torrent.id)):
                    changed.append(torrent)
        missing = [recovered for key, recovered in stored.items() if catalogue.is_new(key)]
        listed = await self._list(missing, from_copies=False)
        agrees = not any(torrent.from_copy for torrent in catalogue)
        if agrees:
            catalogue.mark_listed(complete=True)
        await self._admit_all([*changed, *listed])
        return agrees

    async def _agree(self, torrent: Torrent, recovered: Recovered | None) -> bool:
        """Make a torrent what the database says; tell whether it must be admitted anew. The caller has its turn."""
        core = self._core
        if recovered is not None and not _differs(torrent, recovered.intent):
            torrent.from_copy = False
            core.catalogue.tell(torrent, differences(recovered))
            return False
        if torrent.present:
            try:
                await core.gate.call(core.engine.remove(torrent.id, delete_data=False))
            except SessionUnavailable as error:
                log.warning("copy_not_replaced", torrent_id=torrent.id, reason=str(error))
                return False
            except ActionRefused as error:
                log.info("copy_left_already", torrent_id=torrent.id, reason=str(error))
            torrent.present = False
        torrent.from_copy = False
        if recovered is None:
            core.catalogue.leave(torrent, data_deleted=False)
            return False
        await self._take_over(torrent, recovered)
        return True

    async def _take_over(self, torrent: Torrent, recovered: Recovered) -> None:
        """Let a torrent be what is stored of it."""
        plan = (await self._admission.plan([recovered]))[0]
        fresh = new_torrent(plan.intent, plan.source, plan.found, now=self._core.wall())
        torrent.become(fresh)
        catalogue = self._core.catalogue
        catalogue.describe(torrent, fresh.view.descriptor)
        told = SelectionReconciled(torrent.id, "the copy that the start had to use was old", "the stored wish is back")
        found = () if plan.found is None else (plan.found,)
        catalogue.tell(torrent, (told, *differences(recovered), *found))
        self._admission.await_turn(plan)
        self._refresh(torrent)


def _differs(torrent: Torrent, intent: Intent) -> bool:
    """Tell whether the database has another wish for a torrent than its copy, or knows more of its source."""
    wish = (intent.options, intent.removing, intent.moving_to, intent.processing)
    known = {*hashes_of(torrent.view.descriptor.hashes), *hashes_of(torrent.hashes)}
    return (
        wish != (torrent.options, torrent.removing, torrent.moving_to, torrent.processing)
        or not known.issuperset(hashes_of(intent.hashes))
        or (intent.metainfo is not None and not torrent.has_metadata)
    )
