"""What the governor needs of others, as ports; wiring puts the config and session actors behind them.

Every method may raise `actors.ActorError`: the other side is down, too slow, or refuses. The governor then says so and
tries again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from revaer.session.messages import CatalogueSnapshot
from revaer.throttle.facts import PayloadFacts, SeedingFacts
from revaer.throttle.goals import Goal
from revaer.throttle.messages import EngineLimits
from revaer.throttle.resolution import Rates
from revaer.throttle.settings import ThrottleSettings
from revaer.types import Descriptor, TorrentId


class SettingsReader(Protocol):
    """Reads the configuration that is in force."""

    async def __call__(self) -> ThrottleSettings:
        """Return it, never an older one than the last `SettingsChanged` told of."""


class GoalReader(Protocol):
    """Finds in what a list shows of a torrent the seeding goal that was asked for it."""

    def __call__(self, descriptor: Descriptor, /) -> Goal:
        """Return it; an empty goal when none was."""


class Session(Protocol):
    """The session, as far as limits and goals go."""

    async def apply_limits(self, rates: Rates) -> None:
        """Have the engine hold everything to these rates from now on."""

    async def read_limits(self) -> EngineLimits:
        """Return what the engine really has, read from the engine and not from memory."""

    async def cap_torrents(self, fallback: Mapping[TorrentId, Rates]) -> Mapping[TorrentId, Rates]:
        """Say what holds for these torrents where their own options say nothing.

        Download and upload apart: an own cap wins, also one of 0 (unlimited); an absent one is filled by `fallback`,
        in which None is unlimited. This never becomes the torrent's own wish. It holds until the next call for a
        torrent, its removal or the session's next start, also through changes of its own caps, and for a torrent that
        enters the engine later.

        Returns:
            What the engine has now for each, or will have once the torrent enters it; torrents that are not in the
            catalogue are left out.
        """

    async def fallback_caps(self) -> Mapping[TorrentId, Rates]:
        """Return what `cap_torrents` said since the session's start, but for torrents that may go without limits."""

    async def snapshot(self) -> CatalogueSnapshot:
        """Return every torrent."""

    async def seeding_facts(self, torrent_ids: Collection[TorrentId]) -> Mapping[TorrentId, SeedingFacts]:
        """Return how far torrents have come, asked of the engine now and not remembered.

        What the engine has not said yet is `UNKNOWN`; torrents that are not in the catalogue are left out.
        """

    async def payload_facts(self, torrent_id: TorrentId) -> PayloadFacts:
        """Look at a torrent's selected files on disk; what cannot be found out is `UNKNOWN`, with the reason."""

    async def stop(self, torrent_id: TorrentId, reason: str) -> None:
        """Pause a torrent, durably. Answers when it is done."""

    async def remove(self, torrent_id: TorrentId, *, delete_data: bool, reason: str) -> None:
        """Remove a torrent, with `delete_data` its payload too. Answers when it is done."""


def no_goal(_: Descriptor, /) -> Goal:
    """Say that no torrent was asked for with a goal of its own."""
    return Goal()
