"""Moving the payload of a torrent to another directory, and finishing a move that was interrupted.

The target is stored before the first file moves and stays stored until the last one did. A start that finds it there
finishes the move before the torrent enters the engine.
"""

from __future__ import annotations

import errno
import math
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import structlog

from revaer.events import SelectionReconciled
from revaer.session.catalogue import hashes_of
from revaer.session.core import Core
from revaer.session.describe import content_path
from revaer.session.disk_calls import Lane
from revaer.session.faults import Fault, FaultKind, unfinished_move
from revaer.session.messages import ActionRefused
from revaer.session.planning import Plan
from revaer.session.relocation import Relocation, RelocationFailed, part_files
from revaer.session.saving import RecordKeeper
from revaer.session.torrent import Torrent, payload_path

log = structlog.get_logger(__name__)


class MoveFinisher:
    """Finishes interrupted moves.

    Args:
        core: the shared parts.
        lane: where files are moved.
    """

    def __init__(self, core: Core, lane: Lane) -> None:
        self._core = core
        self._lane = lane

    async def finish(self, torrent: Torrent) -> Fault | None:
        """Bring together what an interrupted move left in two places, in the new one; return why it cannot be done.

        The torrent is not in the engine, and the caller has its turn.
        """
        source, target = torrent.options.download_dir, torrent.moving_to
        assert target is not None, "only a move that began is finished"
        if torrent.has_metadata:
            try:
                await self.relocate(torrent, source, target)
            except RelocationFailed as error:
                if error.number == errno.EEXIST and error.is_untouched:
                    self._give_up(torrent, error.path)
                    return None
                return unfinished_move(source, target, error.path, error.number, error.reason)
        arrived(self._core, torrent, target)
        self._tell(torrent, f"it was finished: the payload is in {target}")
        return None

    async def relocate(self, torrent: Torrent, source: str, target: str, *, passes_over: bool = False) -> None:
        """Move what is in `source` to `target`, which must be there; `passes_over` leaves files with an obstacle.

        Raises:
            RelocationFailed: the target cannot be used, a file is in the way, or the disk refuses.
        """
        look = await self._core.disk.look(target)
        if not look.is_usable:
            raise RelocationFailed(target, look.number, look.reason)
        left = threading.Event()

        def move() -> int:
            paths = [payload_path("", torrent.folder, file)[1:] for file in torrent.files if not file.pad]
            paths += part_files(hashes_of(torrent.hashes))
            return Relocation(paths, source, target, left.is_set, passes_over).run()

        try:
            moved = await self._lane.run(move)
        finally:
            left.set()  # a thread that nobody waits for any more moves nothing further
        log.info("payload_moved", torrent_id=torrent.id, source=source, target=target, files=moved)

    def _give_up(self, torrent: Torrent, path: str) -> None:
        """Leave a torrent where it is whose files never began to move: as an engine that refuses the move does."""
        torrent.moving_to = None
        self._core.intents.owe(torrent.id)
        where = torrent.options.download_dir
        self._tell(torrent, f"it was given up: {path} is in the way; the payload is untouched in {where}")

    def _tell(self, torrent: Torrent, outcome: str) -> None:
        log.info("move_settled", torrent_id=torrent.id, outcome=outcome)
        self._core.catalogue.announce(torrent, SelectionReconciled(torrent.id, "its move was interrupted", outcome))


class MoveDesk:
    """Moves payload.

    Args:
        core: the shared parts.
        finisher: brings together what an interrupted move left in two places.
        readmit: brings a torrent into the engine that is not there, or gives it a fault; the caller has its turn.
        study: reads what is stored of a torrent, its record included.
        release: stops to wait for the storage of a torrent.
        records: saves the record after a move.
    """

    def __init__(
        self,
        core: Core,
        finisher: MoveFinisher,
        *,
        readmit: Callable[[Torrent], Awaitable[None]],
        study: Callable[[Torrent], Awaitable[Plan]],
        release: Callable[[Torrent], None],
        records: RecordKeeper,
    ) -> None:
        self._core = core
        self._finisher = finisher
        self._readmit = readmit
        self._study = study
        self._release = release
        self._records = records

    async def move(self, torrent: Torrent, download_dir: str) -> None:
        """Move the payload of a torrent; the caller has its turn.

        Raises:
            ActionRefused: the directory cannot be used, a file is in the way, or the payload is out of reach.
            SessionUnavailable: the engine, the store or the disk does not answer.
        """
        if torrent.fault is not None and torrent.fault.kind is FaultKind.MOVE:
            await self._turn_back(torrent, download_dir)
        elif torrent.fault is None:
            await self._readmit(torrent)
        if torrent.fault is not None:
            raise ActionRefused(torrent.fault.message)
        if download_dir != torrent.options.download_dir:
            await self._go(torrent, download_dir)

    async def _go(self, torrent: Torrent, download_dir: str) -> None:
        core = self._core
        look = await core.disk.prepare(download_dir)
        if not look.is_usable:
            raise ActionRefused(f"{download_dir} cannot be used: {look.reason}")
        await core.intents.update(torrent, moving_to=download_dir)
        torrent.moving_to = download_dir
        try:
            await core.gate.call(core.engine.move(torrent.id, download_dir), within=math.inf)
        except ActionRefused:
            torrent.moving_to = None
            core.intents.owe(torrent.id)
            raise
        arrived(core, torrent, download_dir)
        self._records.want(torrent)

    async def _turn_back(self, torrent: Torrent, download_dir: str) -> None:
        """Let a torrent go on whose interrupted move cannot be finished: where it was going, or from where it was."""
        target = torrent.moving_to
        if target is not None and download_dir != target:
            await self._bring_back(torrent, target)
            await self._core.intents.update(torrent, moving_to=None)
            torrent.moving_to = None
        torrent.fault = None
        await self._readmit(torrent)
        if torrent.fault is None:
            self._release(torrent)

    async def _bring_back(self, torrent: Torrent, target: str) -> None:
        """Undo what was done of a move; what cannot be reached is left alone when nothing verified is missed."""
        disk, source = self._core.disk, torrent.options.download_dir
        look = await disk.look(target)
        trouble = (target, look.number, look.reason)
        try:
            await self._finisher.relocate(torrent, target, source, passes_over=True)
        except RelocationFailed as error:
            trouble = (error.path, error.number, error.reason)
        plan = await self._study(torrent)
        missing = await disk.first_missing(partial(plan.paths, source), at=source)
        if missing is not None:
            path, number, reason = trouble if trouble[1] else (missing, errno.ENOENT, "it is missing")
            raise ActionRefused(unfinished_move(source, target, path, number, reason).message)


def arrived(core: Core, torrent: Torrent, download_dir: str) -> None:
    """Note that the payload of a torrent is in another directory now."""
    torrent.options = replace(torrent.options, download_dir=download_dir)
    torrent.moving_to = None
    path = torrent.view.descriptor.content_path
    if path is not None:
        path = content_path(download_dir, path.rsplit("/", 1)[-1])
    core.catalogue.amend(torrent, download_dir=download_dir, content_path=path)
    core.intents.owe(torrent.id)
