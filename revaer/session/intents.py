"""What is stored of each torrent, kept true to what is in memory.

A request that changes an intent is durable before it takes effect. Facts that do not wait for a request (a completion,
arrived metadata) and requests with an unknown outcome become debts: they are written until the store has them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
import trio

from actors import Reporter
from revaer.pauses import doubling
from revaer.resume.messages import Intent, IntentConflict, ResumeRefusal, StoreUnavailable
from revaer.session.catalogue import Catalogue
from revaer.session.messages import ActionRefused, SessionRefusal, SessionUnavailable
from revaer.session.serial import Turns
from revaer.session.store import Store, Uncertain
from revaer.session.timing import Timing
from revaer.session.torrent import Torrent
from revaer.types import TorrentId, TorrentOptions

log = structlog.get_logger(__name__)

BATCH = 64
"""How many debts are paid at the same time: the store commits them together."""


@dataclass(frozen=True, slots=True, eq=False)
class _Debt:
    """An intent that is to be written, with metainfo when that is not stored yet. What is owed while it is written is
    another debt."""

    metainfo: bytes | None


NOT_COMPARED = "the database was away at the start, and what it has of this torrent is not known yet"


class Intents:
    """Writes intents, and owes what could not be written yet.

    Args:
        store: where they are kept.
        catalogue: what is true.
        turns: order of operations per torrent.
        health: where debts that cannot be paid are reported.
        timing: pauses between attempts.
    """

    def __init__(self, store: Store, catalogue: Catalogue, turns: Turns, health: Reporter, timing: Timing) -> None:
        self._store = store
        self._catalogue = catalogue
        self._turns = turns
        self._health = health
        self._timing = timing
        self._rewrites: dict[TorrentId, _Debt] = {}
        self._forgets: dict[TorrentId, None] = {}
        self._owing = trio.Event()

    @property
    def owed(self) -> int:
        """How many intents are not stored as they are."""
        return len(self._rewrites) + len(self._forgets)

    # For requests: durable, or refused and unchanged.

    async def persist(self, intent: Intent) -> None:
        """Store a new intent.

        Raises:
            SessionUnavailable: it is not stored, or will be forgotten again when it is.
            ActionRefused: another intent holds one of its hashes.
        """
        if self._forgets:
            await self._settle_forgets(intent)
        try:
            await self._store.persist(intent)
        except ResumeRefusal as error:
            raise self._refusal(error) from error
        except SessionUnavailable:
            self.owe_forget(intent.torrent_id)
            raise

    async def persist_each(self, intents: Sequence[Intent]) -> list[SessionRefusal | None]:
        """Store many new intents; return why each is not stored, or will be forgotten again, None for what is."""
        try:
            for intent in intents if self._forgets else ():
                await self._settle_forgets(intent)
        except SessionUnavailable as error:
            return [error] * len(intents)
        try:
            refusals = await self._store.persist_each(intents)
        except SessionUnavailable as error:
            for intent in intents:
                self.owe_forget(intent.torrent_id)
            return [error] * len(intents)
        told: list[SessionRefusal | None] = []
        for intent, refusal in zip(intents, refusals, strict=True):
            if isinstance(refusal, StoreUnavailable):
                self.owe_forget(intent.torrent_id)
            told.append(None if refusal is None else self._refusal(refusal))
        return told

    def _refusal(self, error: ResumeRefusal) -> SessionRefusal:
        """Say why an intent is not stored."""
        if isinstance(error, StoreUnavailable):
            return SessionUnavailable(error.reason, retry_after=error.retry_after)
        if isinstance(error, IntentConflict) and self._catalogue.is_loading:
            return SessionUnavailable("the torrents of the last run are still being reconciled")
        return ActionRefused(str(error))

    async def update(self, torrent: Torrent, **changes: Any) -> None:
        """Store the intent of a torrent with `changes` to its fields; the caller has its turn.

        Raises:
            SessionUnavailable: it could not be stored; the old one stays, or is put back.
        """
        if torrent.from_copy:
            raise SessionUnavailable(NOT_COMPARED)
        debt = self._rewrites.get(torrent.id)
        try:
            await self._store.update(self._changed(torrent, changes))
        except Uncertain:
            self.owe(torrent.id)
            raise
        except ResumeRefusal as error:
            raise ActionRefused(str(error)) from error
        self._paid(torrent.id, debt)

    async def update_each(self, wishes: Mapping[Torrent, TorrentOptions]) -> dict[Torrent, SessionRefusal]:
        """Store the intents of many torrents with other options, each as if by `update`; return why some are not."""
        told: dict[Torrent, SessionRefusal] = {
            torrent: SessionUnavailable(NOT_COMPARED) for torrent in wishes if torrent.from_copy
        }
        known = [torrent for torrent in wishes if torrent not in told]
        debts = {torrent: self._rewrites.get(torrent.id) for torrent in known}
        intents = [self._changed(torrent, {"options": wishes[torrent]}) for torrent in known]
        try:
            refusals = await self._store.update_each(intents) if intents else ()
        except SessionUnavailable as error:
            if isinstance(error, Uncertain):
                for torrent in known:
                    self.owe(torrent.id)
            return told | dict.fromkeys(known, error)
        for torrent, refusal in zip(known, refusals, strict=True):
            if refusal is None:
                self._paid(torrent.id, debts[torrent])
            elif isinstance(refusal, StoreUnavailable):
                told[torrent] = SessionUnavailable(refusal.reason, retry_after=refusal.retry_after)
            else:
                told[torrent] = ActionRefused(str(refusal))
        return told

    def _changed(self, torrent: Torrent, changes: Mapping[str, Any]) -> Intent:
        """Return the intent of a torrent with changes, and with metainfo that is not stored yet."""
        intent = torrent.intent(**changes)
        debt = self._rewrites.get(torrent.id)
        if debt is not None and debt.metainfo is not None and intent.metainfo is None:
            return torrent.intent(**changes, metainfo=debt.metainfo)
        return intent

    async def forget(self, torrent_id: TorrentId) -> None:
        """Delete an intent, now or as soon as the store can."""
        self._rewrites.pop(torrent_id, None)
        try:
            await self._store.forget(torrent_id)
        except SessionUnavailable:
            self.owe_forget(torrent_id)

    # Debts.

    def owe(self, torrent_id: TorrentId, *, metainfo: bytes | None = None) -> None:
        """Have the intent written from memory soon, with `metainfo` when it is new."""
        before = self._rewrites.get(torrent_id)
        self._rewrites[torrent_id] = _Debt(metainfo or (None if before is None else before.metainfo))
        self._owing.set()

    def owe_forget(self, torrent_id: TorrentId) -> None:
        """Have an intent deleted soon, whether it was stored or not."""
        self._forgets[torrent_id] = None
        self._owing.set()

    def _paid(self, torrent_id: TorrentId, debt: _Debt | None) -> None:
        """Note that an intent is stored as it was made when `debt` was owed; what is owed since stays."""
        if debt is not None and self._rewrites.get(torrent_id) is debt:
            del self._rewrites[torrent_id]

    async def run(self) -> None:
        """Pay debts until cancelled; those of torrents that have something else going on a little later."""
        failures = 0
        while True:
            if not self.owed:
                await self._owing.wait()
            self._owing = trio.Event()
            if await self._pay(self._rewrite_free):
                failures = 0
                self._health.up()
                if self.owed:
                    with trio.move_on_after(self._timing.tick):
                        await self._owing.wait()
                continue
            failures += 1
            self._health.degraded("some changes are not stored yet: the resume store is away, or fails at them")
            await trio.sleep(doubling(failures, self._timing.retry, self._timing.retry_max))

    async def pay(self) -> bool:
        """Try to write everything owed, at last what has to wait for its turn; tell whether the store took it all."""
        return await self._pay(self._rewrite_free) and await self._pay(self._rewrite)

    async def _pay(self, rewrite: Callable[[TorrentId], Awaitable[bool]]) -> bool:
        """Try to write everything owed; tell whether the store took all that was tried."""
        work = [partial(self._pay_forget, key) for key in self._forgets] + [
            partial(rewrite, key) for key in self._rewrites
        ]
        for start in range(0, len(work), BATCH):
            if not await _all(work[start : start + BATCH]):
                return False
        return True

    async def _pay_forget(self, torrent_id: TorrentId) -> bool:
        if torrent_id not in self._forgets:
            return True
        try:
            await self._store.forget(torrent_id)
        except SessionUnavailable:
            return False
        self._forgets.pop(torrent_id, None)
        return True

    async def _rewrite_free(self, torrent_id: TorrentId) -> bool:
        """Write an intent unless its torrent has something else going on."""
        with self._turns.hold_free([torrent_id]) as free:
            return not free or await self._write(torrent_id)

    async def _rewrite(self, torrent_id: TorrentId) -> bool:
        async with self._turns.hold(torrent_id):
            return await self._write(torrent_id)

    async def _write(self, torrent_id: TorrentId) -> bool:
        """Write an intent from memory; tell whether the store answered."""
        torrent, debt = self._catalogue.get(torrent_id), self._rewrites.get(torrent_id)
        if torrent is None or debt is None:
            self._rewrites.pop(torrent_id, None)
            return True
        if torrent.from_copy:
            return False
        try:
            await self._store.update(torrent.intent(metainfo=debt.metainfo))
        except SessionUnavailable:
            return False
        except ResumeRefusal as error:
            log.warning("intent_refused", torrent_id=torrent_id, reason=str(error))
        self._paid(torrent_id, debt)
        return True

    async def _settle_forgets(self, intent: Intent) -> None:
        """Forget what an earlier attempt may have left, so that it cannot stand in the way of this one."""
        if not await _all([partial(self._pay_forget, key) for key in list(self._forgets)[:BATCH]]):
            raise SessionUnavailable("an earlier removal is not finished yet: the resume store is away, or fails at it")
        self._forgets.pop(intent.torrent_id, None)


async def _all(work: Sequence[Callable[[], Awaitable[bool]]]) -> bool:
    outcomes: list[bool] = []

    async def note(job: Callable[[], Awaitable[bool]]) -> None:
        outcomes.append(await job())

    async with trio.open_nursery() as nursery:
        for job in work:
            nursery.start_soon(note, job)
    return all(outcomes)
