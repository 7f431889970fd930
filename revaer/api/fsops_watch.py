"""The figures of post-processing for health pages and metrics: asked for at most once a second, however many look."""

from __future__ import annotations

from collections.abc import Mapping

import trio

from actors import ActorError, ActorRef
from revaer.fsops.messages import FsOpsFigures, FsOpsMessage, ReportFsOps

FRESH_SECONDS = 1.0
WITHIN_SECONDS = 0.5


class FsOpsWatch:
    """Keeps the newest figures.

    Args:
        fsops: whom to ask; None on a node without post-processing.

    Attributes:
        newest: the last figures that came, None before the first.
    """

    def __init__(self, fsops: ActorRef[FsOpsMessage] | None) -> None:
        self.newest: FsOpsFigures | None = None
        self._fsops = fsops
        self._lock = trio.Lock()
        self._asked_at = -FRESH_SECONDS

    def counts(self) -> Mapping[str, int]:
        """Return the number of jobs by state, as of the last figures."""
        return {} if self.newest is None else {state.value: count for state, count in self.newest.jobs.items()}

    async def look(self) -> FsOpsFigures | None:
        """Return fresh figures, or the last ones when none come in time; None when there never were any."""
        if self._fsops is None:
            return None
        async with self._lock:
            if trio.current_time() - self._asked_at >= FRESH_SECONDS or self.newest is None:
                self._asked_at = trio.current_time()
                try:
                    self.newest = await self._fsops.ask(ReportFsOps(), within=WITHIN_SECONDS)
                except ActorError:
                    return self.newest
        return self.newest
