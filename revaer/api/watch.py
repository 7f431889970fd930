"""What another actor says of itself, for pages and metrics: asked at most once a second, however many look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Generic, TypeVar

import trio

from actors import ActorError, ActorRef
from revaer.fsops.messages import FsOpsFigures, FsOpsMessage, ReportFsOps
from revaer.session.messages import EngineReport, ReportEngine, SessionMessage
from revaer.throttle.messages import EffectiveLimits, ReadGuardrails, ReadLimits, ThrottleMessage, Violation

T = TypeVar("T")

FRESH_SECONDS: Final = 1.0
WITHIN_SECONDS: Final = 0.5


class Watch(Generic[T]):
    """Keeps the newest answer.

    Args:
        ask: asks for another.
        empty: what stands for an answer before the first.

    Attributes:
        newest: the last answer that came.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], empty: T) -> None:
        self.newest = empty
        self._ask = ask
        self._lock = trio.Lock()
        self._asked_at = -FRESH_SECONDS

    async def look(self) -> T:
        """Return a fresh answer, or the last one when none comes in time."""
        async with self._lock:
            if trio.current_time() - self._asked_at >= FRESH_SECONDS:
                self._asked_at = trio.current_time()
                try:
                    self.newest = await self._ask()
                except ActorError:
                    return self.newest
        return self.newest


def watch_engine(session: ActorRef[SessionMessage]) -> Watch[EngineReport | None]:
    """Watch the engine's facts; None before the first report."""
    return Watch(lambda: session.ask(ReportEngine(), within=WITHIN_SECONDS), None)


def watch_fsops(fsops: ActorRef[FsOpsMessage]) -> Watch[FsOpsFigures | None]:
    """Watch the figures of post-processing; None before the first."""
    return Watch(lambda: fsops.ask(ReportFsOps(), within=WITHIN_SECONDS), None)


def job_counts(figures: FsOpsFigures | None) -> Mapping[str, int]:
    """Return the number of jobs by state; nothing where there are no figures."""
    return {} if figures is None else {state.value: count for state, count in figures.jobs.items()}


def watch_limits(governor: ActorRef[ThrottleMessage]) -> Watch[EffectiveLimits | None]:
    """Watch the global limits in force; None before the governor first said."""
    return Watch(lambda: governor.ask(ReadLimits(), within=WITHIN_SECONDS), None)


def watch_guardrails(governor: ActorRef[ThrottleMessage]) -> Watch[tuple[Violation, ...]]:
    """Watch which guard rails are tripped; none before the governor first said."""
    return Watch(lambda: governor.ask(ReadGuardrails(), within=WITHIN_SECONDS), ())
