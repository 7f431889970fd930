"""Stopping and starting many torrents together: what is wished is durable with one request, then the engine does it
with one call, then the list shows it.

It is the way of `actions`, for those that go it without a detour. The others are given back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import msgspec
import structlog
import trio

from revaer.session.core import Core
from revaer.session.messages import ActionRefused, Done, Pause, Resume, SessionRefusal, SessionUnavailable
from revaer.session.port import EngineError
from revaer.session.progress import ProgressDesk
from revaer.session.saving import RecordKeeper
from revaer.session.torrent import Torrent
from revaer.types import TorrentId, TorrentOptions

log = structlog.get_logger(__name__)

SLICE: Final = 0.002
"""Seconds of work between two looks at the event loop."""


class RunningDesk:
    """Pauses and resumes many torrents.

    Args:
        core: the shared parts.
        progress: shows states, and is asked for fresh figures.
        records: told whose record changed.
    """

    def __init__(self, core: Core, *, progress: ProgressDesk, records: RecordKeeper) -> None:
        self._core = core
        self._progress = progress
        self._records = records

    async def act(self, torrent_ids: Sequence[TorrentId], action: Pause | Resume) -> dict[TorrentId, Done]:
        """Do it with those that are just here, have nothing else going on and no fault; return what became of them."""
        core = self._core
        with core.turns.hold_free(torrent_ids) as free:
            found = (core.catalogue.get(torrent_id) for torrent_id in free)
            wishes = {
                torrent: replace(torrent.options, paused=isinstance(action, Pause))
                for torrent in found
                if torrent is not None and _is_plain(torrent)
            }
            refusals = dict(await core.intents.update_each(wishes))
            durable = {torrent: options for torrent, options in wishes.items() if torrent not in refusals}
            refusals |= await self._tell_engine(durable, action)
            await self._show([torrent for torrent in durable if torrent not in refusals], durable, action)
            return {torrent.id: refusals.get(torrent, torrent.view) for torrent in wishes}

    async def _tell_engine(
        self, wishes: Mapping[Torrent, TorrentOptions], action: Pause | Resume
    ) -> dict[Torrent, SessionRefusal]:
        """Have the engine do it; what it refuses is put back, as it was, into what is stored."""
        if not wishes:
            return {}
        core = self._core
        try:
            refusals = await core.gate.call(self._work(wishes, action))
        except SessionRefusal as error:
            told: dict[Torrent, SessionRefusal] = dict.fromkeys(wishes, error)
            for torrent in wishes if isinstance(error, SessionUnavailable) else ():
                core.take_back_later(torrent, partial(core.run_or_rest, torrent))
        else:
            told = {key: _refused(refusals[key.id]) for key in wishes if key.id in refusals}
        for torrent in told:
            core.intents.owe(torrent.id)
        return told

    async def _work(
        self, wishes: Mapping[Torrent, TorrentOptions], action: Pause | Resume
    ) -> Mapping[TorrentId, EngineError]:
        engine = self._core.engine
        if isinstance(action, Pause):
            return await engine.pause_many([torrent.id for torrent in wishes])
        return await engine.resume_many({torrent.id: options.auto_managed for torrent, options in wishes.items()})

    async def _show(
        self, torrents: Sequence[Torrent], wishes: Mapping[Torrent, TorrentOptions], action: Pause | Resume
    ) -> None:
        began = time.perf_counter()
        for torrent in torrents:
            torrent.options = wishes[torrent]
            torrent.pause_reason = action.reason if isinstance(action, Pause) else None
            if isinstance(action, Resume) and torrent.status is not None:
                torrent.status = msgspec.structs.replace(torrent.status, error=None, paused=False)
            # The wish itself is in the intent: the record may wait for the next round.
            self._records.touch(torrent)
            self._progress.note(torrent)
            if time.perf_counter() - began > SLICE:
                await trio.lowlevel.checkpoint()
                began = time.perf_counter()
        self._progress.publish()
        self._progress.ask_soon()
        if isinstance(action, Pause) and action.reason is not None:
            log.info("torrents_paused", torrent_ids=[torrent.id for torrent in torrents], reason=action.reason)


def _refused(error: EngineError) -> SessionRefusal:
    refusal = ActionRefused(str(error))
    refusal.__cause__ = error
    return refusal


def _is_plain(torrent: Torrent) -> bool:
    """Tell whether nothing but the wish, the engine and the list is concerned."""
    return torrent.present and torrent.fault is None and torrent.removing is None and not torrent.is_withheld
