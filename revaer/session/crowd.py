"""One action on many torrents: each is done by itself, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import trio

from revaer.session.core import Core
from revaer.session.messages import (
    Act,
    Action,
    ActOnMany,
    Done,
    Queue,
    Remove,
    RemoveTorrent,
    SessionRefusal,
    SessionUnavailable,
    UnknownTorrent,
)
from revaer.session.queueing import moves
from revaer.session.serial import Jobs
from revaer.types import TorrentId, TorrentView

AT_ONCE: Final = 256
"""How many torrents are acted on at the same time: what is durable then shares one commit."""


class CrowdDesk:
    """Acts on many torrents.

    Args:
        core: the shared parts.
        jobs: runs what is done, whether somebody still waits for it or not.
        act: does one action on one torrent.
        remove: removes one torrent.
    """

    def __init__(
        self,
        core: Core,
        jobs: Jobs,
        *,
        act: Callable[[Act], Awaitable[TorrentView]],
        remove: Callable[[RemoveTorrent], Awaitable[None]],
    ) -> None:
        self._core = core
        self._jobs = jobs
        self._act = act
        self._remove = remove

    async def act(self, request: ActOnMany) -> tuple[Done, ...]:
        """Do an action on many torrents; return for each its view, None when it is gone, or why it was refused.

        Raises:
            SessionUnavailable: the list of torrents is away.
        """
        await self._core.catalogue.listed(within=self._core.timing.listing)
        run = _Run(request.torrent_ids)
        if isinstance(request.action, Queue):
            self._jobs.submit(partial(self._queue, run, request.action))
        else:
            for torrent_id in run.open:
                self._jobs.submit(partial(self._do, run, torrent_id, request.action))
        with trio.move_on_after(request.seconds):
            await run.done.wait()
        return tuple(run.outcome(torrent_id) for torrent_id in request.torrent_ids)

    async def _do(self, run: _Run, torrent_id: TorrentId, action: Action | Remove) -> None:
        try:
            if isinstance(action, Remove):
                await self._remove(RemoveTorrent(torrent_id, delete_data=action.delete_data))
                run.settle(torrent_id, None)
            else:
                run.settle(torrent_id, await self._act(Act(torrent_id, action)))
        except SessionRefusal as error:
            run.settle(torrent_id, error)

    async def _queue(self, run: _Run, action: Queue) -> None:
        """Take places in the queue one after the other; a torrent is done with its last move."""
        core = self._core
        try:
            statuses = await core.gate.call(core.engine.statuses(run.ids))
        except SessionRefusal as error:
            for torrent_id in run.ids:
                run.settle(torrent_id, error)
            return
        known = (torrent.status.queue_position for torrent in core.catalogue if torrent.status is not None)
        places = {status.torrent_id: status.queue_position for status in statuses}
        planned = moves(run.ids, action.position, places, last=max((*places.values(), *known), default=0))
        last_move = {torrent_id: at for at, (torrent_id, _) in enumerate(planned)}
        for torrent_id in [key for key in run.ids if key not in last_move]:
            torrent = core.catalogue.get(torrent_id)
            run.settle(torrent_id, UnknownTorrent(torrent_id) if torrent is None else torrent.view)
        for at, (torrent_id, position) in enumerate(planned):
            outcome = await self._place(torrent_id, position)
            if last_move[torrent_id] == at:
                run.settle(torrent_id, outcome)

    async def _place(self, torrent_id: TorrentId, position: int | str) -> Done:
        try:
            return await self._act(Act(torrent_id, Queue(position)))
        except SessionRefusal as error:
            return error


class _Run:
    """What has become of each torrent so far."""

    def __init__(self, torrent_ids: tuple[TorrentId, ...]) -> None:
        self.ids = tuple(dict.fromkeys(torrent_ids))
        self.open = dict.fromkeys(self.ids)
        self.done = trio.Event()
        self._outcomes: dict[TorrentId, Done] = {}
        if not self.open:
            self.done.set()

    def settle(self, torrent_id: TorrentId, outcome: Done) -> None:
        """Note what became of a torrent."""
        self._outcomes[torrent_id] = outcome
        self.open.pop(torrent_id, None)
        if not self.open:
            self.done.set()

    def outcome(self, torrent_id: TorrentId) -> Done:
        """Return what became of a torrent."""
        if torrent_id in self.open:
            return SessionUnavailable("it is still being worked on, and is done all the same: look before asking again")
        return self._outcomes[torrent_id]
