"""What happens when every wanted byte of a torrent is there: the disk first, then the announcement."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import trio

from revaer.session.core import Core
from revaer.session.messages import ActionRefused, SessionUnavailable
from revaer.session.policy import is_done
from revaer.session.torrent import Torrent


class CompletionDesk:
    """Announces completions.

    Args:
        core: the shared parts.
        on_completed: called with a torrent whose completion was just announced.
    """

    def __init__(self, core: Core, *, on_completed: Callable[[Torrent], None]) -> None:
        self._core = core
        self._on_completed = on_completed

    def begin(self, torrent: Torrent) -> None:
        """Complete a torrent that has every wanted byte."""
        torrent.is_finishing = True
        self._core.jobs.submit(partial(self._complete, torrent))

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
            core.catalogue.complete(torrent, core.wall())
            core.intents.owe(torrent.id)
            self._on_completed(torrent)
            return True
