"""One action on many torrents: what stops or starts them goes in portions, anything else is done for each by itself, a
bounded number at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import trio

from revaer.session.core import Core
from revaer.session.messages import (
    Act,
    Action,
    ActOnMany,
    Done,
    Move,
    Pause,
    Queue,
    Remove,
    RemoveTorrent,
    Resume,
    SessionRefusal,
    SessionUnavailable,
    UnknownTorrent,
)
from revaer.session.queueing import moves
from revaer.session.serial import Jobs
from revaer.types import TorrentId, TorrentView

AT_ONCE: Final = 256
"""How many torrents are acted on at the same time: what is durable then shares one commit."""

MOVED_AT_ONCE: Final = 16
"""How many torrents are moved at the same time."""

PORTION: Final = 200
"""How many torrents are stopped or started together."""

PORTIONS_AT_ONCE: Final = 3
"""How many portions are under way: one is stored while the engine takes in another and a third is shown."""


class CrowdDesk:
    """Acts on many torrents.

    Args:
        core: the shared parts.
        jobs: runs what is done, whether somebody still waits for it or not.
        moves: the same for moves: each takes as long as its files do.
        act: does one action on one torrent.
        remove: removes one torrent.
        keep_place: makes the place of one torrent in the queue durable.
        run_many: stops or starts many torrents; leaves out those that need their own way.
    """

    def __init__(
        self,
        core: Core,
        jobs: Jobs,
        moves: Jobs,
        *,
        act: Callable[[Act], Awaitable[TorrentView]],
        remove: Callable[[RemoveTorrent], Awaitable[None]],
        keep_place: Callable[[TorrentId, int | None], Awaitable[TorrentView]],
        run_many: Callable[[Sequence[TorrentId], Pause | Resume], Awaitable[Mapping[TorrentId, Done]]],
    ) -> None:
        self._core = core
        self._jobs = jobs
        self._moves = moves
        self._act = act
        self._remove = remove
        self._keep_place = keep_place
        self._run_many = run_many

    async def act(self, request: ActOnMany) -> tuple[Done, ...]:
        """Do an action on many torrents; return for each its view, None when it is gone, or why it was refused.

        Raises:
            SessionUnavailable: the list of torrents is away.
        """
        await self._core.catalogue.listed(within=self._core.timing.listing)
        run = _Run(request.torrent_ids)
        if isinstance(request.action, Queue):
            self._jobs.submit(partial(self._queue, run, request.action))
        elif isinstance(request.action, Pause | Resume):
            portions = iter([run.ids[start : start + PORTION] for start in range(0, len(run.ids), PORTION)])
            for _ in range(PORTIONS_AT_ONCE):
                self._jobs.submit(partial(self._run_portions, run, portions, request.action))
        else:
            jobs = self._moves if isinstance(request.action, Move) else self._jobs
            for torrent_id in run.open:
                jobs.submit(partial(self._do, run, torrent_id, request.action))
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

    async def _run_portions(self, run: _Run, portions: Iterator[tuple[TorrentId, ...]], action: Pause | Resume) -> None:
        """Stop or start torrents in portions; those that have something else going on wait for their turn."""
        for portion in portions:
            outcomes = await self._run_many(portion, action)
            for torrent_id in portion:
                if torrent_id in outcomes:
                    run.settle(torrent_id, outcomes[torrent_id])
                else:
                    self._jobs.submit(partial(self._do, run, torrent_id, action))

    async def _queue(self, run: _Run, action: Queue) -> None:
        """Take places in the queue together: what becomes of each is durable first, then the engine moves all."""
        core = self._core
        try:
            ranked = await core.ranked()
        except SessionRefusal as error:
            run.settle_all(error)
            return
        planned = moves(run.ids, action.position, ranked)
        for torrent_id in [key for key in run.ids if key not in planned.places]:
            torrent = core.catalogue.get(torrent_id)
            run.settle(torrent_id, UnknownTorrent(torrent_id) if torrent is None else torrent.view)
        before = {key: self._wish_of(key) for key in planned.places}
        kept = await self._keep_places(run, planned.places)
        steps = [(key, place) for key, place in planned.steps if key in kept or key not in planned.places]
        try:
            if kept:
                await core.gate.call(core.engine.move_in_queue(steps), within=core.timing.engine_files)
        except SessionRefusal as error:
            await self._keep_places(_Run(tuple(kept)), {key: before[key] for key in kept})
            run.settle_all(error)
            return
        for torrent_id in kept:
            torrent = core.catalogue.get(torrent_id)
            run.settle(torrent_id, UnknownTorrent(torrent_id) if torrent is None else torrent.view)

    async def _keep_places(self, run: _Run, places: Mapping[TorrentId, int | None]) -> dict[TorrentId, None]:
        """Make places durable; return whose are, and settle the others."""
        kept: dict[TorrentId, None] = {}
        waiting = iter(places.items())

        async def work() -> None:
            for torrent_id, place in waiting:
                try:
                    await self._keep_place(torrent_id, place)
                    kept[torrent_id] = None
                except SessionRefusal as error:
                    run.settle(torrent_id, error)

        async with trio.open_nursery() as nursery:
            for _ in range(min(AT_ONCE, len(places))):
                nursery.start_soon(work)
        return kept

    def _wish_of(self, torrent_id: TorrentId) -> int | None:
        torrent = self._core.catalogue.get(torrent_id)
        return None if torrent is None else torrent.options.queue_position


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

    def settle_all(self, outcome: Done) -> None:
        """Note that the same became of all that are open."""
        for torrent_id in [*self.open]:
            self.settle(torrent_id, outcome)

    def outcome(self, torrent_id: TorrentId) -> Done:
        """Return what became of a torrent."""
        if torrent_id in self.open:
            return SessionUnavailable("it is still being worked on, and is done all the same: look before asking again")
        return self._outcomes[torrent_id]
