"""Keeps the engine at the global limits: applies what shall hold now and believes only what it reads back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog
import trio

from actors import ActorError
from revaer.throttle.alarms import Alarms
from revaer.throttle.bell import Bell
from revaer.throttle.guardrails import GuardrailFacts
from revaer.throttle.messages import EffectiveLimits, EngineLimits, LimitsUnavailable
from revaer.throttle.ports import Session, SettingsReader
from revaer.throttle.problems import Problems
from revaer.throttle.resolution import global_limits
from revaer.throttle.schedule import active_window, next_change, usable
from revaer.throttle.settings import ThrottleSettings
from revaer.throttle.timing import Timing
from revaer.trail import Cause, caused_by, current_cause

log = structlog.get_logger("revaer.throttle")

_SOON: Final = 0.01
"""The shortest wait for a change of the schedule, seconds: clocks never agree to the last digit."""


@dataclass(frozen=True, slots=True)
class Outlets:
    """Who is told what the keeper finds out.

    Attributes:
        on_policies: called when goals or label policies are others than before.
        on_generation: called when the session behind the engine is another one than before.
        on_applied: called with the seconds from the adoption of a revision until its limits were read back.
    """

    on_policies: Callable[[], None]
    on_generation: Callable[[], None]
    on_applied: Callable[[float], None]


class LimitKeeper:
    """Works in passes: read the settings, decide, compare with the engine, apply, read back.

    A pass runs when the configuration changed, when the schedule does, when somebody asks, after a failure, and from
    time to time anyway. Only one runs at a time.

    Args:
        read_settings: reads the configuration.
        session: the session.
        problems: where failures are noted.
        alarms: the guard rails.
        outlets: who is told.
        timing: intervals.
        clock: monotonic seconds.
        wall: Unix seconds.
    """

    def __init__(
        self,
        *,
        read_settings: SettingsReader,
        session: Session,
        problems: Problems,
        alarms: Alarms,
        outlets: Outlets,
        timing: Timing,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._read_settings = read_settings
        self._session = session
        self._problems = problems
        self._alarms = alarms
        self._outlets = outlets
        self._timing = timing
        self._clock = clock
        self._wall = wall
        self._bell = Bell()
        self._asked = self._served = 0
        self._passed = trio.lowlevel.ParkingLot()
        self._adopted_at: float | None = None
        self._cause = Cause()
        self.settings: ThrottleSettings | None = None
        self.state = EffectiveLimits()

    def settings_changed(self) -> None:
        """Note that a revision was adopted just now; the oldest that does not hold yet is the one that is timed."""
        if self._adopted_at is None:
            self._adopted_at = self._clock()
            self._cause = current_cause()
        self._bell.ring()

    def look_again(self) -> None:
        """Have a pass soon."""
        self._bell.ring()

    async def apply_now(self) -> EffectiveLimits:
        """Have a pass that begins after this call and return what it brought.

        Raises:
            LimitsUnavailable: the limits do not hold after it.
        """
        self._asked += 1
        ticket = self._asked
        self._bell.ring()
        while self._served < ticket:
            await self._passed.park()
        if self.state.problem is not None:
            raise LimitsUnavailable(self.state.problem)
        return self.state

    async def run(self) -> None:
        """Make passes until cancelled."""
        failures = 0
        while True:
            asked, adopted_at, self._adopted_at = self._asked, self._adopted_at, None
            cause, self._cause = self._cause, Cause()
            try:
                with caused_by(cause):
                    await self._pass()
            except ActorError as error:
                failures += 1
                self._failed(str(error), adopted_at)
                self._cause = self._cause if adopted_at is None else cause
                pause = self._timing.backoff(failures)
            else:
                failures = 0
                self._succeeded(adopted_at)
                pause = self._until_next()
            self._look_at_guardrails()
            self._served = asked
            self._passed.unpark_all()
            await self._bell.wait(within=pause)

    async def refresh_settings(self) -> ThrottleSettings:
        """Read the configuration now and return it. Raises ActorError."""
        settings = await self._read_settings()
        before, self.settings = self.settings, settings
        if before is None or (before.goal, before.labels) != (settings.goal, settings.labels):
            self._outlets.on_policies()
        return settings

    async def _pass(self) -> None:
        self._decide(await self.refresh_settings())
        wanted = self.state.limits.rates
        engine = await self._session.read_limits()
        self._notice(engine)
        if engine.rates != wanted:
            await self._session.apply_limits(wanted)
            engine = await self._session.read_limits()
            self._notice(engine)
        if engine.rates != wanted:
            raise LimitsUnavailable(f"the engine is at {engine.rates} after it was told {wanted}")

    def _decide(self, settings: ThrottleSettings) -> None:
        now = self._wall()
        schedule, unknown = usable(settings.alt_speed.schedule)
        if unknown:
            self._problems.add("schedule", f"windows are left out, this host knows no time zone {', '.join(unknown)}")
        else:
            self._problems.clear("schedule")
        window = active_window(schedule, now)
        limits = global_limits(settings.caps, None if window is None else settings.alt_speed.caps)
        if limits != self.state.limits or window != self.state.window:
            log.info(
                "limits_decided",
                revision=settings.revision,
                download_bps=limits.download.bps,
                upload_bps=limits.upload.bps,
                window=None if window is None else str(window),
            )
        self.state = replace(
            self.state,
            revision=settings.revision,
            limits=limits,
            window=window,
            changes_at=next_change(schedule, now),
        )

    def _notice(self, engine: EngineLimits) -> None:
        """Keep what the engine says, and compare it with what it said before."""
        before, wanted = self.state.engine, self.state.limits.rates
        self.state = replace(self.state, engine=engine, in_effect=engine.rates == wanted)
        if before is None or engine.generation != before.generation:
            self._outlets.on_generation()
        elif before.rates == wanted != engine.rates:
            log.warning("limits_drifted", engine=str(engine.rates), wanted=str(wanted))

    def _failed(self, reason: str, adopted_at: float | None) -> None:
        # What was to be timed still is: the older of the two counts.
        self._adopted_at = self._adopted_at if adopted_at is None else adopted_at
        self.state = replace(self.state, in_effect=False, problem=reason)
        self._problems.add("limits", f"the limits may not hold: {reason}")

    def _succeeded(self, adopted_at: float | None) -> None:
        if adopted_at is not None:
            seconds = self._clock() - adopted_at
            self._outlets.on_applied(seconds)
            self.state = replace(self.state, apply_seconds=seconds)
        self.state = replace(self.state, problem=None)
        self._problems.clear("limits")

    def _until_next(self) -> float:
        if self.state.changes_at is None:
            return self._timing.verify
        return min(self._timing.verify, max(_SOON, self.state.changes_at - self._wall()))

    def _look_at_guardrails(self) -> None:
        settings = self.settings
        if settings is None:
            return
        waiting = 0.0 if self._adopted_at is None else self._clock() - self._adopted_at
        rates = self.state.limits.rates
        self._alarms.look(
            GuardrailFacts(
                download_bps=rates.download_bps,
                upload_bps=rates.upload_bps,
                unlimited_keys=settings.unlimited_keys,
                endless_keys=settings.endless_keys,
                exposed_setup=settings.exposed_setup,
                apply_seconds=max(self.state.apply_seconds or 0.0, waiting),
            )
        )
