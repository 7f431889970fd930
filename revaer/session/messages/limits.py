"""What the governor asks of the session: limits of everything and of single torrents, and the facts that goals and
clean-up decide by. Rates are in bytes per second. What could not be found out is None, never zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from actors import Request
from revaer.types import TorrentId, TorrentState

MAX_CAPS: Final = 200
"""How many torrents one `CapTorrents` names at most."""

MAX_FACTS: Final = 1_000
"""How many torrents one `ReadSeedingFacts` names at most."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Caps of both directions, at least 1; None is unlimited."""

    download_bps: int | None = None
    upload_bps: int | None = None


UNLIMITED: Final = Rates()
"""No cap in either direction."""


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """The global caps as the engine itself says them, and the generation of the session that owns it."""

    generation: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class SeedingFacts:
    """How far a torrent has come with seeding, fresh from the engine.

    Attributes:
        torrent_id: the torrent.
        state: what it is doing.
        complete: whether every wanted byte is verified and on disk.
        ratio: bytes uploaded per byte downloaded or held.
        seconds: time spent with everything wanted over the torrent's life, pauses left out, restarts included.
    """

    torrent_id: TorrentId
    state: TorrentState
    complete: bool | None = None
    ratio: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class PayloadFacts:
    """What a look at a torrent's files found.

    Attributes:
        readable: whether every selected file was found where it belongs, whole, and could be looked at.
        links: the smallest number of hard links of any of its files.
        used_by: the other torrents that have one of these files as theirs.
        detail: what stood in the way, for people; empty when nothing did.
    """

    readable: bool | None = None
    links: int | None = None
    used_by: tuple[TorrentId, ...] | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ApplyLimits(Request[None]):
    """Hold everything to these rates from now on, whatever the settings say. Answered when the engine has them.

    Raises (at the asker): ActionRefused (a rate out of its bounds), SessionUnavailable.
    """

    rates: Rates


@dataclass(frozen=True, slots=True)
class ReadLimits(Request[EngineLimits]):
    """Ask the engine for its global caps. Raises (at the asker): SessionUnavailable."""


@dataclass(frozen=True, slots=True)
class CapTorrents(Request[Mapping[TorrentId, Rates]]):
    """Say what holds for torrents where their own options say nothing, download and upload apart.

    An own cap wins, also one of 0 (unlimited). This never becomes a torrent's wish and is not stored: it holds until
    the next call for the torrent, its removal or the session's next start, also through changes of the own caps, and
    for a torrent that enters the engine later.

    The answer is what the engine has now for each, read from it, or will have once the torrent enters it; unknown
    torrents are left out.

    Raises (at the asker): ActionRefused (more than `MAX_CAPS`, or a rate out of its bounds: nothing changed),
    SessionUnavailable (it may have been taken in all the same).
    """

    caps: Mapping[TorrentId, Rates]


@dataclass(frozen=True, slots=True)
class ReadFallbackCaps(Request[Mapping[TorrentId, Rates]]):
    """Ask what `CapTorrents` said since the session's start, but for torrents without any cap."""


@dataclass(frozen=True, slots=True)
class ReadSeedingFacts(Request[Mapping[TorrentId, SeedingFacts]]):
    """Ask the engine how far torrents have come; unknown torrents are left out of the answer.

    Raises (at the asker): ActionRefused (more than `MAX_FACTS`), SessionUnavailable.
    """

    torrent_ids: tuple[TorrentId, ...]


@dataclass(frozen=True, slots=True)
class ReadPayloadFacts(Request[PayloadFacts]):
    """Look at a torrent's files on disk, and at which other torrents have them. Raises (at the asker): UnknownTorrent,
    SessionUnavailable (the list is not loaded)."""

    torrent_id: TorrentId
