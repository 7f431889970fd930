"""Which cap holds: the global ones from profile and schedule, a torrent's from its request and its labels. Pure.

A cap of `None` says nothing, so the next in order is asked; 0 says "unlimited" and ends the search, as any other
number does. Download and upload are decided apart from each other. Every decision names the rule behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from revaer.throttle.errors import InvalidCap

RATE_CEILING: Final = 2_147_483_647
"""The largest rate that the engine holds, bytes per second: it takes anything above for 0, unlimited."""

UNSET: Final = "none"
"""The rule of a limit that nobody set."""


@dataclass(frozen=True, slots=True)
class Caps:
    """Caps as somebody wrote them, bytes per second: `None` says nothing, 0 is unlimited."""

    download_bps: int | None = None
    upload_bps: int | None = None

    def __post_init__(self) -> None:
        for value in (self.download_bps, self.upload_bps):
            if value is not None and (isinstance(value, bool) or not 0 <= value <= RATE_CEILING):
                raise InvalidCap(f"a rate is a whole number from 0 to {RATE_CEILING}, not {value!r}")


@dataclass(frozen=True, slots=True)
class Limit:
    """A decided cap.

    Attributes:
        bps: bytes per second, at least 1; None is unlimited.
        rule: who decided, for people: `profile`, `alt_speed`, `request`, `category "films"`, `tag "hd"` or `none`.
    """

    bps: int | None
    rule: str


@dataclass(frozen=True, slots=True)
class Rates:
    """What an engine is told, and what it says that it does: bytes per second, at least 1; None is unlimited."""

    download_bps: int | None = None
    upload_bps: int | None = None

    def __str__(self) -> str:
        return f"{_shown(self.download_bps)} down, {_shown(self.upload_bps)} up"


@dataclass(frozen=True, slots=True)
class Limits:
    """The decided caps of both directions."""

    download: Limit
    upload: Limit

    @property
    def rates(self) -> Rates:
        """The limits without their reasons."""
        return Rates(self.download.bps, self.upload.bps)


def global_limits(profile: Caps, alt_speed: Caps | None) -> Limits:
    """Decide the caps on everything.

    Args:
        profile: the caps of the engine profile.
        alt_speed: the alternative caps while one of their windows holds, else None. They replace those of the
            profile, each as far as it says something.
    """
    layers = [("profile", profile)] if alt_speed is None else [("alt_speed", alt_speed), ("profile", profile)]
    return _decide(layers)


def torrent_limits(requested: Caps, labels: Iterable[tuple[str, Caps]]) -> Limits:
    """Decide the caps of one torrent, which hold within the global ones.

    Args:
        requested: what was asked for this torrent; it wins.
        labels: the caps of its labels with their names, the strongest first.
    """
    return _decide([("request", requested), *labels])


def _shown(bps: int | None) -> str:
    return "unlimited" if bps is None else f"{bps} B/s"


def _decide(layers: Iterable[tuple[str, Caps]]) -> Limits:
    known = tuple(layers)
    return Limits(
        _first((rule, caps.download_bps) for rule, caps in known),
        _first((rule, caps.upload_bps) for rule, caps in known),
    )


def _first(candidates: Iterable[tuple[str, int | None]]) -> Limit:
    for rule, value in candidates:
        if value is not None:
            return Limit(value or None, rule)
    return Limit(None, UNSET)
