"""What the parts of the libtorrent adapter stand on: finding a torrent, and calling the engine about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import trio

from actors import BlockingLane
from revaer.session.desk import Desk
from revaer.session.engine_tuning import Tuner
from revaer.session.port import EngineClosed, EngineError, EngineRefused
from revaer.session.pump import Pump
from revaer.session.roster import Entry, Roster
from revaer.session.study import Study
from revaer.types import TorrentId

LOOKERS = 2
"""How many looks at torrents block at the same time; what changes them never waits for those."""

SLICE = 0.0005
"""Seconds of calls between two looks at the event loop: each may wait for the interpreter's lock."""

Work: TypeAlias = Callable[[Any], object]
"""What is done with a torrent's handle."""


class AdapterBase:
    """The engine's library, our roster of its torrents, and the desk where answers come in."""

    _library: Any
    _lane: BlockingLane
    _entering: BlockingLane
    _roster: Roster
    _desk: Desk
    _pump: Pump
    _study: Study
    _tuner: Tuner
    _closed: bool

    def __init__(self) -> None:
        self._looking = BlockingLane("libtorrent-looks", workers=LOOKERS)

    def _check_open(self) -> None:
        if self._closed:
            raise EngineClosed("the engine is closed")

    def _entry(self, torrent_id: TorrentId) -> Entry:
        self._check_open()
        return self._roster.get(torrent_id)

    def _trackers_of(self, entry: Entry) -> list[str]:
        return self._tuner.trackers_of(entry.trackers, private=entry.private)

    def _call(self, entry: Entry, work: Work) -> None:
        try:
            work(entry.handle)
        except RuntimeError as error:  # the handle died
            raise EngineRefused(f"the engine has no torrent {entry.torrent_id}") from error

    async def _change_each(
        self, torrent_ids: Sequence[TorrentId], work_of: Callable[[Entry], Work]
    ) -> dict[TorrentId, EngineError]:
        """Do the work on each and wait once until the engine has applied all; return why some were refused.

        The engine takes calls in their order, so the last one tells of all before it.
        """
        self._check_open()
        refusals: dict[TorrentId, EngineError] = {}
        done: list[Entry] = []
        edge = time.perf_counter() + SLICE
        for torrent_id in torrent_ids:
            try:
                entry = self._entry(torrent_id)
                self._call(entry, work_of(entry))
                done.append(entry)
            except EngineRefused as error:
                refusals[torrent_id] = error
            if time.perf_counter() > edge:
                await trio.lowlevel.checkpoint()
                edge = time.perf_counter() + SLICE
        await self._applied(done)
        return refusals

    async def _applied(self, entries: list[Entry]) -> None:
        """Wait until what was asked for last is applied; of a torrent that left meanwhile it is."""
        while entries:
            with suppress(EngineRefused):
                await self._change(entries.pop())
                return

    async def _change(self, entry: Entry, *works: Work) -> None:
        """Do the work and wait until the engine has applied it."""
        for work in works:
            self._call(entry, work)
        ticket = self._desk.expect("applied", entry.torrent_id)
        self._call(entry, lambda handle: handle.post_trackers())
        await self._pump.wait(ticket)
