"""Looking closely at one torrent: its peers, its trackers, its pieces."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from revaer.session.core import Core
from revaer.session.messages import ActionRefused, PeerView, PieceMap, TrackerView
from revaer.session.planning import Plan
from revaer.session.records import pack_pieces
from revaer.session.torrent import Torrent
from revaer.types import TorrentId

Answer = TypeVar("Answer")


class LookDesk:
    """Shows what the engine knows of a torrent; of one that the engine does not have, what is known without it.

    Args:
        core: the shared parts.
        study: reads what is stored of a torrent, its record included.
    """

    def __init__(self, core: Core, *, study: Callable[[Torrent], Awaitable[Plan]]) -> None:
        self._core = core
        self._study = study

    async def peers(self, torrent_id: TorrentId) -> tuple[PeerView, ...]:
        """Return who a torrent is connected to. Raises UnknownTorrent, SessionUnavailable."""
        torrent = await self._find(torrent_id)
        return await self._engine_says(torrent, self._core.engine.peers) or ()

    async def trackers(self, torrent_id: TorrentId) -> tuple[TrackerView, ...]:
        """Return what a torrent's trackers say. Raises UnknownTorrent, SessionUnavailable."""
        torrent = await self._find(torrent_id)
        return await self.trackers_of(torrent)

    async def trackers_of(self, torrent: Torrent) -> tuple[TrackerView, ...]:
        """Return what the trackers of a torrent say that is here. Raises SessionUnavailable."""
        own = torrent.view.descriptor.trackers
        shown = await self._engine_says(torrent, self._core.engine.trackers)
        if shown is None:
            return tuple(TrackerView(url, tier) for tier, url in enumerate(own))
        return tuple(view if view.url in own else replace(view, from_profile=True) for view in shown)

    async def pieces(self, torrent_id: TorrentId) -> PieceMap:
        """Return which pieces of a torrent are there. Raises UnknownTorrent, SessionUnavailable."""
        torrent = await self._find(torrent_id)
        shown = await self._engine_says(torrent, self._core.engine.pieces)
        return await self._remembered(torrent) if shown is None else shown

    async def _engine_says(self, torrent: Torrent, look: Callable[[TorrentId], Awaitable[Answer]]) -> Answer | None:
        """Return what the engine says; None of a torrent it does not have, or no longer. Raises SessionUnavailable."""
        if not torrent.present:
            return None
        try:
            return await self._core.gate.call(look(torrent.id))
        except ActionRefused:
            return None

    async def _remembered(self, torrent: Torrent) -> PieceMap:
        """Return what the record of a torrent says, and of a torrent that went into the library that it is whole."""
        plan = await self._study(torrent)
        parsed = plan.source.parsed
        if parsed is None:
            return PieceMap()
        have = plan.have or [torrent.is_withheld] * parsed.pieces
        return PieceMap(parsed.pieces, parsed.piece_length, pack_pieces(have))

    async def _find(self, torrent_id: TorrentId) -> Torrent:
        return await self._core.catalogue.require(torrent_id, within=self._core.timing.listing)
