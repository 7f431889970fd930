"""What happens when every wanted byte of a torrent is there: the disk first, then a place in the queue of
post-processing, then the announcement."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
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
"""How many torrents enter post-processing at the same time: while it is away, they must not hold up other jobs."""


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
        if self._barrier.stands_before(torrent):
            self._put(torrent, trio.current_time(), 0)
        else:
            self._core.jobs.submit(partial(self._complete, torrent))

    async def run(self) -> None:
        """Complete the torrents that are to be processed, until cancelled."""
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
        if not await self._attempt(torrent):
            timing = self._core.timing
            pause = doubling(failures + 1, timing.retry, timing.retry_max)
            self._put(torrent, trio.current_time() + pause, failures + 1)
            return
        torrent.is_finishing = False
        self._barrier.left(torrent)

    async def _complete(self, torrent: Torrent) -> None:
        try:
            while not await self._attempt(torrent):
                await trio.sleep(self._core.timing.retry)
        finally:
            torrent.is_finishing = False

    async def _attempt(self, torrent: Torrent) -> bool:
        core = self._core
        async with core.turns.hold(torrent.id):
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
