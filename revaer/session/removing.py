"""Removing a torrent: the wish is durable first, then its post-processing ends, then the engine lets go, then the
intent is forgotten.

A removal that cannot be finished now (a silent engine, a volume that is away, a crash) is finished later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
import trio

from revaer.pauses import doubling
from revaer.resume.messages import Removing
from revaer.session.core import Core
from revaer.session.faults import unfinished_removal
from revaer.session.messages import ActionRefused, RemoveTorrent, SessionRefusal, SessionUnavailable, UnknownTorrent
from revaer.session.origin import current_request, on_behalf_of
from revaer.session.torrent import Torrent
from revaer.types import TorrentId

log = structlog.get_logger(__name__)

AT_ONCE: Final = 16
"""How many removals that were left unfinished are tried at the same time."""


class RemoveDesk:
    """Lets torrents go.

    Args:
        core: the shared parts.
        fetch: brings a torrent into the engine that is not there, or leaves it with a fault; the caller has its turn.
        forget_job: has the job of a torrent's post-processing stopped and dropped.
        refresh: shows a torrent's state after its fault changed.
        on_leaving: called with a torrent before its intent is forgotten.
        on_left: called with a torrent that is gone.
    """

    def __init__(
        self,
        core: Core,
        *,
        fetch: Callable[[Torrent], Awaitable[None]],
        forget_job: Callable[[Torrent], Awaitable[None]],
        refresh: Callable[[Torrent], None],
        on_leaving: Callable[[Torrent], None],
        on_left: Callable[[Torrent], None],
    ) -> None:
        self._core = core
        self._fetch = fetch
        self._forget_job = forget_job
        self._refresh = refresh
        self._on_leaving = on_leaving
        self._on_left = on_left
        self._unfinished: dict[TorrentId, str | None] = {}
        self._news = trio.Event()

    async def remove(self, request: RemoveTorrent) -> None:
        """Remove a torrent, with its payload when asked.

        Raises:
            UnknownTorrent: it is not here.
            ActionRefused: the payload cannot be reached (nothing changed), or not all of it could be deleted (the
                torrent is gone).
            SessionUnavailable: the store is away, or the engine: then the removal is finished later.
        """
        core = self._core
        torrent = await core.catalogue.require(request.torrent_id, within=core.timing.listing)
        async with core.turns.hold(torrent.id):
            if core.catalogue.get(torrent.id) is not torrent:
                raise UnknownTorrent(torrent.id)
            if request.delete_data and not torrent.present and torrent.fault is not None and torrent.has_metadata:
                raise ActionRefused(
                    f"its data cannot be deleted now, only the torrent without it: {torrent.fault.message}"
                )
            removing = Removing(request.delete_data)
            await core.intents.update(torrent, removing=removing)
            if request.reason is not None:
                log.info(
                    "torrent_leaving", torrent_id=torrent.id, delete_data=request.delete_data, reason=request.reason
                )
            torrent.removing = removing
            await self._finish_or_defer(torrent)

    def defer(self, torrent: Torrent) -> None:
        """Have a removal that is durable finished soon."""
        self._unfinished[torrent.id] = current_request()
        self._news.set()

    async def run(self) -> None:
        """Finish what was left unfinished, until cancelled."""
        failures = 0
        while True:
            if not self._unfinished:
                await self._news.wait()
            self._news = trio.Event()
            await self._retry_all()
            failures = failures + 1 if self._unfinished else 0
            if self._unfinished:
                with trio.move_on_after(doubling(failures, self._core.timing.retry, self._core.timing.retry_max)):
                    await self._news.wait()

    async def _retry_all(self) -> None:
        """Try everything that is unfinished once, some at a time."""
        unfinished = iter(list(self._unfinished.items()))

        async def work() -> None:
            for torrent_id, request_id in unfinished:
                with on_behalf_of(request_id):
                    await self._retry(torrent_id)

        async with trio.open_nursery() as nursery:
            for _ in range(min(AT_ONCE, len(self._unfinished))):
                nursery.start_soon(work)

    async def _retry(self, torrent_id: TorrentId) -> None:
        """Try to finish a removal; that of a torrent that has something else going on is tried later."""
        with self._core.turns.hold_free([torrent_id]) as free:
            torrent = self._core.catalogue.get(torrent_id)
            if torrent is None:
                self._unfinished.pop(torrent_id, None)
            elif free:
                try:
                    await self._finish(torrent)
                except SessionRefusal as error:
                    if self._core.catalogue.get(torrent_id) is torrent:
                        torrent.fault = unfinished_removal(str(error))
                        self._refresh(torrent)

    async def _finish_or_defer(self, torrent: Torrent) -> None:
        try:
            await self._finish(torrent)
        except SessionRefusal:
            if self._core.catalogue.get(torrent.id) is torrent:
                self.defer(torrent)
            raise

    async def _finish(self, torrent: Torrent) -> None:
        core = self._core
        assert torrent.removing is not None, "only a durable removal is finished"
        delete_data = torrent.removing.delete_data
        await self._forget_job(torrent)
        trouble = await self._let_go(torrent, delete_data=delete_data)
        self._on_leaving(torrent)
        await core.intents.forget(torrent.id)
        core.catalogue.leave(torrent, data_deleted=delete_data and trouble is None)
        self._unfinished.pop(torrent.id, None)
        self._on_left(torrent)
        if trouble is not None:
            raise trouble

    async def _let_go(self, torrent: Torrent, *, delete_data: bool) -> ActionRefused | None:
        """Have the engine forget the torrent; return why its payload could not be deleted."""
        core = self._core
        if delete_data and not torrent.present and torrent.has_metadata and not torrent.is_withheld:
            await self._fetch(torrent)
            if not torrent.present:
                raise SessionUnavailable(torrent.fault.message if torrent.fault else "the engine does not have it")
        if not torrent.present:
            return None
        limit = core.timing.engine_files if delete_data else None
        try:
            await core.gate.call(core.engine.remove(torrent.id, delete_data=delete_data), within=limit)
        except ActionRefused as error:
            return error if delete_data else None
        finally:
            torrent.present = False
        return None
