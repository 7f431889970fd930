"""Jobs in the database. Every method is one statement, so a lost connection leaves a job as it was or as it shall be.

Every method raises DatabaseError.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from revaer.database.messages import Database, Row
from revaer.fsops import queries
from revaer.fsops.rows import Ending, StoredJob, pack_ending, read_job
from revaer.fsops.views import JobState
from revaer.fsops.wishes import Wish
from revaer.types import NODE, TorrentId

_LOAD_WITHIN: Final = 20.0


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """What is kept in memory of a job that waits. `next_try_at` in Unix seconds; None for its turn only."""

    torrent_id: TorrentId
    priority: int
    age: int
    next_try_at: float | None
    source_root: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a run ended, to be stored: over, or waiting for another attempt at `next_try_at` (Unix seconds).

    Attributes:
        revision: That of the job when it was claimed; nothing is stored when it has another by now.
        failures: Failed attempts in a row.
    """

    torrent_id: TorrentId
    revision: int
    state: JobState
    failures: int
    next_try_at: float | None
    ending: Ending


class JobStore:
    """The jobs of this node.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enqueue(self, wishes: Sequence[Wish]) -> dict[TorrentId, StoredJob]:
        """Queue jobs, one of each torrent; those that there are already of an equal specification are left out."""
        specs = [wish.spec for wish in wishes]
        return await self._jobs(
            queries.ENQUEUE_JOBS,
            NODE,
            [spec.torrent_id for spec in specs],
            [wish.priority for wish in wishes],
            [spec.source_root for spec in specs],
            [spec.content for spec in specs],
            [spec.digest for spec in specs],
            [wish.request_id for wish in wishes],
        )

    async def claim(self, torrent_id: TorrentId, library_root: str) -> tuple[StoredJob, bytes] | None:
        """Count another attempt of a waiting job and return it with its specification; None when it does not wait."""
        rows = await self._database.fetch(queries.CLAIM_JOB, NODE, torrent_id, os.fsencode(library_root))
        return (read_job(rows[0]), rows[0]["spec"]) if rows else None

    async def settle(self, settlement: Settlement) -> StoredJob | None:
        """Store how a run ended; None when that was done before, or no longer concerns the job. Repeating is fine."""
        return await self._one(
            queries.SETTLE_JOB,
            NODE,
            settlement.torrent_id,
            settlement.revision,
            settlement.state.value,
            settlement.failures,
            settlement.next_try_at,
            pack_ending(settlement.ending),
        )

    async def retry(self, torrent_id: TorrentId, request_id: str | None) -> StoredJob | None:
        """Let a job wait for its turn; None when there is none that does not run."""
        return await self._one(queries.RETRY_JOB, NODE, torrent_id, request_id)

    async def cancel(self, torrent_id: TorrentId, request_id: str | None) -> StoredJob | None:
        """Cancel a job that is not over; None when there is none."""
        return await self._one(queries.CANCEL_JOB, NODE, torrent_id, request_id)

    async def forget(self, torrent_id: TorrentId) -> None:
        """Hide a job from everybody until its files are deleted; unknown ones are fine."""
        await self._database.execute(queries.FORGET_JOB, NODE, torrent_id)

    async def delete(self, torrent_id: TorrentId) -> None:
        """Delete a forgotten job for good."""
        await self._database.execute(queries.DELETE_JOB, NODE, torrent_id)

    async def forgotten(self, after: TorrentId | None, limit: int) -> Sequence[tuple[TorrentId, str | None]]:
        """Return forgotten jobs in the order of their ids, after one of them, each with the library of its files."""
        rows = await self._database.fetch(queries.FORGOTTEN_JOBS, NODE, after, limit)
        return [(TorrentId(row["torrent_id"]), _path(row["library_root"])) for row in rows]

    async def job(self, torrent_id: TorrentId) -> StoredJob | None:
        """Return a job."""
        return (await self.jobs([torrent_id])).get(torrent_id)

    async def jobs(self, torrent_ids: Collection[TorrentId]) -> dict[TorrentId, StoredJob]:
        """Return some jobs, as far as there are any."""
        return await self._jobs(queries.JOBS_BY_ID, NODE, list(torrent_ids))

    async def spec(self, torrent_id: TorrentId) -> bytes | None:
        """Return the specification of a job."""
        rows = await self._database.fetch(queries.SPEC_OF_JOB, NODE, torrent_id)
        return bytes(rows[0]["spec"]) if rows else None

    async def page(self, states: Collection[JobState], after: str | None, limit: int) -> Sequence[Row]:
        """Return the rows of jobs in some states, in the order of ids, from the one after an id on."""
        names = [state.value for state in states]
        return await self._database.fetch(queries.PAGE_OF_JOBS, NODE, names, after, limit)

    async def requeue_interrupted(self, held: Collection[TorrentId], *, patience: int, pause: float) -> int:
        """Let jobs wait again that are stored as running and that nobody runs; return how many there were.

        Args:
            held: The jobs that do run.
            patience: So many interruptions in a row cost a job nothing.
            pause: Seconds that it has to wait for each further one.
        """
        return await self._database.execute(
            queries.REQUEUE_INTERRUPTED, NODE, list(held), patience, pause, within=_LOAD_WITHIN
        )

    async def waiting(self, after: str | None, limit: int) -> Sequence[Row]:
        """Return the rows of jobs that wait, in the order of ids, from the one after an id on; `read_waiting` reads
        them."""
        return await self._database.fetch(queries.WAITING_JOBS, NODE, after, limit, within=_LOAD_WITHIN)

    async def counts(self) -> dict[JobState, int]:
        """Return how many jobs are in each state that has any."""
        rows = await self._database.fetch(queries.COUNT_JOBS, NODE, within=_LOAD_WITHIN)
        return {JobState(row["state"]): row["jobs"] for row in rows if row["state"] != "forgotten"}

    async def is_paused(self) -> bool:
        """Tell whether the queue is paused."""
        rows = await self._database.fetch(queries.QUEUE_SWITCH, NODE)
        return bool(rows and rows[0]["paused"])

    async def set_paused(self, *, paused: bool) -> None:
        """Pause the queue, or let it go on."""
        await self._database.execute(queries.SET_QUEUE_SWITCH, NODE, paused)

    async def volume_of(self, root: str) -> str | None:
        """Return the identity of the volume that was noted for a library."""
        rows = await self._database.fetch(queries.VOLUME_OF_ROOT, NODE, os.fsencode(root))
        return str(rows[0]["volume_id"]) if rows else None

    async def note_volume(self, root: str, volume_id: str) -> None:
        """Note which volume a library is on."""
        await self._database.execute(queries.NOTE_VOLUME, NODE, os.fsencode(root), volume_id)

    async def _jobs(self, sql: str, *args: object) -> dict[TorrentId, StoredJob]:
        jobs = [read_job(row) for row in await self._database.fetch(sql, *args)]
        return {job.torrent_id: job for job in jobs}

    async def _one(self, sql: str, *args: object) -> StoredJob | None:
        rows = await self._database.fetch(sql, *args)
        return read_job(rows[0]) if rows else None


def read_waiting(rows: Sequence[Row]) -> list[WaitingJob]:
    """Read rows of `JobStore.waiting`. Takes a while for thousands."""
    return [_read_waiting(row) for row in rows]


def _read_waiting(row: Row) -> WaitingJob:
    return WaitingJob(
        torrent_id=TorrentId(row["torrent_id"]),
        priority=row["priority"],
        age=row["age"],
        next_try_at=row["next_try_at"],
        source_root=os.fsdecode(row["source_root"]),
    )


def _path(content: bytes | None) -> str | None:
    return None if content is None else os.fsdecode(content)
