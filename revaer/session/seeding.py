"""How far torrents have come with seeding, asked of the engine and not remembered."""

from __future__ import annotations

from collections.abc import Mapping

from revaer.session.barrier_policy import shown_state
from revaer.session.core import Core
from revaer.session.messages import MAX_FACTS, ActionRefused, ReadSeedingFacts, SeedingFacts
from revaer.session.policy import derive_state, is_done, share_ratio
from revaer.session.port import EngineState, TorrentStatus
from revaer.session.torrent import Torrent
from revaer.types import TorrentId, TorrentState

_UNSETTLED = frozenset({EngineState.CHECKING, EngineState.FETCHING_METADATA})


class SeedingDesk:
    """Reads facts.

    Args:
        core: the shared parts.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    async def read(self, request: ReadSeedingFacts) -> Mapping[TorrentId, SeedingFacts]:
        """Return the facts of the torrents that are here.

        Raises:
            ActionRefused: there are too many.
            SessionUnavailable: the engine does not answer.
        """
        core = self._core
        if len(request.torrent_ids) > MAX_FACTS:
            raise ActionRefused(f"at most {MAX_FACTS} torrents are looked at in one go, not {len(request.torrent_ids)}")
        wanted = [torrent.id for torrent in map(core.catalogue.get, request.torrent_ids) if torrent and torrent.present]
        statuses = await core.gate.call(core.engine.statuses(wanted)) if wanted else ()
        fresh = {status.torrent_id: status for status in statuses}
        here = [torrent for torrent in map(core.catalogue.get, request.torrent_ids) if torrent is not None]
        return {torrent.id: facts_of(torrent, fresh.get(torrent.id)) for torrent in here}


def facts_of(torrent: Torrent, status: TorrentStatus | None) -> SeedingFacts:
    """Return what is known of a torrent for certain; `status` is None when the engine does not have it."""
    if status is None:
        return SeedingFacts(torrent.id, torrent.view.state.kind)
    announced = torrent.view.descriptor.completed_at is not None
    if torrent.fault is not None or status.error is not None:
        state = TorrentState.FAILED
    else:
        paused, rechecking = torrent.options.paused, torrent.is_rechecking
        kind = derive_state(status, paused=paused, announced=announced, rechecking=rechecking)
        state, _ = shown_state(torrent, kind)
    settled = status.state not in _UNSETTLED
    # While files are checked the engine holds less than it will, and a ratio of that would be too good.
    return SeedingFacts(
        torrent.id,
        state,
        complete=_is_complete(torrent, status, announced=announced) if settled else None,
        ratio=share_ratio(status.uploaded, status.downloaded, status.total_done) if settled else None,
        seconds=float(status.seeding_seconds),
    )


def _is_complete(torrent: Torrent, status: TorrentStatus, *, announced: bool) -> bool | None:
    """Tell whether everything wanted is verified and known to be on disk; None when it is being made sure of."""
    if not is_done(status):
        return False
    return True if announced and torrent.fault is None and not torrent.is_finishing else None
