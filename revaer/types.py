"""Value types that every slice shares: identities, states, priorities, and the view of one torrent.

What is made anew for each torrent every second is a `msgspec.Struct`: a tenth of the cost of a dataclass, and not seen
by the garbage collector, which is safe, since none of them can be part of a cycle.

Units: sizes in bytes, rates in bytes per second, durations in seconds, points in time in Unix seconds.
"""

from __future__ import annotations

import enum
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NewType

import msgspec

TorrentId = NewType("TorrentId", str)
"""Our identity of a torrent: the canonical text of a UUIDv7. It never changes."""

NODE: Final = "local"
"""How the database names this node: rows of several nodes may lie in one table."""

ByteRate = NewType("ByteRate", int)
"""Bytes per second."""

METAINFO_BYTES: Final = 10 * 1024 * 1024
"""The largest `.torrent` that is taken anywhere."""


def new_torrent_id(*, now: float | None = None, entropy: bytes | None = None) -> TorrentId:
    """Make a time-ordered identity (UUIDv7, RFC 9562 section 5.7).

    Args:
        now: Unix seconds; the wall clock when absent.
        entropy: ten random bytes; the operating system's when absent.
    """
    milliseconds = int((time.time() if now is None else now) * 1000)
    tail = os.urandom(10) if entropy is None else entropy
    value = (milliseconds & ((1 << 48) - 1)) << 80 | int.from_bytes(tail, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return TorrentId(str(uuid.UUID(int=value)))


@dataclass(frozen=True, slots=True)
class InfoHash:
    """The info-hashes of one torrent, lower-case hexadecimal: v1 (40 digits), v2 (64 digits), or both for a hybrid."""

    v1: str | None = None
    v2: str | None = None

    def __post_init__(self) -> None:
        if self.v1 is None and self.v2 is None:
            raise ValueError("a torrent has at least one info-hash")

    @property
    def primary(self) -> str:
        """The hash that names the torrent outside: v1 when there is one, else v2."""
        return self.v1 or self.v2 or ""

    def shares(self, other: InfoHash) -> bool:
        """Tell whether both name the same torrent by any of their hashes."""
        return (self.v1 is not None and self.v1 == other.v1) or (self.v2 is not None and self.v2 == other.v2)


@dataclass(frozen=True, slots=True, order=True)
class EventId:
    """A position in the event stream: `epoch` counts daemon starts, `seq` the events since that start."""

    epoch: int
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> EventId:
        """Read the wire form `<epoch>-<seq>`.

        Raises:
            ValueError: the text has another form.
        """
        epoch, dash, seq = text.partition("-")
        if not (dash and epoch.isascii() and epoch.isdigit() and seq.isascii() and seq.isdigit()) or len(text) > 40:
            raise ValueError(f"not an event id: {text[:60]!r}")
        return cls(int(epoch), int(seq))


class Priority(enum.IntEnum):
    """How urgently a file is wanted; the numbers are the engine's."""

    SKIP = 0
    LOW = 1
    NORMAL = 4
    HIGH = 7


class TorrentState(enum.StrEnum):
    """What a torrent is doing, as the outside sees it."""

    QUEUED = "queued"
    CHECKING = "checking"
    FETCHING_METADATA = "fetching_metadata"
    DOWNLOADING = "downloading"
    PROCESSING = "processing"
    SEEDING = "seeding"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


class StorageMode(enum.StrEnum):
    """How the engine lays files out on disk: `sparse` grows them, `allocate` reserves them whole."""

    SPARSE = "sparse"
    ALLOCATE = "allocate"


@dataclass(frozen=True, slots=True)
class StateView:
    """A state with the moment it began and a message: for `failed` what happened and what to do, for a torrent that was
    stopped by a rule which one."""

    kind: TorrentState
    since: float
    message: str | None = None


class Progress(msgspec.Struct, frozen=True, gc=False):
    """The quickly changing figures of one torrent. `percent_complete` runs from 0 to 100, of the wanted bytes."""

    bytes_downloaded: int = 0
    bytes_total: int = 0
    percent_complete: float = 0.0
    eta_seconds: int | None = None
    download_bps: int = 0
    upload_bps: int = 0
    ratio: float = 0.0
    downloaded_bytes: int = 0
    uploaded_bytes: int = 0
    seeding_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Descriptor:
    """The slowly changing facts of one torrent that a list shows."""

    hashes: InfoHash
    info_hash: str
    """The public name: fixed when the torrent is accepted, whatever hashes its metadata brings later."""
    download_dir: str
    added_at: float
    name: str | None = None
    content_path: str | None = None
    library_path: str | None = None
    sequential: bool = False
    tags: tuple[str, ...] = ()
    category: str | None = None
    trackers: tuple[str, ...] = ()
    max_download_bps: int | None = None
    max_upload_bps: int | None = None
    connections_limit: int | None = None
    queue_position: int | None = None
    seed_ratio_limit: float | None = None
    seed_time_limit: int | None = None
    completed_at: float | None = None
    extensions: frozenset[str] | None = None
    """The extensions of the wanted files, in lower case and without the dot; None before the files are known."""


class TorrentView(msgspec.Struct, frozen=True, gc=False):
    """One torrent as a list shows it; the fold of its events."""

    id: TorrentId
    descriptor: Descriptor
    state: StateView
    progress: Progress
    last_updated: float


@dataclass(frozen=True, slots=True)
class FileView:
    """One file of a torrent; `rule` says what decided its priority."""

    index: int
    path: str
    size_bytes: int
    bytes_completed: int
    priority: Priority
    selected: bool
    rule: str


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """What the user wants of a torrent's files; see `revaer.selection`. `priorities` overrides by file index."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    skip_fluff: bool = False
    priorities: Mapping[int, Priority] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TorrentOptions:
    """Everything a user may ask of one torrent; kept with the intent, so it holds across restarts.

    A rate of `None` asks for nothing, so that the torrent's labels decide, and 0 is unlimited. `max_connections` of
    `None` is the engine's default, a seeding goal of `None` that of its labels or of the node. `trackers` are ours
    (added to, or with `replace_trackers` instead of, those in the metainfo), and so are `web_seeds`. `paused` is the
    wish of the user, not a state.
    """

    download_dir: str
    name: str | None = None
    comment: str | None = None
    storage_mode: StorageMode = StorageMode.SPARSE
    sequential: bool = False
    paused: bool = False
    seed_mode: bool = False
    super_seeding: bool = False
    tags: tuple[str, ...] = ()
    category: str | None = None
    trackers: tuple[str, ...] = ()
    replace_trackers: bool = False
    web_seeds: tuple[str, ...] = ()
    replace_web_seeds: bool = False
    selection: SelectionRules = field(default_factory=SelectionRules)
    max_download_bps: int | None = None
    max_upload_bps: int | None = None
    max_connections: int | None = None
    seed_ratio_limit: float | None = None
    seed_time_limit: int | None = None
    auto_managed: bool = False
    queue_position: int | None = None
    pex_enabled: bool = True
    process: bool = True
