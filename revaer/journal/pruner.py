"""Lets go of the past, in small steps that nobody waits for."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
import trio

from revaer.database.messages import DatabaseError
from revaer.journal.chronicle import Chronicle
from revaer.journal.policy import Retention
from revaer.journal.store import Store

log = structlog.get_logger("revaer.journal")


class Pruner:
    """Keeps the journal at its retention.

    Args:
        store: where the journal is.
        chronicle: is told what was let go.
        retention: what is kept.
        wall: Unix seconds.
    """

    def __init__(
        self, *, store: Store, chronicle: Chronicle, retention: Retention, wall: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._chronicle = chronicle
        self._retention = retention
        self._wall = wall

    async def run(self) -> None:
        """Look from time to time, until cancelled."""
        await self._chronicle.wait_settled()
        while not self._chronicle.refusal:
            try:
                await self._prune()
            except DatabaseError as error:
                # Whoever writes says so on the health page.
                log.debug("journal_not_pruned", reason=str(error))
            await trio.sleep(self._retention.every)

    async def _prune(self) -> None:
        """Let go of everything that is to go. Raises: DatabaseError."""
        retention, chronicle = self._retention, self._chronicle
        if chronicle.events is None:
            chronicle.events = await self._store.count()
        gone = 0
        while True:
            pruned = await self._store.prune(
                before=self._wall() - retention.seconds,
                excess=retention.excess(chronicle.events),
                limit=retention.batch,
            )
            if pruned is None:
                break
            chronicle.pruned(pruned)
            gone += pruned.events
            if pruned.events < retention.batch:
                break
            await trio.sleep(retention.breath)
        if gone:
            log.info("journal_pruned", events=gone, floor=str(chronicle.floor))
