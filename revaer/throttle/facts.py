"""What goals and clean-up know of a torrent. What is not known says so; it is never taken for zero."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from revaer.types import TorrentId, TorrentState


class Unknown(enum.Enum):
    """The value of a fact that nobody could find out."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
"""Nobody could find out."""

Figure: TypeAlias = float | Literal[Unknown.UNKNOWN]
"""A number, or that it is not known."""


@dataclass(frozen=True, slots=True)
class SeedingFacts:
    """How far a torrent has come with seeding.

    Attributes:
        torrent_id: the torrent.
        state: what it is doing.
        complete: whether every wanted byte is verified and on disk.
        ratio: bytes uploaded per byte downloaded or held.
        seconds: time spent seeding over the torrent's life, restarts included.
    """

    torrent_id: TorrentId
    state: TorrentState
    complete: bool | Literal[Unknown.UNKNOWN] = UNKNOWN
    ratio: Figure = UNKNOWN
    seconds: Figure = UNKNOWN


@dataclass(frozen=True, slots=True)
class PayloadFacts:
    """What a look at the payload on disk found.

    Attributes:
        readable: whether every selected file was found where it belongs and could be looked at.
        links: the smallest number of hard links of any of its files; 1 means that a file has no other name.
        used_by: the other torrents that have one of these files as theirs.
        detail: what stood in the way, for people; empty when nothing did.
    """

    readable: bool | Literal[Unknown.UNKNOWN] = UNKNOWN
    links: int | Literal[Unknown.UNKNOWN] = UNKNOWN
    used_by: tuple[TorrentId, ...] | Literal[Unknown.UNKNOWN] = UNKNOWN
    detail: str = ""


def reached(figure: Figure, threshold: float) -> bool:
    """Tell whether a figure is known and not below `threshold`."""
    return figure is not UNKNOWN and figure >= threshold


def shown(figure: Figure) -> str:
    """Write a figure for people."""
    return "unknown" if figure is UNKNOWN else f"{figure:.6g}"
