"""What waits to be committed, and which of it goes into one transaction.

Work on one torrent keeps its order: a batch holds one kind of work per torrent, so that "update, then forget" takes
two. Several updates of one torrent become one; their askers are answered together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import structlog
import trio

from revaer.resume.documents import encode_options
from revaer.resume.messages import ForgetIntent, Intent, PersistIntent, ResumeRefusal, UpdateIntent
from revaer.types import TorrentId

log = structlog.get_logger(__name__)

MAX_WORK: Final = 256
"""How many torrents one transaction may concern."""

MAX_BYTES: Final = 8 * 1024 * 1024
"""How much metainfo, in bytes, one transaction may bring before no more is added to it."""

Change: TypeAlias = PersistIntent | UpdateIntent | ForgetIntent


class Pending:
    """One request on its way into the database.

    Args:
        request: The request.

    Attributes:
        options: The options document to store; empty when there is nothing to store.

    Raises:
        UnwritableIntent: The intent cannot be written down.
    """

    def __init__(self, request: Change) -> None:
        self.request = request
        self.options = "" if isinstance(request, ForgetIntent) else encode_options(request.intent).decode()
        self._done = trio.Event()
        self._refusal: ResumeRefusal | None = None

    @property
    def torrent_id(self) -> TorrentId:
        """The torrent that it concerns."""
        return self.request.torrent_id if isinstance(self.request, ForgetIntent) else self.request.intent.torrent_id

    def settle(self, refusal: ResumeRefusal | None = None) -> None:
        """Answer it: done, or refused. The first answer holds."""
        if self._done.is_set():
            return
        if refusal is not None:
            log.info(
                "intent_change_refused",
                change=type(self.request).__name__,
                torrent_id=self.torrent_id,
                request_id=self.request.request_id,
                reason=str(refusal),
            )
        self._refusal = refusal
        self._done.set()

    @property
    def refusal(self) -> ResumeRefusal | None:
        """What it was refused with, None when it was done or is not answered."""
        return self._refusal

    async def wait(self) -> None:
        """Wait for the answer. Raises what it was refused with."""
        refusal = await self.outcome()
        if refusal is not None:
            raise refusal

    async def outcome(self) -> ResumeRefusal | None:
        """Wait for the answer and return what it was refused with."""
        if not self._done.is_set():
            await self._done.wait()
        # Each asker gets its own: a shared exception would collect the tracebacks of all.
        return None if self._refusal is None else copy(self._refusal)


class Group:
    """Requests that are answered together.

    Args:
        members: those on their way, and why others were not taken in.
    """

    def __init__(self, members: Sequence[Pending | ResumeRefusal]) -> None:
        self._members = members

    async def wait(self) -> tuple[ResumeRefusal | None, ...]:
        """Wait for every answer; return what each was refused with, None for what was done."""
        return tuple([await each.outcome() if isinstance(each, Pending) else each for each in self._members])


@dataclass(slots=True)
class Work:
    """What is to be done for one torrent, and who waits for it."""

    torrent_id: TorrentId
    kind: type[Change]
    intent: Intent | None
    options: str
    pending: list[Pending]

    @classmethod
    def of(cls, pending: Pending) -> Work:
        """Begin with one request."""
        request = pending.request
        intent = None if isinstance(request, ForgetIntent) else request.intent
        return cls(pending.torrent_id, type(request), intent, pending.options, [pending])

    def join(self, pending: Pending) -> bool:
        """Take another request for the same torrent in, when both can be done as one."""
        request = pending.request
        if type(request) is not self.kind or isinstance(request, PersistIntent):
            return False
        if isinstance(request, UpdateIntent):
            self.intent = request.intent if self.intent is None else _newest(self.intent, request.intent)
            self.options = pending.options
        self.pending.append(pending)
        return True

    def settle(self, refusal: ResumeRefusal | None = None) -> None:
        """Answer everybody who waits."""
        for each in self.pending:
            each.settle(refusal)


def take(queue: deque[Pending]) -> list[Work]:
    """Take the next batch from the front of a queue."""
    batch: dict[TorrentId, Work] = {}
    size = 0
    while queue and len(batch) < MAX_WORK and size < MAX_BYTES:
        pending = queue[0]
        present = batch.get(pending.torrent_id)
        if present is None:
            work = batch[pending.torrent_id] = Work.of(pending)
            size += len(work.intent.metainfo or b"") if work.intent is not None else 0
        elif not present.join(pending):
            break
        queue.popleft()
    return list(batch.values())


def _newest(older: Intent, newer: Intent) -> Intent:
    """Let an update follow another: a source that the newer one leaves out stays."""
    return replace(newer, magnet=newer.magnet or older.magnet, metainfo=newer.metainfo or older.metainfo)
