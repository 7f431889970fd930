"""How torrents come into the engine and leave it, whichever of its words we hear of first."""

from __future__ import annotations

from typing import Any, Protocol

from revaer.session.desk import Desk
from revaer.session.port import AnswerLost, EngineRefused
from revaer.session.roster import Entry, Roster


class Library(Protocol):
    """What is needed of the engine's library."""

    def remove(self, handle: Any, *, flags: int) -> None:
        """Have a torrent removed."""


class Arrivals:
    """Notes arrivals and departures, and answers those who wait for them.

    Args:
        roster: the torrents.
        desk: where they wait.
        library: removes what nobody wants any more.
    """

    def __init__(self, roster: Roster, desk: Desk, library: Library) -> None:
        self._roster = roster
        self._desk = desk
        self._library = library

    def arrived(self, entry: Entry, handle: Any) -> None:
        """Note that the engine has a torrent; one whose removal was asked for meanwhile goes at once."""
        self._roster.attach(entry.torrent_id, handle)
        if entry.leaving:
            self._library.remove(handle, flags=entry.removal)
        self._desk.settle_all("added", entry.torrent_id)

    def stray(self, handle: Any) -> None:
        """Have a torrent removed that the engine has and nobody knows: nobody else ever would."""
        self._library.remove(handle, flags=0)

    def not_added(self, entry: Entry, error: EngineRefused) -> None:
        """Note that the engine will not have a torrent."""
        self._desk.settle_all("added", entry.torrent_id, error=error)
        self._settle_removal(entry, None)

    def lost(self, entry: Entry) -> None:
        """Note that a torrent is not in the engine, which said so when nobody heard it."""
        gone = EngineRefused("the engine's answer was lost; the torrent is not there")
        self._desk.settle_all("added", entry.torrent_id, error=gone)
        lost = AnswerLost("the engine let go of the torrent, and its answer about the files was lost")
        self._settle_removal(entry, lost)

    def removed(self, entry: Entry) -> None:
        """Note that a torrent left; its files may still be deleted."""
        if not self._desk.awaits("deleted", entry.torrent_id):
            self._part(entry)
        self._desk.settle_all("removed", entry.torrent_id)

    def deleted(self, entry: Entry, error: Exception | None) -> None:
        """Note what became of the files of a torrent that leaves."""
        self._desk.settle_all("deleted", entry.torrent_id, error=error)
        if not self._desk.awaits("removed", entry.torrent_id):
            self._part(entry)

    def _settle_removal(self, entry: Entry, error: Exception | None) -> None:
        self._desk.settle_all("removed", entry.torrent_id)
        self._desk.settle_all("deleted", entry.torrent_id, error=error)
        self._part(entry)

    def _part(self, entry: Entry) -> None:
        """Forget a torrent that is gone; what still waits for it will not be answered."""
        self._roster.leave(entry)
        gone = f"the torrent {entry.torrent_id} was removed"
        self._desk.fail_torrent(entry.torrent_id, lambda: EngineRefused(gone), keep=("removed", "deleted"))
