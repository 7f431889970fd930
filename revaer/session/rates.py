"""The caps of single torrents: what their options say, and what holds where those say nothing.

The fallback is nobody's wish: it is kept with the torrent in memory, and never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import trio

from revaer.session.bounds import MAX_INT
from revaer.session.catalogue import Catalogue
from revaer.session.gate import EngineGate
from revaer.session.messages import MAX_CAPS, UNLIMITED, ActionRefused, CapTorrents, Rates
from revaer.session.port import Engine, EngineRefused
from revaer.session.torrent import Torrent
from revaer.types import TorrentId, TorrentOptions


@dataclass(slots=True, eq=False)
class _Wish:
    """A torrent that is to be capped by options, and what became of that."""

    torrent: Torrent
    options: TorrentOptions
    is_done: bool = False
    error: EngineRefused | None = None


class RateDesk:
    """Keeps the engine's caps of torrents true to options and fallback.

    One call to the engine at a time, with caps that are decided when it begins: so the last one is always right. What
    gathers while a call runs goes into the next one: to cap thousands of torrents takes a few calls.

    Args:
        engine: has the caps.
        gate: the way to it.
        catalogue: the torrents.
    """

    def __init__(self, engine: Engine, gate: EngineGate, catalogue: Catalogue) -> None:
        self._engine = engine
        self._gate = gate
        self._catalogue = catalogue
        self._lock = trio.Lock()
        self._wishes: dict[_Wish, None] = {}

    async def cap(self, request: CapTorrents) -> Mapping[TorrentId, Rates]:
        """Take in fallbacks and return what holds for each torrent then, as far as it is here.

        Raises:
            ActionRefused: there are too many, or a rate is out of its bounds; nothing changed.
            SessionUnavailable: the engine does not answer; it may have heard all the same.
        """
        if len(request.caps) > MAX_CAPS:
            raise ActionRefused(f"at most {MAX_CAPS} torrents are capped at a time, not {len(request.caps)}")
        for rates in request.caps.values():
            _check(rates)
        for torrent_id, rates in request.caps.items():
            if (torrent := self._catalogue.get(torrent_id)) is not None:
                torrent.fallback = Rates(rates.download_bps or None, rates.upload_bps or None)
        async with self._lock:
            wanted = {torrent.id: torrent.rates() for torrent in self._here(request.caps) if torrent.present}
            held = await self._gate.call(self._engine.set_rates(wanted)) if wanted else {}
        return {torrent.id: held.get(torrent.id, torrent.rates()) for torrent in self._here(request.caps)}

    async def apply(self, torrent: Torrent, options: TorrentOptions) -> None:
        """Have the engine cap a torrent by `options`, which are about to become its own. Raises EngineError."""
        wish = _Wish(torrent, options)
        self._wishes[wish] = None
        try:
            async with self._lock:
                if not wish.is_done:
                    await self._apply_all()
        finally:
            self._wishes.pop(wish, None)
        if wish.error is not None:
            raise EngineRefused(str(wish.error)) from wish.error

    async def _apply_all(self) -> None:
        """Do all that is wished for by now with one call; what is cut short is done with the next."""
        wishes = [*self._wishes]
        wanted = {wish.torrent.id: wish.torrent.rates(wish.options) for wish in wishes}
        held: Mapping[TorrentId, Rates] = {}
        refusal: EngineRefused | None = None
        try:
            held = await self._engine.set_rates(wanted)
        except EngineRefused as error:
            refusal = error
        for wish in wishes:
            wish.is_done = True
            self._wishes.pop(wish, None)
            if wish.torrent.id not in held:
                wish.error = refusal or EngineRefused(f"the engine has no torrent {wish.torrent.id}")

    async def settle(self, torrent: Torrent, given: Rates) -> None:
        """Cap a torrent that just entered the engine with `given`, when something else holds by now.

        Raises:
            ActionRefused: the engine refused it.
            SessionUnavailable: the engine does not answer.
        """
        if torrent.rates() != given:
            async with self._lock:
                await self._gate.call(self._engine.set_rates({torrent.id: torrent.rates()}))

    def fallbacks(self) -> Mapping[TorrentId, Rates]:
        """Return every fallback that limits anything."""
        return {torrent.id: torrent.fallback for torrent in self._catalogue if torrent.fallback != UNLIMITED}

    def _here(self, torrent_ids: Mapping[TorrentId, Rates]) -> list[Torrent]:
        found = (self._catalogue.get(torrent_id) for torrent_id in torrent_ids)
        return [torrent for torrent in found if torrent is not None]


def _check(rates: Rates) -> None:
    for value in (rates.download_bps, rates.upload_bps):
        if value is not None and (isinstance(value, bool) or not 0 <= value <= MAX_INT):
            raise ActionRefused(f"a rate is a whole number from 0 to {MAX_INT}, not {value!r}")
