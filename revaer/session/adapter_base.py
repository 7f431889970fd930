"""What the parts of the libtorrent adapter stand on: finding a torrent, and calling the engine about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors import BlockingLane
from revaer.session.desk import Desk
from revaer.session.engine_tuning import Tuner
from revaer.session.port import EngineClosed, EngineRefused
from revaer.session.pump import Pump
from revaer.session.roster import Entry, Roster
from revaer.session.study import Study
from revaer.types import TorrentId

LOOKERS = 2
"""How many looks at torrents block at the same time; what changes them never waits for those."""


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

    def _call(self, entry: Entry, work: Callable[[Any], object]) -> None:
        try:
            work(entry.handle)
        except RuntimeError as error:  # the handle died
            raise EngineRefused(f"the engine has no torrent {entry.torrent_id}") from error

    async def _change(self, entry: Entry, *works: Callable[[Any], object]) -> None:
        """Do the work and wait until the engine has applied it."""
        for work in works:
            self._call(entry, work)
        ticket = self._desk.expect("applied", entry.torrent_id)
        self._call(entry, lambda handle: handle.post_trackers())
        await self._pump.wait(ticket)
