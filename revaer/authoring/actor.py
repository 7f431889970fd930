"""Authoring: makes `.torrent` files, a few at a time, on every core and never on the event loop."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Final, assert_never

import trio

from actors import Actor, BlockingLane, Bus, Handled, later
from revaer.authoring.job import Bench, Job
from revaer.authoring.messages import AbandonTorrent, AuthoringMessage, CreatedTorrent, CreateTorrent, TooManyAtWork
from revaer.authoring.progress import Progress
from revaer.events import Event
from revaer.selection.messages import SelectFunction
from revaer.types import InfoHash

AT_ONCE: Final = 4
"""How many torrents are made at the same time; they share the workers, one piece of work each in turn."""


class AuthoringActor(Actor[AuthoringMessage]):
    """Makes `.torrent` files.

    Args:
        bus: told how far each is.
        select: decides about files.
        judge: returns the info-hashes of a metainfo that the daemon would take in. Raises UnfitTorrent.
        secluded: files and directories that are the daemon's own.
        hashers: how many workers hash; None for one per core.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        bus: Bus[Event],
        select: SelectFunction,
        judge: Callable[[bytes], InfoHash],
        secluded: tuple[str, ...] = (),
        hashers: int | None = None,
        clock: Callable[[], float] = trio.current_time,
    ) -> None:
        workers = os.cpu_count() or 1 if hashers is None else hashers
        self._bus = bus
        self._clock = clock
        self._bench = Bench(
            select=select,
            judge=judge,
            secluded=secluded,
            looking=BlockingLane("authoring-looks", workers=AT_ONCE),
            hashing=BlockingLane("authoring", workers=workers),
            hashers=workers,
        )
        self._jobs: dict[str, Job] = {}

    async def handle(self, message: AuthoringMessage) -> Handled:
        """Begin a torrent, or give one up."""
        match message:
            case CreateTorrent(job_id=job_id):
                if len(self._jobs) >= AT_ONCE:
                    raise TooManyAtWork(AT_ONCE)
                job = self._jobs[job_id] = Job(message, self._bench, Progress(self._bus, message, self._clock))
                return later(message, partial(self._run, job_id, job))
            case AbandonTorrent(job_id=job_id):
                if job_id in self._jobs:
                    self._jobs[job_id].abandon()
                return None
            case _:
                assert_never(message)

    async def _run(self, job_id: str, job: Job) -> CreatedTorrent:
        try:
            return await job.run()
        finally:
            del self._jobs[job_id]
