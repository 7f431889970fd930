"""What others may ask of authoring: make a `.torrent`, or give that up."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from actors import Refused, Request
from revaer.confined import shown
from revaer.types import InfoHash, SelectionRules

__all__ = [
    "LONGEST_PIECE",
    "SHORTEST_PIECE",
    "AbandonTorrent",
    "AuthoringMessage",
    "AuthoringRefusal",
    "CreateTorrent",
    "CreatedFile",
    "CreatedTorrent",
    "Format",
    "Recipe",
    "SkippedFile",
    "SourceChanged",
    "SourceRefused",
    "TooManyAtWork",
    "WorkAbandoned",
]

SHORTEST_PIECE: Final = 16 * 1024
LONGEST_PIECE: Final = 16 * 1024 * 1024
"""Bounds of the piece length, which is a power of two."""


class AuthoringRefusal(Refused):
    """No `.torrent` is made of it."""


class SourceRefused(AuthoringRefusal):
    """What should be hashed cannot be, or the recipe does not fit it.

    Attributes:
        pointer: JSON Pointer to the field of the recipe that is to blame.
        message: what is wrong, for people.
        path: the file or directory that is to blame, absolute; None when it is the whole.
    """

    def __init__(self, pointer: str, message: str, *, path: str | None = None) -> None:
        self.pointer = pointer
        self.message = message
        self.path = None if path is None else shown(path)
        super().__init__(message if path is None else f"{self.path}: {message}")


class SourceChanged(AuthoringRefusal):
    """A file or directory changed while it was looked at. `path` is absolute."""

    def __init__(self, path: str, message: str) -> None:
        self.path = shown(path)
        super().__init__(f"{self.path} {message} while it was looked at")


class TooManyAtWork(AuthoringRefusal):
    """As many torrents are being made as may be; try again after `retry_after` seconds."""

    def __init__(self, at_once: int, *, retry_after: float = 10.0) -> None:
        super().__init__(f"{at_once} torrents are being made already")
        self.retry_after = retry_after


class WorkAbandoned(AuthoringRefusal):
    """Nobody waits for the torrent any more."""

    def __init__(self) -> None:
        super().__init__("nobody waits for it any more")


class Format(enum.StrEnum):
    """Which version of the protocol a torrent is for."""

    V1 = "v1"
    V2 = "v2"
    HYBRID = "hybrid"

    @property
    def has_v1(self) -> bool:
        """Whether clients that know only version 1 can use it."""
        return self is not Format.V2

    @property
    def has_v2(self) -> bool:
        """Whether its files have hash trees of version 2."""
        return self is not Format.V1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a torrent is made. The same recipe over the same files gives the same bytes.

    Attributes:
        root_path: the file or directory, absolute.
        roots: directories below which its real path must lie.
        selection: which files of it.
        format: for which version of the protocol.
        piece_length: in bytes, a power of two within the bounds; 0 chooses by the size.
        trackers: each in a tier of its own.
        web_seeds: addresses of the same files.
        private: whether peers come from the trackers only; needs one.
        comment: for people.
        source: a mark of where it was made, part of the info-hash.
        created_at: Unix seconds to write down; None writes none.
    """

    root_path: str
    roots: tuple[str, ...]
    selection: SelectionRules = field(default_factory=SelectionRules)
    format: Format = Format.V1
    piece_length: int = 0
    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()
    private: bool = False
    comment: str | None = None
    source: str | None = None
    created_at: int | None = None


@dataclass(frozen=True, slots=True)
class CreatedFile:
    """A file of the torrent; the path is relative to the torrent's root, `/`-separated."""

    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that a rule left out, and which."""

    path: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedTorrent:
    """A `.torrent` that was made. Sizes in bytes; pieces are those of version 1 where it has one."""

    name: str
    hashes: InfoHash
    size: int
    piece_length: int
    pieces: int
    files: tuple[CreatedFile, ...]
    skipped: tuple[SkippedFile, ...]
    metainfo: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CreateTorrent(Request[CreatedTorrent]):
    """Make a torrent. `job_id` names the work in events and in `AbandonTorrent`.

    Raises (at the asker): SourceRefused, SourceChanged, TooManyAtWork, WorkAbandoned.
    """

    job_id: str
    recipe: Recipe
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AbandonTorrent:
    """Nobody waits for the torrent any more: stop its work. Unknown ids are fine."""

    job_id: str


AuthoringMessage: TypeAlias = CreateTorrent | AbandonTorrent
"""What others may say to authoring."""
