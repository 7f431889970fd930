"""Actions on one torrent: what is a wish is durable first, then the engine does it, then the list shows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import assert_never

import msgspec
import structlog

from revaer.resume.messages import Processing, ProcessingStage
from revaer.session.admitting import Admission
from revaer.session.barrier import BarrierDesk
from revaer.session.core import Core
from revaer.session.faults import FaultKind
from revaer.session.messages import (
    Act,
    ActionRefused,
    ConnectPeer,
    Keep,
    Move,
    Pause,
    Queue,
    Reannounce,
    Recheck,
    Resume,
    SessionRefusal,
    SetPieceDeadline,
    SetRate,
    SetSequential,
)
from revaer.session.moves import MoveDesk
from revaer.session.progress import ProgressDesk
from revaer.session.saving import RecordKeeper
from revaer.session.storage import StorageWatch
from revaer.session.torrent import Torrent
from revaer.types import TorrentId, TorrentOptions, TorrentView

log = structlog.get_logger(__name__)

_MOVED = "its files were moved into the library, so it cannot seed: recheck it to download them again, or remove it"


class ActionDesk:
    """Does actions.

    Args:
        core: the shared parts.
        admission: brings a torrent into the engine that is not there yet.
        barrier: knows what is processed.
        moves: moves payload.
        progress: shows states, and is asked for fresh figures.
        records: saves records after changes.
        storage: looks at the storage of a failed torrent that is resumed.
    """

    def __init__(
        self,
        core: Core,
        *,
        admission: Admission,
        barrier: BarrierDesk,
        moves: MoveDesk,
        progress: ProgressDesk,
        records: RecordKeeper,
        storage: StorageWatch,
    ) -> None:
        self._core = core
        self._admission = admission
        self._barrier = barrier
        self._moves = moves
        self._progress = progress
        self._records = records
        self._storage = storage

    async def act(self, request: Act) -> TorrentView:
        """Do one action and return the view after it. A move waits a while for the end of post-processing.

        Raises:
            UnknownTorrent: it is not here.
            ActionRefused: it makes no sense now, or the engine refused it.
            SessionUnavailable: the engine or the store is away.
        """
        if isinstance(request.action, Move):
            await self._barrier.passed(request.torrent_id)
        async with self._core.turn(request.torrent_id) as torrent:
            await self._do(torrent, request)
            self._progress.refresh(torrent)
            self._progress.ask_soon()
            return torrent.view

    async def connect(self, request: ConnectPeer) -> None:
        """Dial one peer. Raises UnknownTorrent, ActionRefused, SessionUnavailable."""
        core = self._core
        torrent = await core.catalogue.require(request.torrent_id, within=core.timing.listing)
        self._require_present(torrent)
        await core.gate.call(core.engine.connect_peer(torrent.id, request.host, request.port))

    async def _do(self, torrent: Torrent, request: Act) -> None:
        engine, call = self._core.engine, self._core.gate.call
        match request.action:
            case Pause(reason):
                await self._pause(torrent, reason)
            case Resume():
                await self._resume(torrent)
            case Recheck():
                await self._recheck(torrent)
            case Reannounce():
                await self._fetch(torrent)
                await call(engine.reannounce(torrent.id))
            case SetSequential(enable):
                options = replace(torrent.options, sequential=enable)
                await self._wish(
                    torrent,
                    options,
                    lambda: engine.set_sequential(torrent.id, enable=enable),
                    lambda: engine.set_sequential(torrent.id, enable=torrent.options.sequential),
                )
                self._core.catalogue.amend(torrent, sequential=enable)
            case SetRate():
                await self._cap(torrent, request.action)
            case Move(download_dir):
                await self._move(torrent, download_dir)
            case SetPieceDeadline(piece, deadline_ms):
                await self._fetch(torrent)
                await call(engine.set_piece_deadline(torrent.id, piece, deadline_ms=deadline_ms))
            case Queue(position):
                await self._queue(torrent, position)
            case _:
                assert_never(request.action)

    async def _wish(
        self,
        torrent: Torrent,
        options: TorrentOptions,
        apply: Callable[[], Awaitable[None]],
        restore: Callable[[], Awaitable[None]],
    ) -> None:
        """Make new options durable, then have the engine apply them; put the old ones back when it refuses.

        `restore` has the engine follow the options that the torrent has.
        """
        await self._fetch(torrent, needed=False)
        await self._core.wish(torrent, options, apply, restore)
        self._records.want(torrent)

    async def _cap(self, torrent: Torrent, action: SetRate) -> None:
        own = torrent.options
        down = own.max_download_bps if isinstance(action.download_bps, Keep) else action.download_bps
        up = own.max_upload_bps if isinstance(action.upload_bps, Keep) else action.upload_bps
        options = replace(own, max_download_bps=down, max_upload_bps=up)
        apply = self._core.rates.apply
        await self._wish(torrent, options, lambda: apply(torrent, options), lambda: apply(torrent, torrent.options))
        self._core.catalogue.amend(torrent, max_download_bps=down, max_upload_bps=up)

    async def _pause(self, torrent: Torrent, reason: str | None) -> None:
        options = replace(torrent.options, paused=True)
        core = self._core
        await self._wish(torrent, options, lambda: core.engine.pause(torrent.id), lambda: core.run_or_rest(torrent))
        torrent.pause_reason = reason
        if reason is not None:
            log.info("torrent_paused", torrent_id=torrent.id, reason=reason)

    async def _resume(self, torrent: Torrent) -> None:
        options = replace(torrent.options, paused=False)
        if torrent.is_withheld:
            await self._resume_withheld(torrent, options)
            return
        torrent.pause_reason = None
        fault = torrent.fault
        if fault is None:
            core, queued = self._core, options.auto_managed
            await self._wish(
                torrent,
                options,
                lambda: core.engine.resume(torrent.id, auto_managed=queued),
                lambda: core.run_or_rest(torrent),
            )
            if torrent.status is not None:
                torrent.status = msgspec.structs.replace(torrent.status, error=None, paused=False)
            return
        if fault.kind is FaultKind.DUPLICATE:
            raise ActionRefused(fault.message)
        await self._core.intents.update(torrent, options=options)
        torrent.options = options
        if fault.is_storage:
            await self._storage.try_now(torrent)
        else:
            torrent.fault = None
            await self._admission.readmit(torrent)
        if torrent.fault is not None:
            raise ActionRefused(torrent.fault.message)

    async def _resume_withheld(self, torrent: Torrent, options: TorrentOptions) -> None:
        """Keep the wish for a torrent whose payload the engine has to do without; a moved one cannot seed again."""
        if not torrent.is_processing:
            raise ActionRefused(_MOVED)
        await self._core.intents.update(torrent, options=options)
        torrent.options = options
        torrent.pause_reason = None

    async def _move(self, torrent: Torrent, download_dir: str) -> None:
        self._barrier.refuse_while_processing(torrent)
        if torrent.is_withheld:
            raise ActionRefused(_MOVED)
        await self._moves.move(torrent, download_dir)

    async def _recheck(self, torrent: Torrent) -> None:
        core = self._core
        self._barrier.refuse_while_processing(torrent)
        if torrent.fault is not None and torrent.fault.kind is FaultKind.DUPLICATE:
            raise ActionRefused(torrent.fault.message)
        await self._fetch(torrent, needed=False)
        if not torrent.has_metadata:
            raise ActionRefused("its metadata is not known yet, so there is nothing to check")
        look = await core.disk.prepare(torrent.options.download_dir)
        if not look.is_usable:
            raise ActionRefused(f"{torrent.options.download_dir} cannot be used: {look.reason}")
        if torrent.is_withheld:
            await self._forget_move(torrent)
        torrent.is_rechecking = True  # before the engine can tell that it ended
        try:
            await self._check(torrent)
        except SessionRefusal:
            torrent.is_rechecking = False
            raise
        if torrent.fault is not None:
            torrent.is_rechecking = False
            raise ActionRefused(torrent.fault.message)
        self._storage.release(torrent)

    async def _forget_move(self, torrent: Torrent) -> None:
        """Let a torrent begin anew whose payload went into the library."""
        outdated = Processing(ProcessingStage.OUTDATED)
        await self._core.intents.update(torrent, processing=outdated)
        torrent.processing = outdated

    async def _check(self, torrent: Torrent) -> None:
        core = self._core
        if not torrent.present:
            await self._admission.recheck(torrent)
            return
        if torrent.fault is not None:
            await core.gate.call(core.engine.resume(torrent.id, auto_managed=False))
        await core.gate.call(core.engine.recheck(torrent.id))
        torrent.is_doubtful = False
        torrent.fault = None

    async def _queue(self, torrent: Torrent, position: int | str) -> None:
        place = self._place(torrent, position)
        options = replace(torrent.options, queue_position=place)
        place_in_queue = self._core.engine.set_queue_position

        async def restore() -> None:
            if (held := torrent.options.queue_position) is not None:
                await place_in_queue(torrent.id, held)

        await self._wish(torrent, options, lambda: place_in_queue(torrent.id, position), restore)
        self._core.catalogue.amend(torrent, queue_position=place)

    async def keep_place(self, torrent_id: TorrentId, place: int | None) -> TorrentView:
        """Make a place in the queue durable, without the engine; it is brought there with others.

        Raises:
            UnknownTorrent, ActionRefused, SessionUnavailable: as `act`.
        """
        async with self._core.turn(torrent_id) as torrent:
            await self._fetch(torrent)
            if place != torrent.options.queue_position:
                options = replace(torrent.options, queue_position=place)
                await self._core.intents.update(torrent, options=options)
                torrent.options = options
                self._records.want(torrent)
                self._core.catalogue.amend(torrent, queue_position=place)
            return torrent.view

    def _place(self, torrent: Torrent, position: int | str) -> int:
        """Say a wished place as a number, from what the engine said last."""
        places = [other.status.queue_position for other in self._core.catalogue if other.status is not None]
        last = max(0, max(places, default=0))
        now = max(0, torrent.status.queue_position) if torrent.status is not None else last
        match position:
            case "top":
                return 0
            case "bottom":
                return last
            case "up":
                return max(0, now - 1)
            case "down":
                return min(last, now + 1)
            case int():
                return min(position, last)
            case _:
                raise ActionRefused(f"{position!r} is no place in the queue: give a number, top, bottom, up or down")

    async def _fetch(self, torrent: Torrent, *, needed: bool = True) -> None:
        """Bring a torrent of the last run into the engine that was not its turn yet."""
        if not torrent.present and torrent.fault is None:
            await self._admission.readmit(torrent)
        if needed:
            self._require_present(torrent)

    def _require_present(self, torrent: Torrent) -> None:
        if torrent.fault is not None:
            raise ActionRefused(torrent.fault.message)
        if not torrent.present:
            raise ActionRefused(_MOVED if torrent.is_withheld else "it is still being restored")
