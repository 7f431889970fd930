"""The way to the resume store: every request has a deadline, and its errors are said in the session's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from actors import ActorDown, ActorRef, MailboxFull, Request, RequestExpired
from revaer.resume.messages import (
    FlushRecords,
    ForgetIntent,
    Intent,
    LoadAll,
    LoadOne,
    MarkClean,
    PersistIntent,
    PersistIntents,
    Recovered,
    Recovery,
    ResumeMessage,
    ResumeRefusal,
    SaveRecord,
    StoreUnavailable,
    UpdateIntent,
    UpdateIntents,
)
from revaer.session.messages import SessionUnavailable
from revaer.session.origin import current_request
from revaer.types import TorrentId

R = TypeVar("R")


class Uncertain(SessionUnavailable):
    """The store did not say whether it did what was asked: it may have."""


class Store:
    """Asks the resume store.

    Args:
        resume: its address.
        within: seconds one request may take.
        load_within: the same for loading everything.
    """

    def __init__(self, resume: ActorRef[ResumeMessage], *, within: float, load_within: float) -> None:
        self._resume = resume
        self._within = within
        self._load_within = load_within

    async def persist(self, intent: Intent) -> None:
        """Make a new intent durable. Raises Uncertain, SessionUnavailable, IntentConflict."""
        await self._ask(PersistIntent(intent, current_request()))

    async def persist_each(self, intents: Sequence[Intent]) -> Sequence[ResumeRefusal | None]:
        """Make many new intents durable; return what each was refused with. Raises Uncertain, SessionUnavailable."""
        return await self._ask(PersistIntents(tuple(intents), current_request()))

    async def update(self, intent: Intent) -> None:
        """Replace a stored intent, its sources excepted. Raises as `persist`, and UnknownIntent."""
        await self._ask(UpdateIntent(intent, current_request()))

    async def update_each(self, intents: Sequence[Intent]) -> Sequence[ResumeRefusal | None]:
        """Replace many stored intents; return what each was refused with. Raises Uncertain, SessionUnavailable."""
        return await self._ask(UpdateIntents(tuple(intents), current_request()))

    async def forget(self, torrent_id: TorrentId) -> None:
        """Delete an intent for good. Raises Uncertain, SessionUnavailable."""
        await self._ask(ForgetIntent(torrent_id, current_request()))

    async def load_all(self) -> Recovery:
        """Load everything of this node. Raises Uncertain, SessionUnavailable."""
        return await self._ask(LoadAll(), within=self._load_within)

    async def load_one(self, torrent_id: TorrentId) -> Recovered:
        """Load one torrent. Raises Uncertain, SessionUnavailable, UnknownIntent."""
        return await self._ask(LoadOne(torrent_id))

    @property
    def generation(self) -> int:
        """The generation of the store that runs now, or that ran last."""
        return self._resume.generation

    async def save(self, torrent_id: TorrentId, record: bytes) -> bool:
        """Hand over a record to be kept; False when the store has no room or does not run now.

        What was handed over is on disk when a `flush` that was asked for after it is answered by the same generation.
        """
        try:
            await self._resume.tell(SaveRecord(torrent_id, record), patience=1.0)
        except (ActorDown, MailboxFull):
            return False
        return True

    async def flush(self, *, within: float) -> None:
        """Wait until every record handed over is on disk. Raises Uncertain, SessionUnavailable."""
        await self._ask(FlushRecords(), within=within)

    async def mark_clean(self, *, within: float) -> None:
        """Note that all is saved. Raises Uncertain, SessionUnavailable."""
        await self._ask(MarkClean(), within=within)

    async def _ask(self, request: Request[R], *, within: float | None = None) -> R:
        try:
            return await self._resume.ask(request, within=within or self._within)
        except StoreUnavailable as error:
            raise SessionUnavailable(error.reason, retry_after=error.retry_after) from error
        except MailboxFull as error:
            raise SessionUnavailable(str(error)) from error
        except (ActorDown, RequestExpired) as error:
            raise Uncertain(str(error)) from error
