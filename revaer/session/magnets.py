"""What happens when a magnet's metadata arrives: the selection is applied before any payload is asked for, the metadata
is stored, and the list learns names and files.

Metadata may show that a torrent is the same as another one (the other half of a hybrid). The newer of the two then
fails and leaves the engine; nothing of either is lost, and it goes on when the other is removed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import structlog
import trio

from revaer.selection.messages import Decision
from revaer.session.catalogue import hashes_of
from revaer.session.core import Core
from revaer.session.describe import folder_of, priorities_of, with_metadata
from revaer.session.faults import FaultKind, duplicate
from revaer.session.messages import SessionRefusal, SessionUnavailable
from revaer.session.port import MetadataArrived, TorrentsConflict
from revaer.session.torrent import Torrent
from revaer.types import TorrentId

log = structlog.get_logger(__name__)


class MagnetDesk:
    """Takes metadata in.

    Args:
        core: the shared parts.
        readmit: brings a torrent into the engine from what is stored; the caller has its turn.
        refresh: shows a torrent's state after its fault changed.
        on_ready: called with a torrent whose metadata was taken in.
    """

    def __init__(
        self,
        core: Core,
        *,
        readmit: Callable[[Torrent], Awaitable[None]],
        refresh: Callable[[Torrent], None],
        on_ready: Callable[[Torrent], None],
    ) -> None:
        self._core = core
        self._readmit = readmit
        self._refresh = refresh
        self._on_ready = on_ready
        self._busy: set[tuple[str, TorrentId]] = set()
        self._losers: dict[TorrentId, TorrentId] = {}

    def arrived(self, event: MetadataArrived) -> None:
        """Take the engine's word that metadata came."""
        self._begin("metadata", event.torrent_id, partial(self._take, event))

    def conflict(self, event: TorrentsConflict) -> None:
        """Take the engine's word that two torrents are one: the newer leaves, the older begins afresh."""
        catalogue = self._core.catalogue
        pair = [torrent for torrent in map(catalogue.get, (event.torrent_id, event.other_id)) if torrent is not None]
        if len(pair) == 2:
            older, newer = sorted(pair, key=_age)
            self._begin("conflict", older.id, partial(self._displace, newer, older))

    def lost(self, torrent: Torrent) -> None:
        """Get metadata again that the engine has and whose notification was dropped: the magnet enters afresh."""
        self._begin("again", torrent.id, partial(self._again, torrent))

    def left(self, gone: Torrent) -> None:
        """Let torrents go on that were duplicates of one that is gone."""
        winner = self._core.catalogue.get(self._losers.pop(gone.id, gone.id))
        if winner is not None:
            self._claim_hashes(winner)
        for loser in [key for key, winner in self._losers.items() if winner == gone.id]:
            del self._losers[loser]
            torrent = self._core.catalogue.get(loser)
            if torrent is not None and torrent.fault is not None and torrent.fault.kind is FaultKind.DUPLICATE:
                self._begin("again", loser, partial(self._again, torrent))

    def clash(self, torrent: Torrent) -> bool:
        """Settle that the engine refused a torrent, when another one that it has is the same; tell whether one is.

        The older of the two stays; the caller has the turn of the refused one.
        """
        same = (other for other in self._core.catalogue if other.present and other.hashes.shares(torrent.hashes))
        rival = next((other for other in same if other is not torrent), None)
        if rival is None:
            return False
        torrent.fault = duplicate(rival.id, rival.name)
        self._losers[torrent.id] = rival.id
        log.warning("duplicate_refused", torrent_id=torrent.id, other=rival.id)
        self._refresh(torrent)
        if _age(torrent) < _age(rival):
            self._core.jobs.submit(partial(self._until_done, partial(self._displace, rival, torrent)))
        return True

    async def _displace(self, newer: Torrent, older: Torrent) -> bool:
        """Take the newer of two that are the same out of the engine, and bring the older one in."""
        async with self._core.turns.hold(newer.id):
            if self._core.catalogue.get(newer.id) is newer and self._core.catalogue.get(older.id) is older:
                await self._yield_to(older, newer)
        self._losers.pop(older.id, None)
        return await self._again(older)

    def _begin(self, kind: str, torrent_id: TorrentId, work: Callable[[], Awaitable[bool]]) -> None:
        """Do one kind of work for a torrent, once at a time; another kind waits for the torrent's turn, and is done."""
        if (kind, torrent_id) not in self._busy:
            self._busy.add((kind, torrent_id))
            self._core.jobs.submit(partial(self._run, (kind, torrent_id), work))

    async def _run(self, key: tuple[str, TorrentId], work: Callable[[], Awaitable[bool]]) -> None:
        try:
            await self._until_done(work)
        finally:
            self._busy.discard(key)

    async def _until_done(self, work: Callable[[], Awaitable[bool]]) -> None:
        while not await work():
            await trio.sleep(self._core.timing.retry)

    async def _take(self, event: MetadataArrived) -> bool:
        core = self._core
        keys = hashes_of(event.parsed.hashes)
        async with core.catalogue.reserve(keys), core.turns.hold(event.torrent_id):
            torrent = core.catalogue.get(event.torrent_id)
            if torrent is None or torrent.has_metadata or not torrent.present or torrent.removing is not None:
                return True
            rival = self._rival(torrent, event)
            if rival is not None and _age(rival) <= _age(torrent):
                await self._yield_to(rival, torrent)
                return True
            try:
                await self._accept(torrent, event)
            except SessionUnavailable:
                return False
            except SessionRefusal as error:
                log.warning("metadata_not_applied", torrent_id=torrent.id, reason=str(error))
        if rival is not None:
            async with core.turns.hold(rival.id):
                if core.catalogue.get(rival.id) is rival:
                    await self._yield_to(torrent, rival)
        return True

    def _claim_hashes(self, torrent: Torrent) -> None:
        """Index every hash of a torrent, now that its duplicate is gone."""
        known = torrent.known_as
        if known is not None and not self._core.catalogue.others(known, torrent):
            self._core.catalogue.amend(torrent, hashes=known)

    def _rival(self, torrent: Torrent, event: MetadataArrived) -> Torrent | None:
        """Return another torrent that has one of the arrived hashes."""
        found = self._core.catalogue.others(event.parsed.hashes, torrent)
        return found[0] if found else None

    async def _accept(self, torrent: Torrent, event: MetadataArrived) -> None:
        core, parsed = self._core, event.parsed
        decisions: tuple[Decision, ...] = await core.decide(parsed.files, torrent.options.selection)
        found = await core.survey(torrent.id, parsed.files, decisions)
        await core.gate.call(core.engine.set_file_priorities(torrent.id, priorities_of(parsed.files, decisions)))
        torrent.files = parsed.files
        torrent.known_as = parsed.hashes
        torrent.folder = folder_of(parsed)
        torrent.has_metadata = True
        described = with_metadata(torrent.view.descriptor, torrent.options, parsed)
        if core.catalogue.others(described.hashes, torrent):
            described = replace(described, hashes=torrent.view.descriptor.hashes)
        core.catalogue.describe(torrent, described)
        core.catalogue.announce(torrent, found)
        core.intents.owe(torrent.id, metainfo=event.metainfo)
        self._refresh(torrent)
        self._on_ready(torrent)

    async def _yield_to(self, winner: Torrent, loser: Torrent) -> None:
        """Fail a torrent that is the same as another one, and take it out of the engine."""
        core = self._core
        loser.fault = duplicate(winner.id, winner.name)
        self._losers[loser.id] = winner.id
        log.warning("duplicate_revealed", torrent_id=loser.id, other=winner.id)
        if loser.present:
            try:
                await core.gate.call(core.engine.remove(loser.id, delete_data=False))
            except SessionRefusal as error:
                log.warning("duplicate_not_removed", torrent_id=loser.id, reason=str(error))
            loser.present = False
        self._refresh(loser)
        if winner.status is not None and winner.status.error is not None and winner.present:
            await self._restart(winner)

    async def _restart(self, torrent: Torrent) -> None:
        """Let a torrent go on that the engine stopped because of its duplicate."""
        core, options = self._core, torrent.options
        try:
            await core.gate.call(core.engine.resume(torrent.id, auto_managed=options.auto_managed))
            if options.paused:
                await core.gate.call(core.engine.pause(torrent.id))
        except SessionRefusal as error:
            log.warning("restart_failed", torrent_id=torrent.id, reason=str(error))

    async def _again(self, torrent: Torrent) -> bool:
        core = self._core
        async with core.turns.hold(torrent.id):
            if core.catalogue.get(torrent.id) is not torrent or torrent.removing is not None:
                return True
            try:
                if torrent.present:
                    await core.gate.call(core.engine.remove(torrent.id, delete_data=False))
                    torrent.present = False
                torrent.fault = None
                await self._readmit(torrent)
            except SessionUnavailable:
                return False
            except SessionRefusal as error:
                log.warning("readmission_failed", torrent_id=torrent.id, reason=str(error))
            return True


def _age(torrent: Torrent) -> tuple[float, TorrentId]:
    return (torrent.view.descriptor.added_at, torrent.id)
