"""The limits in force for the dashboard: asked of the governor at most once a second, however many look."""

from __future__ import annotations

import trio

from actors import ActorError, ActorRef
from revaer.throttle.messages import EffectiveLimits, ReadLimits, ThrottleMessage

FRESH_SECONDS = 1.0
WITHIN_SECONDS = 0.5


class LimitsWatch:
    """Keeps the newest answer.

    Args:
        governor: whom to ask.
    """

    def __init__(self, governor: ActorRef[ThrottleMessage]) -> None:
        self._governor = governor
        self._newest: EffectiveLimits | None = None
        self._lock = trio.Lock()
        self._asked_at = -FRESH_SECONDS

    async def look(self) -> EffectiveLimits | None:
        """Return the limits in force, or what was when the governor last said; None when it never did."""
        async with self._lock:
            if trio.current_time() - self._asked_at >= FRESH_SECONDS:
                self._asked_at = trio.current_time()
                try:
                    self._newest = await self._governor.ask(ReadLimits(), within=WITHIN_SECONDS)
                except ActorError:
                    return self._newest
        return self._newest
