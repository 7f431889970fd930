"""The engine's facts for health pages and metrics: asked for at most once a second, however many look."""

from __future__ import annotations

import trio

from actors import ActorError, ActorRef
from revaer.session.messages import EngineReport, ReportEngine, SessionMessage

FRESH_SECONDS = 1.0
WITHIN_SECONDS = 0.5


class EngineWatch:
    """Keeps the newest report.

    Args:
        session: whom to ask.

    Attributes:
        newest: the last report that came, None before the first.
    """

    def __init__(self, session: ActorRef[SessionMessage]) -> None:
        self.newest: EngineReport | None = None
        self._session = session
        self._lock = trio.Lock()
        self._asked_at = -FRESH_SECONDS

    async def look(self) -> EngineReport | None:
        """Return a fresh report, or the last one when none comes in time; None when there never was one."""
        async with self._lock:
            if trio.current_time() - self._asked_at >= FRESH_SECONDS or self.newest is None:
                self._asked_at = trio.current_time()
                try:
                    self.newest = await self._session.ask(ReportEngine(), within=WITHIN_SECONDS)
                except ActorError:
                    return self.newest
        return self.newest
