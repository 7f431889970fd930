"""The ports of the throttle governor: the session and the configuration in its words."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal, TypeVar

from actors import ActorRef
from revaer.config.messages import ConfigMessage, ConfigSnapshot, ReadConfiguration
from revaer.daemon.translate import throttle_settings, unlimited_keys
from revaer.session import messages as session
from revaer.session.messages import CatalogueSnapshot, SessionMessage
from revaer.throttle.facts import UNKNOWN, PayloadFacts, SeedingFacts, Unknown
from revaer.throttle.goals import Goal
from revaer.throttle.messages import EngineLimits
from revaer.throttle.resolution import Rates
from revaer.throttle.settings import ThrottleSettings
from revaer.types import Descriptor, TorrentId

R = TypeVar("R")
T = TypeVar("T")

LIMIT_SECONDS: Final = 10.0
"""How long the engine may take for limits."""
FACT_SECONDS: Final = 30.0
"""How long looks at the engine and at files may take."""
STOP_SECONDS: Final = 60.0
"""How long it may take to make a pause durable and have the engine do it."""
REMOVE_SECONDS: Final = 300.0
"""The same for a removal, which may delete much."""


class GovernedSession:
    """The session as the governor's port.

    Args:
        ref: the session.
    """

    def __init__(self, ref: ActorRef[SessionMessage]) -> None:
        self._ref = ref

    async def apply_limits(self, rates: Rates) -> None:
        """See `Session.apply_limits`."""
        await self._ref.ask(session.ApplyLimits(_to_session(rates)), within=LIMIT_SECONDS)

    async def read_limits(self) -> EngineLimits:
        """See `Session.read_limits`."""
        found = await self._ref.ask(session.ReadLimits(), within=LIMIT_SECONDS)
        return EngineLimits(found.generation, _of_session(found.rates))

    async def cap_torrents(self, fallback: Mapping[TorrentId, Rates]) -> Mapping[TorrentId, Rates]:
        """See `Session.cap_torrents`."""
        have: dict[TorrentId, Rates] = {}
        for chosen in _portions(tuple(fallback), session.MAX_CAPS):
            caps = {key: _to_session(fallback[key]) for key in chosen}
            have |= _all_of_session(await self._ref.ask(session.CapTorrents(caps), within=LIMIT_SECONDS))
        return have

    async def fallback_caps(self) -> Mapping[TorrentId, Rates]:
        """See `Session.fallback_caps`."""
        return _all_of_session(await self._ref.ask(session.ReadFallbackCaps(), within=LIMIT_SECONDS))

    async def snapshot(self) -> CatalogueSnapshot:
        """See `Session.snapshot`."""
        return await self._ref.ask(session.Snapshot(), within=LIMIT_SECONDS)

    async def seeding_facts(self, torrent_ids: Collection[TorrentId]) -> Mapping[TorrentId, SeedingFacts]:
        """See `Session.seeding_facts`."""
        found: dict[TorrentId, SeedingFacts] = {}
        for chosen in _portions(tuple(torrent_ids), session.MAX_FACTS):
            facts = await self._ref.ask(session.ReadSeedingFacts(chosen), within=FACT_SECONDS)
            found |= {key: _seeding(one) for key, one in facts.items()}
        return found

    async def payload_facts(self, torrent_id: TorrentId) -> PayloadFacts:
        """See `Session.payload_facts`."""
        found = await self._ref.ask(session.ReadPayloadFacts(torrent_id), within=FACT_SECONDS)
        return PayloadFacts(
            readable=_known(found.readable),
            links=_known(found.links),
            used_by=_known(found.used_by),
            detail=found.detail,
        )

    async def stop(self, torrent_id: TorrentId, reason: str) -> None:
        """See `Session.stop`."""
        await self._ref.ask(session.Act(torrent_id, session.Pause(reason)), within=STOP_SECONDS)

    async def remove(self, torrent_id: TorrentId, *, delete_data: bool, reason: str) -> None:
        """See `Session.remove`."""
        request = session.RemoveTorrent(torrent_id, delete_data=delete_data, reason=reason)
        await self._ref.ask(request, within=REMOVE_SECONDS)


class ThrottleSettingsReader:
    """Reads the configuration for the governor.

    Args:
        config: whom to ask.
        bind: where the API was asked to listen, given the configuration.
        clock: Unix seconds.
    """

    def __init__(
        self,
        config: ActorRef[ConfigMessage],
        *,
        bind: Callable[[ConfigSnapshot], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._bind = bind
        self._clock = clock
        self._last: tuple[ConfigSnapshot, ThrottleSettings] | None = None

    async def __call__(self) -> ThrottleSettings:
        """See `SettingsReader`."""
        snapshot = await self._config.ask(ReadConfiguration(), within=LIMIT_SECONDS)
        if self._last is None or self._last[0] is not snapshot:
            # Labels come by the thousand: they are translated once per revision.
            self._last = snapshot, throttle_settings(snapshot, bind=self._bind(snapshot))
        settings = self._last[1]
        keys = unlimited_keys(snapshot.keys, self._clock())
        if keys != settings.unlimited_keys:
            settings = replace(settings, unlimited_keys=keys)
            self._last = snapshot, settings
        # The same object as long as nothing changed: what was decided by it is remembered.
        return settings


def own_goal(descriptor: Descriptor, /) -> Goal:
    """Return the seeding goal that was asked for a torrent; see `GoalReader`."""
    return Goal(descriptor.seed_ratio_limit, descriptor.seed_time_limit)


def _to_session(rates: Rates) -> session.Rates:
    return session.Rates(rates.download_bps, rates.upload_bps)


def _of_session(rates: session.Rates) -> Rates:
    return Rates(rates.download_bps, rates.upload_bps)


def _all_of_session(caps: Mapping[TorrentId, session.Rates]) -> dict[TorrentId, Rates]:
    return {key: _of_session(rates) for key, rates in caps.items()}


def _seeding(facts: session.SeedingFacts) -> SeedingFacts:
    return SeedingFacts(
        facts.torrent_id, facts.state, _known(facts.complete), _known(facts.ratio), _known(facts.seconds)
    )


def _known(value: T | None) -> T | Literal[Unknown.UNKNOWN]:
    return UNKNOWN if value is None else value


def _portions(keys: Sequence[T], size: int) -> Sequence[tuple[T, ...]]:
    return [tuple(keys[start : start + size]) for start in range(0, len(keys), size)]
