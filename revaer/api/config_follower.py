"""Follows the configuration: reads it, hears of every change, and reads it again."""

from __future__ import annotations

import structlog
import trio

from actors import ActorError, ActorRef, Bus, Reporter, Subscription
from revaer.api.standing import Standing
from revaer.config.messages import ConfigMessage, ReadConfiguration
from revaer.events import Event, SettingsChanged

log = structlog.get_logger("revaer.api")

READ_SECONDS = 5.0
BUFFER = 64
RETRY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0)


class ConfigFollower:
    """Keeps what is in force for the API at the newest revision.

    Args:
        config: whom to ask.
        bus: tells of changes.
        standing: where revisions are put into force.
        health: where it is told that the configuration cannot be read.
    """

    def __init__(
        self, *, config: ActorRef[ConfigMessage], bus: Bus[Event], standing: Standing, health: Reporter
    ) -> None:
        self._config = config
        self._bus = bus
        self._standing = standing
        self._health = health

    async def begin(self, *, within: float) -> None:
        """Read the configuration once, in at most `within` seconds; what holds without it stays otherwise."""
        with trio.move_on_after(within):
            await self._read()

    async def run(self) -> None:
        """Follow until cancelled."""
        with self._bus.subscribe("api settings", capacity=BUFFER, wants=_is_settings) as events:
            await self._read()
            async for _ in events:
                # One reading serves all that was heard meanwhile; what was missed is in it, too.
                _drain(events)
                await self._read()

    async def _read(self) -> None:
        attempt = 0
        while True:
            try:
                snapshot = await self._config.ask(ReadConfiguration(), within=READ_SECONDS)
            except ActorError as error:
                self._health.degraded(f"the configuration cannot be read: {error}")
                await trio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                attempt += 1
            else:
                self._health.up()
                self._standing.adopt(snapshot)
                return


def _is_settings(event: Event) -> bool:
    return isinstance(event, SettingsChanged)


def _drain(events: Subscription[Event]) -> None:
    while events.try_next() is not None:
        pass
