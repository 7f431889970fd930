"""Ends seeding when a goal is reached, and removes what a clean-up says shall go.

Guesses say when to ask; only fresh facts decide. Before anything is done the configuration is read again, so that a
policy that was just taken back does no harm.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import structlog
import trio

from actors import ActorError
from revaer.throttle.agenda import Agenda
from revaer.throttle.bell import Bell
from revaer.throttle.book import Book, Entry
from revaer.throttle.cleanup import CleanupDecision, Verdict
from revaer.throttle.facts import UNKNOWN, SeedingFacts
from revaer.throttle.policies import Aims, Remembered, aims_of
from revaer.throttle.ports import GoalReader, Session
from revaer.throttle.problems import Problems
from revaer.throttle.settings import ThrottleSettings
from revaer.throttle.timing import Timing
from revaer.types import TorrentId

log = structlog.get_logger("revaer.throttle")

_PORTION: Final = 100
"""How many torrents one call asks about."""
_SLICE: Final = 0.0005
"""Seconds that torrents are looked at for before others get their turn."""


class Enforcer:
    """Looks at torrents when their figures change and when their time comes.

    Args:
        book: the catalogue.
        session: the session.
        settings: gives the configuration that was read last, None before the first.
        refresh: reads the configuration now; may raise ActorError.
        goal_of: finds a torrent's own goal.
        problems: where failures are noted.
        timing: intervals.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        book: Book,
        session: Session,
        settings: Callable[[], ThrottleSettings | None],
        refresh: Callable[[], Awaitable[ThrottleSettings]],
        goal_of: GoalReader,
        problems: Problems,
        timing: Timing,
        clock: Callable[[], float],
    ) -> None:
        self._book = book
        self._session = session
        self._settings = settings
        self._refresh = refresh
        self._goal_of = goal_of
        self._problems = problems
        self._timing = timing
        self._clock = clock
        self._bell = Bell()
        self._agenda = Agenda()
        self._fresh: dict[TorrentId, None] = {}
        self._held: dict[TorrentId, str] = {}
        self._resting: set[TorrentId] = set()
        self._aimless: set[TorrentId] = set()
        self._known: Remembered[Aims] = Remembered()

    def figures_changed(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Look at torrents that made progress, but for those that are resting or have nothing to reach."""
        resting, aimless = self._resting, self._aimless
        self._note(key for key in torrent_ids if key not in resting and key not in aimless)

    def look_at(self, torrent_ids: Iterable[TorrentId]) -> None:
        """Look at torrents of which more than figures changed."""
        chosen = tuple(torrent_ids)
        self._resting.difference_update(chosen)
        self._aimless.difference_update(chosen)
        self._note(chosen)

    def look_at_all(self) -> None:
        """Look at every torrent: the policies, or the whole catalogue, are others than before."""
        self._resting.clear()
        self._aimless.clear()
        self._note(self._book)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._bell.wait(within=max(0.0, self._agenda.next() - self._clock()))
            settings = self._settings()
            if settings is not None:
                await self._round(settings)
            await trio.sleep(self._timing.look)

    def _note(self, torrent_ids: Iterable[TorrentId]) -> None:
        self._fresh.update(dict.fromkeys(torrent_ids))
        if self._fresh:
            self._bell.ring()

    async def _round(self, settings: ThrottleSettings) -> None:
        """Look at what changed and what is due, and settle what a guess says is ripe."""
        due = self._agenda.take(self._clock())
        self._resting.difference_update(due)
        chosen, self._fresh = tuple({**self._fresh, **dict.fromkeys(due)}), {}
        ripe: list[TorrentId] = []
        until = time.perf_counter() + _SLICE
        for torrent_id in chosen:
            if self._is_ripe(torrent_id, settings):
                ripe.append(torrent_id)
            if time.perf_counter() > until:
                await trio.lowlevel.checkpoint()
                until = time.perf_counter() + _SLICE
        for start in range(0, len(ripe), _PORTION):
            await self._settle(ripe[start : start + _PORTION])

    def _is_ripe(self, torrent_id: TorrentId, settings: ThrottleSettings) -> bool:
        """Guess whether something is to be done; otherwise say when to look again."""
        entry = self._book.get(torrent_id)
        if entry is None:
            self._leave(torrent_id)
            return False
        aims = self._aims(entry, settings)
        if aims.is_idle:
            self._aimless.add(torrent_id)
            self._held.pop(torrent_id, None)
            self._agenda.drop(torrent_id)
            return False
        facts = entry.estimate(self._clock())
        if aims.goal(facts).stop or aims.cleanup(facts).verdict is not Verdict.KEEP:
            return True
        self._held.pop(torrent_id, None)
        self._look_later(torrent_id, aims.seconds_left(facts))
        return False

    async def _settle(self, ripe: Sequence[TorrentId]) -> None:
        """Decide with fresh facts and do it. What fails is tried again later."""
        try:
            await self._refresh()
            facts = await self._session.seeding_facts(ripe)
        except ActorError as error:
            self._problems.add("goals", f"seeding goals wait: {error}")
            for torrent_id in ripe:
                self._rest(torrent_id, self._timing.again)
            return
        self._problems.clear("goals")
        for torrent_id in ripe:
            # The newest each time: what was done for the others may have taken long.
            settings = self._settings()
            entry, known = self._book.get(torrent_id), facts.get(torrent_id)
            if settings is None or entry is None or known is None:
                self._leave(torrent_id)
                continue
            try:
                await self._do(torrent_id, known, self._aims(entry, settings))
            except ActorError as error:
                log.warning("enforcement_failed", torrent_id=torrent_id, reason=str(error))
                self._rest(torrent_id, self._timing.again)

    async def _do(self, torrent_id: TorrentId, facts: SeedingFacts, aims: Aims) -> None:
        cleanup, goal = await self._judge(torrent_id, facts, aims), aims.goal(facts)
        if cleanup.verdict in (Verdict.REMOVE, Verdict.REMOVE_DATA):
            delete_data = cleanup.verdict is Verdict.REMOVE_DATA
            await self._session.remove(torrent_id, delete_data=delete_data, reason=cleanup.explain)
            log.info(
                "torrent_cleaned_up",
                torrent_id=torrent_id,
                delete_data=delete_data,
                rule=cleanup.rule,
                reason=cleanup.explain,
            )
            return
        if goal.stop:
            await self._session.stop(torrent_id, goal.explain)
            log.info("seeding_goal_reached", torrent_id=torrent_id, rule=goal.rule, reason=goal.explain)
        if cleanup.verdict is Verdict.HOLD:
            self._hold(torrent_id, cleanup)
        elif goal.stop:
            # Its state will tell when it has stopped.
            self._rest(torrent_id, self._timing.again)
        elif UNKNOWN in (facts.complete, facts.seconds):
            # Nothing may ever be heard of an idle torrent, so it is asked about again.
            self._rest(torrent_id, self._timing.again)
        else:
            left = aims.seconds_left(facts)
            self._look_later(torrent_id, None if left is None else max(left, self._timing.look))

    async def _judge(self, torrent_id: TorrentId, facts: SeedingFacts, aims: Aims) -> CleanupDecision:
        """Decide about a clean-up, with a look at the payload only when that matters."""
        decision = aims.cleanup(facts)
        if decision.verdict is not Verdict.HOLD:
            return decision
        return aims.cleanup(facts, await self._session.payload_facts(torrent_id))

    def _aims(self, entry: Entry, settings: ThrottleSettings) -> Aims:
        descriptor = entry.view.descriptor
        goal = self._goal_of(descriptor)
        key = descriptor.category, descriptor.tags, goal
        return self._known.of(key, settings, lambda: aims_of(descriptor, goal, settings))

    def _hold(self, torrent_id: TorrentId, decision: CleanupDecision) -> None:
        if self._held.get(torrent_id) != decision.rule:
            self._held[torrent_id] = decision.rule
            log.warning("clean_up_held", torrent_id=torrent_id, rule=decision.rule, reason=decision.explain)
        self._rest(torrent_id, self._timing.hold)

    def _rest(self, torrent_id: TorrentId, seconds: float) -> None:
        """Look at a torrent again after a while, whatever its figures do meanwhile."""
        at = self._clock() + seconds
        self._resting.add(torrent_id)
        self._agenda.put(torrent_id, at)

    def _look_later(self, torrent_id: TorrentId, seconds: float | None) -> None:
        if seconds is None:
            self._agenda.drop(torrent_id)
        else:
            self._agenda.put(torrent_id, self._clock() + seconds)

    def _leave(self, torrent_id: TorrentId) -> None:
        self._agenda.drop(torrent_id)
        self._held.pop(torrent_id, None)
        self._resting.discard(torrent_id)
        self._aimless.discard(torrent_id)
