"""What happens when every wanted byte of a torrent is there: the disk first, then a place in the queue of
post-processing, then the announcement."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import trio

from revaer.pauses import doubling
from revaer.session.barrier import BarrierDesk
from revaer.session.core import Core
from revaer.session.messages import ActionRefused, SessionUnavailable
from revaer.session.policy import is_done
from revaer.session.torrent import Torrent
from revaer.types import TorrentId

AT_ONCE: Final = 128
"""How many torrents are completed at the same time."""


class CompletionDesk:
    """Announces completions.

    Args:
        core: the shared parts.
        barrier: queues torrents for post-processing.
        on_completed: called with a torrent whose completion was just announced.
    """

    def __init__(self, core: Core, barrier: BarrierDesk, *, on_completed: Callable[[Torrent], None]) -> None:
        self._core = core
        self._barrier = barrier
        self._on_completed = on_completed
        self._due: dict[TorrentId, tuple[Torrent, float, int]] = {}
        self._news = trio.Event()

    def begin(self, torrent: Torrent) -> None:
        """Complete a torrent that has every wanted byte."""
        torrent.is_finishing = True
        self._put(torrent, trio.current_time(), 0)

    async def run(self) -> None:
        """Complete torrents until cancelled."""
        while True:
            now = trio.current_time()
            due = [entry for entry in self._due.values() if entry[1] <= now][:AT_ONCE]
            async with trio.open_nursery() as nursery:
                for torrent, _, failures in due:
                    del self._due[torrent.id]
                    nursery.start_soon(self._enter, torrent, failures)
            if not due:
                with trio.move_on_at(min((at for _, at, _ in self._due.values()), default=math.inf)):
                    await self._news.wait()
                self._news = trio.Event()

    def _put(self, torrent: Torrent, at: float, failures: int) -> None:
        self._due[torrent.id] = (torrent, at, failures)
        self._news.set()

    async def _enter(self, torrent: Torrent, failures: int) -> None:
        """Complete a torrent, or put it off: one that has something else going on holds up no other."""
        timing = self._core.timing
        with self._core.turns.hold_free([torrent.id]) as free:
            is_over = bool(free) and await self._attempt(torrent)
        if not free:
            self._put(torrent, trio.current_time() + timing.retry, failures)
        elif not is_over:
            pause = doubling(failures + 1, timing.retry, timing.retry_max)
            self._put(torrent, trio.current_time() + pause, failures + 1)
        else:
            torrent.is_finishing = False
            self._barrier.left(torrent)

    async def _attempt(self, torrent: Torrent) -> bool:
        """Complete a torrent whose turn it is; tells whether there is nothing more to do."""
        core = self._core
        if core.catalogue.get(torrent.id) is not torrent or not torrent.present or torrent.fault is not None:
            return True
        try:
            await core.gate.call(core.engine.flush(torrent.id))
        except SessionUnavailable:
            return False
        except ActionRefused:
            return True
        if torrent.status is None or not is_done(torrent.status):
            return True
        if not self._barrier.stands_before(torrent):
            core.catalogue.complete(torrent, core.wall())
            core.intents.owe(torrent.id)
        elif not await self._barrier.enter(torrent):
            return False
        self._on_completed(torrent)
        return True
