"""From engine statuses to states and figures: one batch of figures per tick, in slices that leave the loop free."""

from __future__ import annotations

import time
from collections.abc import Callable

import trio

from revaer.resume.messages import Processing, ProcessingStage
from revaer.session.barrier_policy import shown_state
from revaer.session.core import Core
from revaer.session.policy import derive_state, expected_state, is_done, progress_of, smooth, stalled
from revaer.session.port import EngineState, StatusBatch, TorrentStatus
from revaer.session.torrent import Torrent
from revaer.types import Progress, StateView, TorrentId, TorrentState

SLICE = 0.0005
"""Seconds of work between two looks at the event loop."""

PORTION = 250
"""How many torrents one batch of figures holds at most: publishing it is one step, and so is what some readers do."""

_AT_REST = frozenset({TorrentState.STOPPED, TorrentState.COMPLETED})


class ProgressDesk:
    """Keeps states and figures up to date.

    Args:
        core: the shared parts.
        on_done: called with a torrent whose wanted bytes are all there for the first time.
        on_change: called with a torrent whose record is worth saving.
        on_found: called with a torrent of which a look at its files found something: without a record the next start
            would have to look again.
        on_lost_metadata: called with a torrent whose metadata the engine has and we have not.
        on_error: called with a torrent that the engine stopped, and what its status says of it.
    """

    def __init__(
        self,
        core: Core,
        *,
        on_done: Callable[[Torrent], None],
        on_change: Callable[[Torrent], None],
        on_found: Callable[[Torrent], None],
        on_lost_metadata: Callable[[Torrent], None],
        on_error: Callable[[Torrent, str], None],
    ) -> None:
        self._core = core
        self._on_done = on_done
        self._on_change = on_change
        self._on_found = on_found
        self._on_lost_metadata = on_lost_metadata
        self._on_error = on_error
        self._figures: dict[TorrentId, Progress] = {}
        # Those that were heard of the longest ago come first.
        self._moving: dict[TorrentId, None] = {}
        self._spent = 0.0
        self._asked = trio.Event()

    async def run(self) -> None:
        """Ask the engine what changed, again and again, until cancelled."""
        timing = self._core.timing
        while True:
            self._asked = trio.Event()
            self._core.engine.request_statuses()
            soonest = trio.current_time() + timing.soon
            await self._still()
            with trio.move_on_after(max(timing.tick, self._spent / timing.busy_share)):
                await self._asked.wait()
                await trio.sleep_until(soonest)

    def ask_soon(self, *, everything: bool = False) -> None:
        """Ask the engine what changed without waiting for the tick, or for every status. Those who ask for changes at
        nearly the same time share one question."""
        if everything:
            self._core.engine.request_statuses(everything=True)
        else:
            self._asked.set()

    async def take(self, batch: StatusBatch) -> None:
        """Work through a batch of statuses."""
        begin = edge = time.perf_counter()
        waited = 0.0
        for status in batch.items:
            self._absorb(status)
            if len(self._figures) >= PORTION:
                self.publish()
            if (now := time.perf_counter()) - edge > SLICE:
                await trio.lowlevel.checkpoint()
                edge = time.perf_counter()
                waited += edge - now
        self.publish()
        self._spent = time.perf_counter() - begin - waited

    def refresh(self, torrent: Torrent) -> None:
        """Show a torrent's state and figures from what is known now, after something about it changed."""
        self.note(torrent)
        self.publish()

    def note(self, torrent: Torrent) -> None:
        """Show a torrent's state as `refresh` does, and its figures with those of others: `publish` must follow."""
        self._show_state(torrent)
        self._show_figures(torrent)

    def state_of(self, torrent: Torrent) -> StateView:
        """Return a torrent's state from what is known now."""
        kind, message = self._state(torrent)
        shown = torrent.view.state
        return shown if (kind, message) == (shown.kind, shown.message) else StateView(kind, self._core.wall(), message)

    def _absorb(self, status: TorrentStatus) -> None:
        torrent = self._core.catalogue.get(status.torrent_id)
        if torrent is None or not torrent.present:
            return
        now = trio.current_time()
        before = torrent.status
        torrent.rate = smooth(torrent.rate, status.download_bps, now - torrent.heard_at, self._core.timing.smoothing)
        torrent.status = status
        torrent.heard_at = now
        self._moving.pop(torrent.id, None)
        if torrent.was_checked:
            torrent.was_checked = False
            (self._on_found if status.total_done else self._on_change)(torrent)
        elif before is None or before.total_done != status.total_done or before.uploaded != status.uploaded:
            self._on_change(torrent)
        if torrent.fault is None and status.error is None:
            self._notice(torrent, status)
        elif torrent.fault is None and status.error is not None and torrent.has_metadata:
            self._on_error(torrent, status.error)
        self.note(torrent)

    def _notice(self, torrent: Torrent, status: TorrentStatus) -> None:
        announced = torrent.view.descriptor.completed_at is not None
        if not torrent.has_metadata:
            if status.state not in (EngineState.FETCHING_METADATA, EngineState.CHECKING):
                self._on_lost_metadata(torrent)
        elif is_done(status):
            if not announced and not torrent.is_finishing:
                self._on_done(torrent)
        elif announced and status.state is EngineState.DOWNLOADING and status.wanted_done < status.wanted:
            if torrent.processing is not None:
                torrent.processing = Processing(ProcessingStage.OUTDATED)
            self._core.catalogue.amend(torrent, completed_at=None)
            self._core.intents.owe(torrent.id)

    def _show_state(self, torrent: Torrent) -> None:
        state = self.state_of(torrent)
        if state is not torrent.view.state:
            self._core.catalogue.change_state(torrent, state)

    def _state(self, torrent: Torrent) -> tuple[TorrentState, str | None]:
        if torrent.fault is not None:
            return TorrentState.FAILED, torrent.fault.message
        status = torrent.status
        if status is not None and status.error is not None:
            return TorrentState.FAILED, f"the engine stopped it ({status.error}): resume it to try again"
        kind, message = shown_state(torrent, self._kind(torrent))
        return kind, torrent.pause_reason if message is None and kind in _AT_REST else message

    def _kind(self, torrent: Torrent) -> TorrentState:
        """Return what it does in the engine: until the engine's first word, what it will do."""
        status, options = torrent.status, torrent.options
        announced = torrent.view.descriptor.completed_at is not None
        if status is not None:
            return derive_state(status, paused=options.paused, announced=announced, rechecking=torrent.is_rechecking)
        return expected_state(
            paused=options.paused,
            queued=options.auto_managed,
            announced=announced,
            has_metadata=torrent.has_metadata,
        )

    def _show_figures(self, torrent: Torrent) -> None:
        if torrent.status is None:
            return
        figures = progress_of(torrent.status, torrent.view.state.kind, torrent.rate)
        if figures.download_bps or figures.upload_bps:
            self._moving[torrent.id] = None
        if figures != torrent.view.progress:
            self._figures[torrent.id] = figures
        else:
            self._figures.pop(torrent.id, None)

    async def _still(self) -> None:
        """Bring the rates of torrents without news to zero."""
        oldest = trio.current_time() - self._core.timing.stall
        for count, torrent_id in enumerate(self._unheard(oldest), 1):
            if count % PORTION == 0:
                await trio.lowlevel.checkpoint()
            torrent = self._core.catalogue.get(torrent_id)
            if torrent is not None and torrent.heard_at >= oldest:
                continue
            self._moving.pop(torrent_id, None)
            if torrent is not None and (torrent.view.progress.download_bps or torrent.view.progress.upload_bps):
                torrent.rate = 0.0
                self._figures[torrent_id] = stalled(torrent.view.progress)
            if len(self._figures) >= PORTION:
                self.publish()
                await trio.lowlevel.checkpoint()
        self.publish()

    def _unheard(self, oldest: float) -> list[TorrentId]:
        """Return those that move and were not heard of since `oldest`; the first one that was ends the search."""
        found: list[TorrentId] = []
        for torrent_id in self._moving:
            torrent = self._core.catalogue.get(torrent_id)
            if torrent is not None and torrent.heard_at >= oldest:
                break
            found.append(torrent_id)
        return found

    def publish(self) -> None:
        """Show the figures that were noted."""
        if self._figures:
            figures, self._figures = self._figures, {}
            self._core.catalogue.report(figures)
