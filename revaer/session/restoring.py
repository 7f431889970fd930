"""A start: everything that is stored is listed first, then brought into the engine, a bounded number at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import structlog
import trio

from revaer.resume.messages import Recovered, Recovery
from revaer.session.admitting import Admission
from revaer.session.core import Core
from revaer.session.describe import new_torrent
from revaer.session.faults import refused
from revaer.session.messages import SessionRefusal, SessionUnavailable
from revaer.session.planning import Plan
from revaer.session.policy import backoff
from revaer.session.torrent import Torrent
from revaer.types import TorrentId

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
        self.is_done = False

    async def run(self) -> None:
        """Restore everything; returns when every torrent is in the engine or has a fault."""
        recovery = await self._load()
        self._admission.was_clean = recovery.clean
        from_copies = recovery.from_copies
        await self._restore(recovery)
        while from_copies:
            self._report("the database was away at the start: the list comes from copies")
            await trio.sleep(self._core.timing.retry)
            recovery = await self._load()
            if not recovery.from_copies:
                from_copies = False
                await self._reconcile(recovery)
        self._report("")
        self.is_done = True

    async def _load(self) -> Recovery:
        failures = 0
        while True:
            try:
                return await self._core.store.load_all()
            except SessionRefusal as error:
                failures += 1
                self._report(f"the torrents of the last run cannot be loaded yet: {error}")
                await trio.sleep(backoff(failures, self._core.timing.retry, self._core.timing.retry_max))

    async def _restore(self, recovery: Recovery) -> None:
        listed = await self._list(list(recovery.torrents), from_copies=recovery.from_copies)
        self._core.catalogue.mark_listed(complete=not recovery.from_copies)
        await self._admit_all(listed)

    async def _list(self, stored: list[Recovered], *, from_copies: bool) -> list[Torrent]:
        listed: list[Torrent] = []
        for start in range(0, len(stored), PORTION):
            plans = await self._admission.plan(stored[start : start + PORTION])
            new = (plan for plan in plans if self._core.catalogue.get(plan.intent.torrent_id) is None)
            listed.extend(self._enter(plan, from_copies=from_copies) for plan in new)
            await trio.lowlevel.checkpoint()
        return listed

    def _enter(self, plan: Plan, *, from_copies: bool) -> Torrent:
        torrent = new_torrent(plan.intent, plan.source, plan.decisions, now=self._core.wall())
        torrent.from_copy = from_copies
        self._admission.await_turn(plan)
        self._core.catalogue.enter(torrent)
        return torrent

    async def _admit_all(self, listed: list[Torrent]) -> None:
        queue = deque(listed)

        async def work() -> None:
            while queue:
                await self._admit(queue.popleft())

        async with trio.open_nursery() as nursery:
            for _ in range(min(AT_ONCE, len(queue))):
                nursery.start_soon(work)

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
                    await self._admission.readmit(torrent)
                    return
                except SessionUnavailable as error:
                    failures += 1
                    log.warning("restore_retried", torrent_id=torrent.id, reason=str(error))
                except SessionRefusal as error:
                    torrent.fault = refused(str(error))
                    self._refresh(torrent)
                    return
            await trio.sleep(backoff(failures, self._core.timing.retry, self._core.timing.retry_max))

    async def _reconcile(self, recovery: Recovery) -> None:
        """Make the list from copies agree with the database, which wins."""
        stored = {recovered.intent.torrent_id: recovered for recovered in recovery.torrents}
        for torrent in [torrent for torrent in self._core.catalogue if torrent.from_copy]:
            await self._agree(torrent, stored.get(torrent.id))
        missing: list[Recovered] = [
            recovered for key, recovered in stored.items() if self._core.catalogue.get(TorrentId(key)) is None
        ]
        listed = await self._list(missing, from_copies=False)
        self._core.catalogue.mark_listed(complete=True)
        await self._admit_all(listed)

    async def _agree(self, torrent: Torrent, recovered: Recovered | None) -> None:
        core = self._core
        async with core.turns.hold(torrent.id):
            torrent.from_copy = False
            if core.catalogue.get(torrent.id) is not torrent:
                return
            if recovered is not None and recovered.intent.options == torrent.options:
                return
            try:
                if torrent.present:
                    await core.gate.call(core.engine.remove(torrent.id, delete_data=False))
                    torrent.present = False
            except SessionRefusal as error:
                log.warning("copy_not_replaced", torrent_id=torrent.id, reason=str(error))
                return
            core.catalogue.leave(torrent, data_deleted=False)
