"""The throttle governor: owns the effective limits, and ends seeding when it is time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import assert_never

import trio

from actors import Actor, Bus, Handled, answer, later
from revaer.events import Event, HealthChanged, SettingsChanged
from revaer.throttle.alarms import Alarms
from revaer.throttle.book import Book
from revaer.throttle.cap_keeper import CapKeeper
from revaer.throttle.enforcer import Enforcer
from revaer.throttle.follower import Follower
from revaer.throttle.limit_keeper import LimitKeeper, Outlets
from revaer.throttle.messages import ApplyNow, ReadGuardrails, ReadLimits, ThrottleMessage
from revaer.throttle.ports import GoalReader, Session, SettingsReader, no_goal
from revaer.throttle.problems import Problems
from revaer.throttle.timing import Timing

SESSION = "session"
"""The component whose changes of health mean that the engine may be another one."""


def _ignore(_: float) -> None:
    """Measure nothing."""


class ThrottleGovernor(Actor[ThrottleMessage]):
    """Keeps the engine at the limits of the configuration, and torrents at theirs.

    It starts at once, whatever is away: that is a state of its health.

    Args:
        read_settings: reads the configuration.
        session: the session, as a port.
        bus: events in and out.
        alarms: the guard rails; made by whoever makes the governor, because they outlive it.
        goal_of: finds a torrent's own seeding goal.
        on_applied: called with the seconds from the adoption of a revision until its limits were read back from the
            engine.
        timing: intervals.
        clock: monotonic seconds.
        wall: Unix seconds.
    """

    def __init__(
        self,
        *,
        read_settings: SettingsReader,
        session: Session,
        bus: Bus[Event],
        alarms: Alarms,
        goal_of: GoalReader = no_goal,
        on_applied: Callable[[float], None] = _ignore,
        timing: Timing | None = None,
        clock: Callable[[], float] = trio.current_time,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._read_settings = read_settings
        self._session = session
        self._bus = bus
        self._alarms = alarms
        self._goal_of = goal_of
        self._on_applied = on_applied
        self._timing = timing or Timing()
        self._clock = clock
        self._wall = wall

    async def on_start(self) -> None:
        """Put the parts together and set them to work."""
        problems = Problems(self.context.health)
        book, session, timing, clock = Book(), self._session, self._timing, self._clock
        self._limits = limits = LimitKeeper(
            read_settings=self._read_settings,
            session=session,
            problems=problems,
            alarms=self._alarms,
            outlets=Outlets(self._policies_changed, self._session_changed, self._on_applied),
            timing=timing,
            clock=clock,
            wall=self._wall,
        )
        self._caps = CapKeeper(
            book=book, session=session, settings=lambda: limits.settings, problems=problems, timing=timing
        )
        self._enforcer = Enforcer(
            book=book,
            session=session,
            settings=lambda: limits.settings,
            refresh=limits.refresh_settings,
            goal_of=self._goal_of,
            problems=problems,
            timing=timing,
            clock=clock,
        )
        self._follower = Follower(
            book=book,
            session=session,
            bus=self._bus,
            caps=self._caps,
            goals=self._enforcer,
            problems=problems,
            timing=timing,
            clock=clock,
        )
        for work in (self._listen, limits.run, self._follower.run, self._caps.run, self._enforcer.run):
            self.context.spawn(work)

    async def handle(self, message: ThrottleMessage) -> Handled:
        """Answer from memory, or when the work is done."""
        match message:
            case ReadLimits():
                return answer(message, self._limits.state)
            case ReadGuardrails():
                return answer(message, self._alarms.present)
            case ApplyNow():
                return later(message, self._limits.apply_now)
            case _:
                assert_never(message)

    async def _listen(self) -> None:
        """Hear of new settings and of the session's ups and downs."""
        with self._bus.subscribe("throttle-signals", capacity=1, wants=self._notice):
            await trio.sleep_forever()

    def _notice(self, event: Event) -> bool:
        """Act as the bus asks whether the event is wanted, so that the measured time begins with its publication."""
        if isinstance(event, SettingsChanged):
            self._limits.settings_changed()
        elif isinstance(event, HealthChanged) and event.component == SESSION:
            self._limits.look_again()
        return False

    def _policies_changed(self) -> None:
        self._caps.look_at_all()
        self._enforcer.look_at_all()

    def _session_changed(self) -> None:
        self._caps.start_over()
        self._follower.start_over()
