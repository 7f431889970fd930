"""Brings session, logs and traces in line with the configuration: when it changes, and when the session is a new one.

After a factory reset it stops every torrent too. That holds until the next setup, also across restarts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Never, assert_never

import structlog
import trio

from actors import Actor, ActorError, ActorRef, Bus, Handled
from revaer.config.documents import AppProfile
from revaer.config.messages import ConfigMessage, ConfigSnapshot, ReadConfiguration, ReadHistory
from revaer.daemon.inforce import InForce
from revaer.events import Event, HealthChanged, SettingsChanged
from revaer.pauses import doubling
from revaer.session.messages import Act, ApplySettings, Pause, SessionMessage, Snapshot
from revaer.session.port import EngineSettings
from revaer.trail import Cause, caused_by, current_cause
from revaer.types import TorrentId, TorrentState

log = structlog.get_logger("revaer.daemon")

SESSION: Final = "session"
"""The component whose changes of health mean that the engine may be another one."""

_ABREAST: Final = 64
"""How many torrents are stopped at a time."""


@dataclass(frozen=True, slots=True)
class FollowTiming:
    """Seconds.

    Attributes:
        read: how long the config actor may take.
        apply: how long the session may take for settings.
        stop: how long it may take to stop one torrent.
        verify: between two looks when nothing happens.
        soon: between two looks while torrents are still to be stopped.
        retry_first: pause after the first failure in a row; it doubles.
        retry_longest: the longest such pause.
    """

    read: float = 5.0
    apply: float = 30.0
    stop: float = 60.0
    verify: float = 5.0
    soon: float = 0.5
    retry_first: float = 0.1
    retry_longest: float = 5.0

    def backoff(self, failures: int) -> float:
        """Return the pause after so many failures in a row, counted from 1."""
        return doubling(failures, self.retry_first, self.retry_longest)


class SettingsFollower(Actor[Never]):
    """Follows the configuration. It takes no messages.

    Args:
        config: whom it is asked of.
        session: whose engine is changed.
        bus: tells of changes.
        in_force: keeps what was read.
        apply_telemetry: puts into force what a profile says of logs and traces.
        on_applied: called with the seconds from a change until the engine had it.
        timing: intervals and deadlines.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        config: ActorRef[ConfigMessage],
        session: ActorRef[SessionMessage],
        bus: Bus[Event],
        in_force: InForce,
        apply_telemetry: Callable[[AppProfile], Awaitable[None]],
        on_applied: Callable[[float], None],
        timing: FollowTiming | None = None,
        clock: Callable[[], float] = trio.current_time,
    ) -> None:
        self._config = config
        self._session = session
        self._bus = bus
        self._in_force = in_force
        self._apply_telemetry = apply_telemetry
        self._on_applied = on_applied
        self._timing = timing or FollowTiming()
        self._clock = clock
        self._changed = trio.Event()
        self._changed_at: float | None = None
        self._cause = Cause()
        self._given: tuple[int, EngineSettings] | None = None
        self._judged: tuple[int, bool] = (0, False)
        self._stopped: set[TorrentId] = set()

    async def on_start(self) -> None:
        """Begin to follow."""
        self.context.spawn(self._run)

    async def handle(self, message: Never) -> Handled:
        """Nobody has anything to say to the follower."""
        assert_never(message)

    async def _run(self) -> None:
        """Look after every change, after a failure, and from time to time, until cancelled."""
        failures, told = 0, ""
        with self._bus.subscribe("settings", capacity=1, wants=self._notice):
            while True:
                changed_at, self._changed_at = self._changed_at, None
                cause, self._cause = self._cause, Cause()
                self._changed = trio.Event()
                try:
                    with caused_by(cause):
                        pause = await self._look(changed_at)
                except ActorError as error:
                    failures += 1
                    told = self._degraded(str(error), told)
                    # The oldest change that does not hold yet is the one that is timed.
                    self._changed_at = self._changed_at if changed_at is None else changed_at
                    self._cause = self._cause if changed_at is None else cause
                    pause = self._timing.backoff(failures)
                else:
                    failures, told = 0, ""
                    self.context.health.up()
                with trio.move_on_after(pause):
                    await self._changed.wait()

    def _notice(self, event: Event) -> bool:
        """Act as the bus asks whether the event is wanted, so that the measured time begins with its publication."""
        if isinstance(event, SettingsChanged):
            if self._changed_at is None:
                self._changed_at = self._clock()
                self._cause = current_cause()
            self._changed.set()
        elif isinstance(event, HealthChanged) and event.component == SESSION:
            self._changed.set()
        return False

    def _degraded(self, reason: str, told: str) -> str:
        if reason != told:
            log.warning("settings_not_applied", reason=reason)
        self.context.health.degraded(f"the settings may not hold: {reason}")
        return reason

    async def _look(self, changed_at: float | None) -> float:
        """Bring everything in line, and return the seconds until the next look. Raises: ActorError."""
        snapshot = await self._config.ask(ReadConfiguration(), within=self._timing.read)
        await self._apply_telemetry(snapshot.configuration.app_profile)
        await self._in_force.adopt(snapshot)
        settings = self._in_force.engine
        wanted = (self._session.generation, _but_rates(settings))
        if wanted != self._given:
            done = await self._session.ask(ApplySettings(settings), within=self._timing.apply)
            self._given = wanted
            if done.restart:
                log.warning("settings_wait_for_restart", fields=done.restart)
            if changed_at is not None:
                self._on_applied(self._clock() - changed_at)
        if await self._was_reset(snapshot):
            return self._timing.verify if await self._stop_all() else self._timing.soon
        return self._timing.verify

    async def _was_reset(self, snapshot: ConfigSnapshot) -> bool:
        """Tell whether the node waits for its setup because of a factory reset."""
        if snapshot.configuration.app_profile.mode == "active":
            self._stopped.clear()
            return False
        if snapshot.revision != self._judged[0]:
            newest = await self._config.ask(ReadHistory(limit=1), within=self._timing.apply)
            self._judged = snapshot.revision, bool(newest) and newest[0].operation == "factory_reset"
        return self._judged[1]

    async def _stop_all(self) -> bool:
        """Stop every torrent that was not stopped since the reset; payload stays. False while some are not listed yet.

        Raises:
            ActorError: one could not be stopped; the others were tried.
        """
        catalogue = await self._session.ask(Snapshot(), within=self._timing.apply)
        due = [
            view.id
            for view in catalogue.views
            if view.state.kind is not TorrentState.STOPPED and view.id not in self._stopped
        ]
        refusals: list[ActorError] = []
        for start in range(0, len(due), _ABREAST):
            refusals += await self._stop(due[start : start + _ABREAST])
        if refusals:
            raise refusals[0]
        if due:
            log.warning("torrents_stopped", count=len(due), reason="factory reset")
        return not catalogue.loading

    async def _stop(self, torrent_ids: Sequence[TorrentId]) -> list[ActorError]:
        """Stop some torrents; return why others could not be."""
        refusals: list[ActorError] = []

        async def stop(torrent_id: TorrentId) -> None:
            try:
                await self._session.ask(Act(torrent_id, Pause("factory reset")), within=self._timing.stop)
            except ActorError as error:
                refusals.append(error)
            else:
                self._stopped.add(torrent_id)

        async with trio.open_nursery() as nursery:
            for torrent_id in torrent_ids:
                nursery.start_soon(stop, torrent_id)
        return refusals


def _but_rates(settings: EngineSettings) -> EngineSettings:
    """Leave out what the governor sees to: a change of nothing else is not asked for twice."""
    return replace(settings, max_download_bps=None, max_upload_bps=None)
