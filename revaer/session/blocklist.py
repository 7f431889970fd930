"""Keeps the blocklist that the settings name: fetched when it is due, on disk over restarts, in force at once.

A list that was good stays in force until another good one is here, whatever happens meanwhile; only when the settings
name none, it goes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import structlog
import trio

from actors import Reporter
from revaer.pauses import doubling
from revaer.session.address_ranges import AddressRanges
from revaer.session.blocklist_fetch import Fetched, Fetcher, FetchFailed, HttpFetcher
from revaer.session.blocklist_file import BlocklistFile, KeptList
from revaer.session.blocklist_format import BlocklistUnusable, read_list
from revaer.session.disk_calls import Lane
from revaer.session.messages import SessionRefusal
from revaer.session.port import EngineSettings
from revaer.session.timing import Timing

log = structlog.get_logger(__name__)


_NAME: Final = "blocklist"


@dataclass(frozen=True, slots=True)
class Supply:
    """Where a list comes from.

    Attributes:
        fetcher: fetches it.
        file: where it is kept.
        kept: what was found there at the start, which is in force already.
        lane: where it is read and written.
    """

    fetcher: Fetcher
    file: BlocklistFile
    lane: Lane
    kept: KeptList | None = None

    @property
    def ranges(self) -> AddressRanges | None:
        """What is in force at the start."""
        return None if self.kept is None else self.kept.ranges


async def open_supply(
    fetcher: Fetcher | None, settings: EngineSettings, *, state_dir: Path, lane: Lane, timing: Timing
) -> Supply:
    """Look what is kept, so that an engine never runs without it; without a list to keep, what is left of one goes.

    Args:
        fetcher: fetches lists; None for HTTP.
        settings: name the list.
        state_dir: where it is kept.
        lane: where it is read and written.
        timing: how long fetching may take.
    """
    if fetcher is None:
        fetcher = HttpFetcher(lane, within=timing.blocklist_fetch, silence=timing.blocklist_silence)
    file = BlocklistFile(state_dir / _NAME)
    if settings.blocklist_url:
        return Supply(fetcher, file, lane, await lane.run(file.load))
    with suppress(OSError):
        await lane.run(file.remove)
    return Supply(fetcher, file, lane)


class Tuned(Protocol):
    """Whose engine blocks what a list says."""

    async def block(self, ranges: AddressRanges | None) -> None:
        """Block these ranges beside those of the settings. Raises SessionRefusal."""

    def standing(self) -> tuple[int, EngineSettings]:
        """Return what holds now, offline when there may be no traffic, and the number of its version."""

    async def other_than(self, version: int) -> None:
        """Wait until another version holds."""


class BlocklistKeeper:
    """Fetches the list again and again.

    Args:
        tuning: whose settings name the list, and who puts it into force.
        supply: where it comes from.
        report: where trouble is told.
        timing: pauses after failures.
        clock: monotonic seconds.
        wall: Unix seconds.
    """

    def __init__(
        self,
        tuning: Tuned,
        supply: Supply,
        *,
        report: Reporter,
        timing: Timing,
        clock: Callable[[], float] = trio.current_time,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._tuning = tuning
        self._fetcher = supply.fetcher
        self._file = supply.file
        self._kept = self._saved = supply.kept
        self._lane = supply.lane
        self._report = report
        self._timing = timing
        self._clock = clock
        self._wall = wall
        self._blocked = supply.ranges
        self._failed_url = ""
        self._failures = 0
        self._retry_at = -math.inf

    async def run(self) -> None:
        """Keep it until cancelled."""
        while True:
            version, settings = self._tuning.standing()
            pause = await self._look(settings)
            with trio.move_on_after(pause):
                await self._tuning.other_than(version)

    async def _look(self, settings: EngineSettings) -> float:
        """Do what is due, and return the seconds until more is."""
        url = settings.blocklist_url
        if url != self._failed_url:
            self._failed_url, self._failures, self._retry_at = "", 0, -math.inf
        waiting = max(self._until_due(settings), self._retry_at - self._clock())
        if waiting > 0.0:
            if not self._failures:
                self._report.up()
            return waiting
        if url and settings.offline:
            return math.inf
        try:
            await (self._keep(settings) if url else self._drop())
        except (FetchFailed, BlocklistUnusable, SessionRefusal, OSError) as error:
            self._fail(url, error)
            return self._retry_at - self._clock()
        self._failed_url, self._failures, self._retry_at = "", 0, -math.inf
        self._report.up()
        return max(0.0, self._until_due(settings))

    def _until_due(self, settings: EngineSettings) -> float:
        """Return the seconds until there is something to do."""
        kept, held = self._kept, self._blocked
        if not settings.blocklist_url:
            return math.inf if kept is None and held is None and not self._failures else 0.0
        if kept is None or held is not kept.ranges or self._saved is not kept:
            return 0.0
        return self._freshness(kept, settings)

    def _freshness(self, kept: KeptList, settings: EngineSettings) -> float:
        """Return for how many seconds a list need not be fetched again."""
        if kept.url != settings.blocklist_url:
            return 0.0
        # Never longer than the interval, wherever the clock was when it was fetched.
        return min(settings.blocklist_refresh, kept.fetched_at + settings.blocklist_refresh - self._wall())

    async def _keep(self, settings: EngineSettings) -> None:
        """Fetch the list when it is due, put it into force, and keep it; what is done already is left out.

        Raises:
            FetchFailed: it could not be fetched.
            BlocklistUnusable: what came is none.
            SessionRefusal: the engine does not take it now.
            OSError: it cannot be kept; it is in force all the same.
        """
        kept = self._kept
        if kept is None or self._freshness(kept, settings) <= 0.0:
            known = kept if kept is not None and kept.url == settings.blocklist_url else None
            etag, modified = ("", "") if known is None else (known.etag, known.modified)
            found = await self._fetcher.fetch(settings, etag=etag, modified=modified)
            self._kept = kept = await self._take(settings.blocklist_url, found, known)
        if self._blocked is not kept.ranges:
            await self._tuning.block(kept.ranges)
            self._blocked = kept.ranges
        await self._lane.run(self._file.save, kept)
        self._saved = kept

    async def _take(self, url: str, found: Fetched | None, known: KeptList | None) -> KeptList:
        if found is None and known is not None:
            return KeptList(url, self._wall(), known.etag, known.modified, known.ranges)
        read = await self._lane.run(read_list, b"" if found is None else found.body)
        log.info("blocklist_fetched", ranges=len(read.ranges), unreadable_lines=read.unreadable)
        etag, modified = ("", "") if found is None else (found.etag, found.modified)
        return KeptList(url, self._wall(), etag, modified, read.ranges)

    async def _drop(self) -> None:
        """Take the list out of force, and forget it. Raises: SessionRefusal, OSError."""
        if self._blocked is not None:
            await self._tuning.block(None)
            self._blocked = None
        self._kept = self._saved = None
        await self._lane.run(self._file.remove)
        log.info("blocklist_dropped")

    def _fail(self, url: str, error: Exception) -> None:
        self._failed_url, self._failures = url, self._failures + 1
        pause = doubling(self._failures, self._timing.blocklist_retry, self._timing.blocklist_retry_max)
        self._retry_at = self._clock() + pause
        why = f"{type(error).__name__}" if isinstance(error, OSError) and not error.strerror else str(error)
        standing = (
            "none is in force" if self._blocked is None else f"the one before, {len(self._blocked)} ranges, holds"
        )
        log.warning("blocklist_failed", reason=why, failures=self._failures)
        self._report.degraded(f"the blocklist is not up to date: {why}; {standing}")
