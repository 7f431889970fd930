"""The words of the engine port: values, settings, errors and events that pass between the session and an engine.

Torrents are named by our identity. Units: bytes, bytes per second, seconds. `None` as a limit is unlimited.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from revaer.types import InfoHash, StorageMode, TorrentId


class EngineError(Exception):
    """Root of what an engine may raise."""


class EngineRefused(EngineError):
    """The engine refused the call: the message says why. Nothing changed."""


class AnswerLost(EngineError):
    """The engine did the call or not: its answer was lost. Whoever asks again finds out."""


class EngineClosed(EngineError):
    """The engine was closed before it could answer."""


class InvalidMetainfo(EngineError):
    """Bytes that are no usable metainfo, or a magnet that is no usable magnet; the message is made for people."""


class InvalidSetting(EngineError):
    """A setting the engine does not know, or a value out of its bounds."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a torrent: its index in the engine, its path relative to the torrent's root (`/`-separated, NFC; for a
    single-file torrent its name), its size, and its place in the payload. Pad files are marked."""

    index: int
    path: str
    size: int
    offset: int
    pad: bool = False


@dataclass(frozen=True, slots=True)
class Metainfo:
    """What a `.torrent` says. `multi_file` tells whether files live in a folder called `name`."""

    name: str
    hashes: InfoHash
    total_size: int
    piece_length: int
    pieces: int
    files: tuple[FileEntry, ...]
    multi_file: bool
    private: bool
    trackers: tuple[str, ...]
    web_seeds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Magnet:
    """What a magnet link says."""

    hashes: InfoHash
    name: str | None
    trackers: tuple[str, ...]
    web_seeds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddSpec:
    """One torrent to add. Exactly one of `metainfo` and `magnet` is the source.

    A magnet asks for no payload until `set_file_priorities` was called after its metadata came. `trackers` and
    `web_seeds` are the complete lists. `have`, when given, holds one flag per piece that is verified on disk; it
    replaces what the record says and the engine trusts it. `source` is what the metainfo or magnet says, for whoever
    has read it already.
    """

    torrent_id: TorrentId
    download_dir: str
    metainfo: bytes | None = None
    magnet: str | None = None
    paused: bool = False
    auto_managed: bool = False
    sequential: bool = False
    storage_mode: StorageMode = StorageMode.SPARSE
    seed_mode: bool = False
    super_seeding: bool = False
    pex_enabled: bool = True
    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()
    file_priorities: tuple[int, ...] | None = None
    max_download_bps: int | None = None
    max_upload_bps: int | None = None
    max_connections: int | None = None
    record: bytes | None = None
    have: Sequence[bool] | None = None
    source: Metainfo | Magnet | None = field(default=None, compare=False, repr=False)


class EngineState(enum.StrEnum):
    """What the engine does with a torrent, apart from the paused flag."""

    CHECKING = "checking"
    FETCHING_METADATA = "fetching_metadata"
    DOWNLOADING = "downloading"
    FINISHED = "finished"
    SEEDING = "seeding"


class TorrentStatus(msgspec.Struct, frozen=True, gc=False):
    """One torrent's figures. `wanted_done` and `wanted` count the bytes of selected files; `downloaded` and `uploaded`
    are payload totals over the torrent's life; `error` is the engine's message when it stopped by itself."""

    torrent_id: TorrentId
    state: EngineState
    paused: bool
    auto_managed: bool
    wanted_done: int
    wanted: int
    total_done: int
    download_bps: int
    upload_bps: int
    downloaded: int
    uploaded: int
    seeding_seconds: int
    queue_position: int
    progress: float
    peers: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class StatusBatch:
    """The torrents whose figures changed since the last batch."""

    items: tuple[TorrentStatus, ...]


@dataclass(frozen=True, slots=True)
class MetadataArrived:
    """A magnet's metadata came: the complete `.torrent` bytes and what they say."""

    torrent_id: TorrentId
    metainfo: bytes
    parsed: Metainfo


@dataclass(frozen=True, slots=True)
class TorrentsConflict:
    """Metadata showed that two torrents are one and the same. The engine stopped both, and neither has the metadata."""

    torrent_id: TorrentId
    other_id: TorrentId


@dataclass(frozen=True, slots=True)
class DownloadFinished:
    """Every wanted piece is verified."""

    torrent_id: TorrentId


@dataclass(frozen=True, slots=True)
class CheckFinished:
    """A check of the files ended."""

    torrent_id: TorrentId


@dataclass(frozen=True, slots=True)
class RecordReady:
    """An asked-for fast-resume record, without the info dictionary."""

    torrent_id: TorrentId
    record: bytes


@dataclass(frozen=True, slots=True)
class RecordUnchanged:
    """An asked-for record is not needed (nothing changed) or could not be made; `reason` is empty when unchanged."""

    torrent_id: TorrentId
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StorageFailed:
    """Reading or writing payload failed; the engine stopped the torrent. `errno` is the system's number, 0 when
    unknown."""

    torrent_id: TorrentId
    path: str
    errno: int
    message: str


@dataclass(frozen=True, slots=True)
class RecordRejected:
    """The engine could not use a record (files missing or of another size); it checks the files itself instead."""

    torrent_id: TorrentId
    reason: str


@dataclass(frozen=True, slots=True)
class TrackerAnswered:
    """A tracker answered an announce; `peers` as it said."""

    torrent_id: TorrentId
    url: str
    peers: int


@dataclass(frozen=True, slots=True)
class TrackerFailed:
    """An announce failed."""

    torrent_id: TorrentId
    url: str
    message: str


@dataclass(frozen=True, slots=True)
class ListenerUp:
    """The engine listens on this address."""

    address: str


@dataclass(frozen=True, slots=True)
class ListenerFailed:
    """The engine could not listen on this address."""

    address: str
    message: str


@dataclass(frozen=True, slots=True)
class EventsDropped:
    """The engine dropped notifications; ask for every status again."""

    count: int


EngineEvent: TypeAlias = (
    StatusBatch
    | MetadataArrived
    | TorrentsConflict
    | DownloadFinished
    | CheckFinished
    | RecordReady
    | RecordUnchanged
    | StorageFailed
    | RecordRejected
    | TrackerAnswered
    | TrackerFailed
    | ListenerUp
    | ListenerFailed
    | EventsDropped
)


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """Session-wide counters since the engine started; `notifications` by kind of alert."""

    download_bps: int = 0
    upload_bps: int = 0
    downloaded: int = 0
    uploaded: int = 0
    peers: int = 0
    notifications: Mapping[str, int] = field(default_factory=dict)
    dropped: int = 0
