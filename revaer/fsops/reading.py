"""Reads single jobs: those that are asked after at the same time share a statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import trio

from revaer.database.messages import DatabaseError
from revaer.fsops.rows import StoredJob
from revaer.fsops.store import JobStore
from revaer.types import TorrentId

MAX_READ: Final = 128
"""How many jobs are read together."""


@dataclass(slots=True, eq=False)
class _Question:
    torrent_id: TorrentId
    is_answered: bool = False
    job: StoredJob | None = None


class JobReader:
    """Reads jobs as they are when, or after, it is asked.

    Args:
        store: where they are.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._turn = trio.Lock()
        self._open: dict[_Question, None] = {}

    async def job(self, torrent_id: TorrentId) -> StoredJob | None:
        """Return a job, None when there is none. Raises DatabaseError."""
        question = _Question(torrent_id)
        self._open[question] = None
        try:
            async with self._turn:
                if not question.is_answered:
                    await self._read(question)
        finally:
            self._open.pop(question, None)
        return question.job

    async def _read(self, first: _Question) -> None:
        """Answer a question, and those that came meanwhile with it; after a failure each asks for itself."""
        asked = [first, *(each for each in self._open if each is not first and not each.is_answered)][:MAX_READ]
        try:
            jobs = await self._store.jobs({each.torrent_id for each in asked})
        except DatabaseError:
            if len(asked) == 1:
                raise
            jobs = await self._store.jobs({first.torrent_id})
            asked = [first]
        for each in asked:
            each.job, each.is_answered = jobs.get(each.torrent_id), True
