"""The tripped guard rails for health pages: asked of the governor, the last answer while it does not give one."""

from __future__ import annotations

from actors import ActorError, ActorRef
from revaer.throttle.messages import ReadGuardrails, ThrottleMessage, Violation

WITHIN_SECONDS = 0.5


class GuardrailWatch:
    """Keeps the newest answer.

    Args:
        governor: whom to ask.
    """

    def __init__(self, governor: ActorRef[ThrottleMessage]) -> None:
        self._governor = governor
        self._newest: tuple[Violation, ...] = ()

    async def look(self) -> tuple[Violation, ...]:
        """Return what is tripped, or was when the governor last said."""
        try:
            self._newest = await self._governor.ask(ReadGuardrails(), within=WITHIN_SECONDS)
        except ActorError:
            return self._newest
        return self._newest
