"""Follows the catalogue: a snapshot, the events after it, and a new snapshot when something may have been missed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import trio

from actors import ActorError, Bus, Lagged, Stamped, Subscription
from revaer.events import (
    Event,
    FilesDiscovered,
    GuardrailTripped,
    HealthChanged,
    MetadataUpdated,
    ProgressReported,
    SettingsChanged,
    TorrentAdded,
    TorrentRemoved,
)
from revaer.throttle.book import Book
from revaer.throttle.ports import Session
from revaer.throttle.problems import Problems
from revaer.throttle.timing import Timing
from revaer.types import TorrentId

_CAPACITY: Final = 8192
_PORTION: Final = 1000
_SLICE: Final = 0.0005
"""Seconds that events are applied for before others get their turn."""


class CapReader(Protocol):
    """Who wants to know what concerns caps."""

    def forget(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Take note that torrents came or went."""

    def look_at(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Take note that labels may have changed."""

    def look_at_all(self) -> None:
        """Take note that every torrent may have changed."""


class AimReader(Protocol):
    """Who wants to know what concerns goals and clean-up."""

    def figures_changed(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Take note that figures changed."""

    def look_at(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Take note that more than figures changed, also that torrents came or went."""

    def look_at_all(self) -> None:
        """Take note that every torrent may have changed."""


class Follower:
    """Keeps the book.

    Args:
        book: what is kept.
        session: gives the snapshots.
        bus: gives the events.
        caps: reads what concerns caps.
        goals: reads what concerns goals and clean-up.
        problems: where failures are noted.
        timing: intervals.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        book: Book,
        session: Session,
        bus: Bus[Event],
        caps: CapReader,
        goals: AimReader,
        problems: Problems,
        timing: Timing,
        clock: Callable[[], float],
    ) -> None:
        self._book = book
        self._session = session
        self._bus = bus
        self._caps = caps
        self._goals = goals
        self._problems = problems
        self._timing = timing
        self._clock = clock
        self._reading = trio.CancelScope()
        self._begun = trio.Event()

    def start_over(self) -> None:
        """Take a snapshot: the session is here, or is another one than before."""
        self._begun.set()
        self._reading.cancel()

    async def run(self) -> None:
        """Follow until cancelled, from the first `start_over` on."""
        await self._begun.wait()
        while True:
            news = self._bus.subscribe("throttle", capacity=_CAPACITY, wants=_concerns)
            with news, trio.CancelScope() as scope:
                self._reading = scope
                await self._follow(news, await self._load())

    async def _load(self) -> int:
        """Fill the book and return the event that it reflects."""
        failures = 0
        while True:
            try:
                snapshot = await self._session.snapshot()
            except ActorError as error:
                failures += 1
                self._problems.add("catalogue", f"the list of torrents is not known: {error}")
                await trio.sleep(self._timing.backoff(failures))
                continue
            self._problems.clear("catalogue")
            fresh = Book()
            for start in range(0, len(snapshot.views), _PORTION):
                for view in snapshot.views[start : start + _PORTION]:
                    fresh.enter(view, self._clock())
                await trio.lowlevel.checkpoint()
            self._book.replace(fresh)
            self._caps.look_at_all()
            self._goals.look_at_all()
            return snapshot.seq

    async def _follow(self, news: Subscription[Event], seq: int) -> None:
        """Apply events until some were missed."""
        while await news.wait():
            until = self._clock() + _SLICE
            while self._clock() < until and (item := news.try_next()) is not None:
                if isinstance(item, Lagged):
                    return
                if item.seq > seq:
                    self._apply(item)
            await trio.lowlevel.checkpoint()
        # The bus has closed: nothing changes any more.
        await trio.sleep_forever()

    def _apply(self, item: Stamped[Event]) -> None:
        changed = self._book.apply(item.event, at=item.at, now=self._clock())
        match item.event:
            case ProgressReported():
                self._goals.figures_changed(changed)
                return
            case TorrentAdded() | TorrentRemoved():
                self._caps.forget(changed)
            case MetadataUpdated():
                self._caps.look_at(changed)
        self._goals.look_at(changed)


def _concerns(event: Event) -> bool:
    return not isinstance(event, HealthChanged | SettingsChanged | GuardrailTripped | FilesDiscovered)
