"""The end of a session: transfers stop, every changed record is saved, the engine says goodbye. And the end after a
crash: what can be saved in a moment is saved, and the engine lets go of its ports and files."""

from __future__ import annotations

import math
from contextlib import suppress

import structlog
import trio

from revaer.session.core import Core
from revaer.session.messages import SessionRefusal
from revaer.session.port import EngineClosed, EngineError, EngineRefused, RecordReady, RecordUnchanged
from revaer.session.saving import RecordKeeper
from revaer.session.torrent import Torrent
from revaer.types import TorrentState

log = structlog.get_logger(__name__)

_MOVING = frozenset(
    {TorrentState.DOWNLOADING, TorrentState.CHECKING, TorrentState.FETCHING_METADATA, TorrentState.QUEUED}
)

_PORTION = 200
"""Records asked for between two looks at the event loop."""


async def stop_orderly(core: Core, records: RecordKeeper, *, may_mark_clean: bool, budget: float) -> None:
    """Save everything and close the engine.

    Args:
        core: the shared parts; the engine's events must still be read.
        records: collects the records; it must still run.
        may_mark_clean: whether nothing of the last run is left to be verified, so that a clean mark would be true.
        budget: seconds it may take when nobody set an earlier deadline.
    """
    now = trio.current_time()
    left = min(budget, trio.current_effective_deadline() - now)
    collected = False
    with trio.move_on_after(left * 0.45):
        await _halt(core)
        collected = await records.collect(lambda: [torrent for torrent in core.catalogue if torrent.present])
    saved = False
    with trio.move_on_after(left * 0.25):
        paid = core.intents.owed == 0 or await core.intents.pay()
        try:
            saved = await records.confirmed() and collected and paid
            if saved and may_mark_clean:
                await core.store.mark_clean(within=left)
        except SessionRefusal as error:
            saved = False
            log.warning("records_not_flushed", reason=str(error))
    log.info("session_stopping", torrents=len(core.catalogue), everything_saved=saved, pending=records.pending)
    rest = left - (trio.current_time() - now)
    await core.engine.close(within=max(0.2, min(3.0, rest * 0.6)))


async def rescue(core: Core, *, within: float) -> None:
    """Save what can be saved after a crash, and close the engine; nobody else reads its events any more."""
    try:
        with trio.move_on_after(within, shield=True):
            await _save_by_hand(core)
    except EngineError as error:
        log.warning("rescue_incomplete", reason=str(error))
    finally:
        with trio.CancelScope(shield=True):
            await core.engine.close(within=1.0)


async def _halt(core: Core) -> None:
    """Stop all transfers that write, so that the records to come are the last word."""
    moving = [torrent for torrent in core.catalogue if torrent.present and torrent.view.state.kind in _MOVING]
    for start in range(0, len(moving), 64):
        async with trio.open_nursery() as nursery:
            for torrent in moving[start : start + 64]:
                nursery.start_soon(_pause, core, torrent)


async def _pause(core: Core, torrent: Torrent) -> None:
    try:
        await core.gate.call(core.engine.pause(torrent.id), within=math.inf)
    except SessionRefusal as error:
        log.info("pause_refused", torrent_id=torrent.id, reason=str(error))


async def _save_by_hand(core: Core) -> None:
    waiting = set()
    for count, torrent in enumerate(core.catalogue, 1):
        if torrent.present and torrent.removing is None:
            with suppress(EngineRefused):  # it is on its way out
                core.engine.request_record(torrent.id, only_if_changed=True)
                waiting.add(torrent.id)
        if count % _PORTION == 0:
            await trio.lowlevel.checkpoint()
    while waiting:
        try:
            events = await core.engine.next_events()
        except EngineClosed:
            return
        for event in events:
            if isinstance(event, RecordReady):
                await core.store.save(event.torrent_id, event.record)
            if isinstance(event, RecordReady | RecordUnchanged):
                waiting.discard(event.torrent_id)
