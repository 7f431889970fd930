"""Torrents whose storage failed: each is `failed` with what to do, waits, and goes on by itself when the storage is
well.

Nothing is hashed then that was on disk before: it is still there, which is made sure of by looking for the files. What
the engine claims of an unfinished torrent since its last record is hashed, because writing it may have failed. Only a
torrent that may have written into another directory of the same name (the mount point of a volume that was gone) is
rechecked.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import msgspec
import structlog
import trio

from revaer.pauses import doubling
from revaer.session.core import Core
from revaer.session.disk import Look
from revaer.session.faults import (
    Fault,
    FaultKind,
    missing_files,
    storage_failure,
    unfinished_move,
    unusable_directory,
)
from revaer.session.messages import SessionRefusal
from revaer.session.port import EngineState, StorageFailed
from revaer.session.reports import StorageReport
from revaer.session.torrent import Torrent
from revaer.types import TorrentId

log = structlog.get_logger(__name__)

ROOM = 256 * 1024 * 1024
"""Free bytes, those of the reserve apart, that a torrent needs at most before a full disk counts as well again."""

RELAPSE = 60.0
"""A failure within this time, in seconds, after a recovery continues the row of failures."""


STALE = 2.0
"""A status that comes within this time, in seconds, after a recovery may be older than it."""


@dataclass(slots=True)
class Wait:
    """A torrent that waits for its storage.

    Attributes:
        due: monotonic time of the next look.
        attempt: how many looks in a row found it bad.
        is_suspect: whether its claims must be checked before it goes on.
        is_tried: whether it is being tried just now.
    """

    due: float
    attempt: int = 1
    is_suspect: bool = False
    is_tried: bool = False


class StorageWatch:
    """Holds torrents whose storage failed, and lets them go on.

    Args:
        core: the shared parts.
        refresh: shows a torrent's state after its fault changed.
        readmit: brings a torrent into the engine that is not there, or gives it a new fault; the caller has its turn.
        report: where the whole is shown.
    """

    def __init__(
        self,
        core: Core,
        *,
        refresh: Callable[[Torrent], None],
        readmit: Callable[[Torrent], Awaitable[None]],
        report: StorageReport,
    ) -> None:
        self._core = core
        self._refresh = refresh
        self._readmit = readmit
        self._report = report
        self._waiting: dict[TorrentId, Wait] = {}
        self._recovered: dict[TorrentId, tuple[int, float]] = {}
        self._news = trio.Event()

    def failed(self, event: StorageFailed) -> None:
        """Take the engine's word that reading or writing failed."""
        torrent = self._core.catalogue.get(event.torrent_id)
        if torrent is None or torrent.removing is not None:
            return
        torrent.is_doubtful |= torrent.view.descriptor.completed_at is None
        directory = torrent.options.download_dir
        self.hold(torrent, storage_failure(directory, event.path or directory, event.errno, event.message))

    def stopped(self, torrent: Torrent, message: str) -> None:
        """Take from a status that the engine stopped a torrent; the notification, which says more, may be lost."""
        if trio.current_time() - self._recovered.get(torrent.id, (0, -math.inf))[1] < STALE:
            return
        torrent.is_doubtful |= torrent.view.descriptor.completed_at is None
        directory = torrent.options.download_dir
        self.hold(torrent, storage_failure(directory, directory, 0, message))

    def hold(self, torrent: Torrent, fault: Fault, *, is_suspect: bool = False) -> None:
        """Let a torrent fail and wait for its storage."""
        wait = self._waiting.get(torrent.id)
        if wait is None:
            attempt, recovered = self._recovered.pop(torrent.id, (0, 0.0))
            relapsed = trio.current_time() - recovered < RELAPSE
            wait = self._waiting[torrent.id] = Wait(0.0, attempt + 1 if relapsed else 1)
        wait.is_suspect |= is_suspect
        wait.due = trio.current_time() + self._pause(wait.attempt)
        if torrent.fault != fault:
            log.warning("storage_failed", torrent_id=torrent.id, kind=fault.kind.value, path=fault.path)
        torrent.fault = fault
        torrent.rate = 0.0
        self._refresh(torrent)
        self._show()
        self._news.set()

    def release(self, torrent: Torrent) -> None:
        """Stop waiting for a torrent that went on, left, or has another fault."""
        wait = self._waiting.pop(torrent.id, None)
        if wait is not None:
            self._recovered[torrent.id] = (wait.attempt, trio.current_time())
            self._show()

    async def run(self) -> None:
        """Look after waiting torrents until cancelled."""
        while True:
            await self._until_due()
            now = trio.current_time()
            self._forget_recoveries(now)
            due: dict[str, list[Torrent]] = {}
            for torrent_id in [key for key, wait in self._waiting.items() if wait.due <= now and not wait.is_tried]:
                torrent = self._core.catalogue.get(torrent_id)
                if torrent is None or self._wait_of(torrent) is None:
                    self._drop(torrent_id)
                else:
                    due.setdefault(_awaited(torrent), []).append(torrent)
            for directory, torrents in due.items():
                await self._look_after(directory, torrents)

    async def try_now(self, torrent: Torrent) -> None:
        """Look at a torrent's storage at once and let it go on when that is well; the caller has its turn.

        Afterwards its fault tells how it went.
        """
        if torrent.fault is None or not torrent.fault.is_storage:
            return
        look = await self._core.disk.look(_awaited(torrent))
        if look.is_usable:
            await self._go_on(torrent)
        else:
            self._still_bad(torrent, look)

    async def missing(self, torrent: Torrent) -> str | None:
        """Return the first file of which the engine claims verified bytes and that is not there; None when all are.

        Raises:
            SessionRefusal: the engine or the disk does not answer.
        """
        claimed = await self._core.gate.call(self._core.engine.file_progress(torrent.id))

        def wanted() -> list[tuple[str, int]]:
            return [
                (torrent.path_of(file), 1)
                for file, done in zip(torrent.files, claimed, strict=False)
                if done and not file.pad and file.size
            ]

        return await self._core.disk.first_missing(wanted, at=torrent.options.download_dir)

    async def _until_due(self) -> None:
        news = self._news
        due = min((wait.due for wait in self._waiting.values() if not wait.is_tried), default=None)
        if due is None:
            await news.wait()
        else:
            with trio.move_on_at(due):
                await news.wait()
        self._news = trio.Event()

    async def _look_after(self, directory: str, torrents: list[Torrent]) -> None:
        look = await self._core.disk.look(directory)
        if not look.is_usable:
            for torrent in torrents:
                if self._wait_of(torrent) is not None:
                    self._still_bad(torrent, look)
                await trio.lowlevel.checkpoint()
            return
        free = look.free
        for torrent in torrents:
            is_back = await self._is_file_back(torrent, directory)
            if (wait := self._wait_of(torrent)) is None:
                continue
            need = _need(torrent)
            if not is_back or (need and need > free):
                self._postpone(torrent)
                continue
            free -= need
            wait.is_tried = True
            self._core.jobs.submit(partial(self._try, torrent))

    async def _is_file_back(self, torrent: Torrent, directory: str) -> bool:
        """Tell whether the file that a torrent missed is there; one that misses none is not in the way."""
        fault = torrent.fault
        if fault is None or fault.kind is not FaultKind.FILES:
            return True
        try:
            return await self._core.disk.first_missing(lambda: [(fault.path, 0)], at=directory) is None
        except SessionRefusal:
            return False

    def _wait_of(self, torrent: Torrent) -> Wait | None:
        """Return what a torrent waits by, None when it went on, left, or has another fault."""
        is_here = self._core.catalogue.get(torrent.id) is torrent
        is_bad = torrent.fault is not None and torrent.fault.is_storage
        return self._waiting.get(torrent.id) if is_here and is_bad else None

    def _drop(self, torrent_id: TorrentId) -> None:
        """Stop waiting for a torrent whose storage is no longer what keeps it."""
        if self._waiting.pop(torrent_id, None) is not None:
            self._show()

    async def _try(self, torrent: Torrent) -> None:
        async with self._core.turns.hold(torrent.id):
            wait = self._wait_of(torrent)
            if wait is None:
                self._drop(torrent.id)
                return
            try:
                await self._go_on(torrent)
            except SessionRefusal as error:
                log.info("storage_retry_failed", torrent_id=torrent.id, reason=str(error))
                self._postpone(torrent)
            finally:
                wait.is_tried = False

    async def _go_on(self, torrent: Torrent) -> None:
        if not torrent.present:
            await self._readmit(torrent)
        else:
            await self._resume(torrent)
        if torrent.fault is None or not torrent.fault.is_storage:
            log.info("storage_recovered", torrent_id=torrent.id)
            self.release(torrent)
            self._refresh(torrent)
        elif torrent.id in self._waiting:
            self._postpone(torrent)

    async def _resume(self, torrent: Torrent) -> None:
        core, options = self._core, torrent.options
        wait = self._waiting.get(torrent.id)
        is_suspect = wait is not None and wait.is_suspect and torrent.view.descriptor.completed_at is None
        if torrent.is_doubtful and not is_suspect:
            await self._admit_anew(torrent)
            return
        if (path := await self.missing(torrent)) is not None:
            torrent.fault = missing_files(path)
            self._refresh(torrent)
            return
        await core.gate.call(core.engine.resume(torrent.id, auto_managed=options.auto_managed and not options.paused))
        if is_suspect:
            await core.gate.call(core.engine.recheck(torrent.id))
            torrent.is_doubtful = False
        if options.paused:
            await core.gate.call(core.engine.pause(torrent.id))
        if torrent.status is not None:
            state = EngineState.CHECKING if is_suspect else torrent.status.state
            torrent.status = msgspec.structs.replace(torrent.status, error=None, state=state)
        torrent.fault = None
        core.engine.request_statuses(everything=False)

    async def _admit_anew(self, torrent: Torrent) -> None:
        """Take a torrent out of the engine and back in by its record, and hash what the record does not claim."""
        await self._core.gate.call(self._core.engine.remove(torrent.id, delete_data=False))
        torrent.present = False
        torrent.status = None
        await self._readmit(torrent)

    def _still_bad(self, torrent: Torrent, look: Look) -> None:
        source, target = torrent.options.download_dir, _awaited(torrent)
        if target == source:
            torrent.fault = unusable_directory(source, look.number, look.reason)
        else:
            torrent.fault = unfinished_move(source, target, target, look.number, look.reason)
        self._postpone(torrent)
        self._refresh(torrent)

    def _postpone(self, torrent: Torrent) -> None:
        wait = self._waiting.setdefault(torrent.id, Wait(0.0, 0))
        wait.attempt += 1
        wait.is_tried = False
        wait.due = trio.current_time() + self._pause(wait.attempt)
        self._show()
        self._news.set()

    def _pause(self, attempt: int) -> float:
        return doubling(attempt, self._core.timing.retry, self._core.timing.retry_max)

    def _forget_recoveries(self, now: float) -> None:
        for torrent_id in [key for key, (_, at) in self._recovered.items() if now - at > RELAPSE]:
            del self._recovered[torrent_id]

    def _show(self) -> None:
        message = ""
        if self._waiting:
            first = self._core.catalogue.get(next(iter(self._waiting)))
            message = first.fault.message if first is not None and first.fault is not None else ""
        self._report.show(len(self._waiting), message)


def _awaited(torrent: Torrent) -> str:
    """Return the directory that a torrent waits for."""
    is_moving = torrent.fault is not None and torrent.fault.kind is FaultKind.MOVE
    return torrent.moving_to or torrent.options.download_dir if is_moving else torrent.options.download_dir


def _need(torrent: Torrent) -> int:
    """Return the free bytes to wait for after its disk was full; other troubles need none."""
    if torrent.fault is None or torrent.fault.kind is not FaultKind.DISK_FULL or torrent.status is None:
        return 0
    return max(1, min(torrent.status.wanted - torrent.status.wanted_done, ROOM))
