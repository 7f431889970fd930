"""Keeps torrents at the caps of their labels, where nothing was asked for the torrent itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import trio

from actors import ActorError
from revaer.throttle.bell import Bell
from revaer.throttle.book import Book
from revaer.throttle.messages import LimitsUnavailable
from revaer.throttle.policies import Remembered, label_limits, limits_of
from revaer.throttle.ports import Session
from revaer.throttle.problems import Problems
from revaer.throttle.resolution import Rates
from revaer.throttle.settings import ThrottleSettings
from revaer.throttle.timing import Timing
from revaer.types import TorrentId

NO_RATES: Final = Rates()
"""What the session holds a torrent to that was never named to it."""

UNSURE: Final = Rates(-1, -1)
"""Stands for what was given when nobody knows: no decision is equal to it."""

_PORTION: Final = 200
"""How many torrents one step handles, and one call names at most."""


class CapKeeper:
    """Tells the session what the labels of torrents say, each time that changes.

    Args:
        book: the catalogue.
        session: the session.
        settings: gives the configuration that was read last, None before the first.
        problems: where failures are noted.
        timing: intervals.
    """

    def __init__(
        self,
        *,
        book: Book,
        session: Session,
        settings: Callable[[], ThrottleSettings | None],
        problems: Problems,
        timing: Timing,
    ) -> None:
        self._book = book
        self._session = session
        self._settings = settings
        self._problems = problems
        self._timing = timing
        self._bell = Bell()
        self._due: dict[TorrentId, None] = {}
        self._given: dict[TorrentId, Rates] = {}
        self._is_lost = False
        self._known: Remembered[Rates] = Remembered()

    def look_at(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Look at torrents whose labels may be others than before, or who are new or gone."""
        self._due.update(dict.fromkeys(torrent_ids))
        if self._due:
            self._bell.ring()

    def forget(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Take nothing for given of torrents that came or went, and look at them."""
        chosen = tuple(torrent_ids)
        self._doubt([torrent_id for torrent_id in chosen if torrent_id in self._given])
        self.look_at(chosen)

    def look_at_all(self) -> None:
        """Look at every torrent: the policies, or the whole catalogue, are others than before."""
        self.look_at([*self._book, *self._given])

    def start_over(self) -> None:
        """Ask what the session was told before anything else is given: it, or this keeper, is another one than before.

        An earlier keeper may have told it much, and this one something before it was known to be another one.
        """
        self._is_lost = True
        self._bell.ring()

    async def run(self) -> None:
        """Work until cancelled."""
        failures = 0
        while True:
            try:
                await self._settle()
            except ActorError as error:
                failures += 1
                # Once is no news: the book may have been a moment behind.
                if failures > 1:
                    self._problems.add("torrent_limits", f"caps of labels may not hold: {error}")
                await self._bell.wait(within=self._timing.backoff(failures))
            else:
                failures = 0
                self._problems.clear("torrent_limits")
                await self._bell.wait()
                await trio.sleep(self._timing.gather)

    async def _settle(self) -> None:
        """Give what is to be given until nothing is due. Raises ActorError; what is not done is due still."""
        while True:
            if self._is_lost:
                await self._recall()
            settings = self._settings()
            if settings is None or not self._due:
                return
            portion = [key for key, _ in zip(self._due, range(_PORTION), strict=False)]
            wanted = {key: rates for key in portion if (rates := self._to_give(key, settings)) is not None}
            for key in portion:
                del self._due[key]
            if wanted:
                try:
                    await self._give(wanted, settings)
                except ActorError:
                    self._due.update(dict.fromkeys(wanted))
                    raise
            await trio.lowlevel.checkpoint()

    async def _recall(self) -> None:
        """Learn what the session was told."""
        self._is_lost = False
        try:
            given = await self._session.fallback_caps()
        except ActorError:
            self._is_lost = True
            raise
        self._given = dict(given)
        self._due.update(dict.fromkeys(given))

    def _to_give(self, torrent_id: TorrentId, settings: ThrottleSettings) -> Rates | None:
        """Return what the session must be told of a torrent, None for nothing."""
        entry = self._book.get(torrent_id)
        if entry is None:
            self._given.pop(torrent_id, None)
            return None
        descriptor = entry.view.descriptor
        key = descriptor.category, descriptor.tags
        wanted = self._known.of(key, settings, lambda: label_limits(descriptor, settings).rates)
        return None if wanted == self._given.get(torrent_id, NO_RATES) else wanted

    async def _give(self, wanted: dict[TorrentId, Rates], settings: ThrottleSettings) -> None:
        # Whether a call that fails was heard is not known.
        self._doubt(wanted)
        have = await self._session.cap_torrents(wanted)
        for torrent_id, rates in wanted.items():
            if torrent_id in self._due:
                # It came, went or changed meanwhile: what the session was told may be gone with it.
                continue
            if torrent_id in have and rates != NO_RATES:
                self._given[torrent_id] = rates
            else:
                del self._given[torrent_id]
        self._compare(have, settings)

    def _doubt(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Note that nobody knows what was given; the next decision is told, whatever it is."""
        self._given.update(dict.fromkeys(torrent_ids, UNSURE))

    def _compare(self, have: Mapping[TorrentId, Rates], settings: ThrottleSettings) -> None:
        """Insist on the engine's own word. Raises LimitsUnavailable."""
        wrong = [
            torrent_id
            for torrent_id, rates in have.items()
            if (entry := self._book.get(torrent_id)) is not None
            and limits_of(entry.view.descriptor, settings).rates != rates
        ]
        if wrong:
            self._doubt(wrong)
            raise LimitsUnavailable(f"the engine has other caps than it should for {len(wrong)} torrents: {wrong[0]}")
