"""The engine port: what the session needs of a BitTorrent engine, in our words. The real and the simulated engine both
fulfil it, and one contract suite runs over both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from revaer.session.engine_settings import EngineSettings, PeerClass, Proxy
from revaer.session.messages import PeerView, PieceMap, Rates, TrackerState, TrackerView
from revaer.session.vocabulary import (
    AddSpec,
    AnswerLost,
    CheckFinished,
    DownloadFinished,
    EngineClosed,
    EngineError,
    EngineEvent,
    EngineFigures,
    EngineRefused,
    EngineState,
    EventsDropped,
    FileEntry,
    InvalidMetainfo,
    InvalidSetting,
    ListenerFailed,
    ListenerUp,
    Magnet,
    MetadataArrived,
    Metainfo,
    RecordReady,
    RecordRejected,
    RecordUnchanged,
    StatusBatch,
    StorageFailed,
    TorrentsConflict,
    TorrentStatus,
    TrackerAnswered,
    TrackerFailed,
)
from revaer.types import TorrentId

__all__ = [
    "AddSpec",
    "AnswerLost",
    "CheckFinished",
    "DownloadFinished",
    "Engine",
    "EngineClosed",
    "EngineError",
    "EngineEvent",
    "EngineFactory",
    "EngineFigures",
    "EngineRefused",
    "EngineSettings",
    "EngineState",
    "EventsDropped",
    "FileEntry",
    "InvalidMetainfo",
    "InvalidSetting",
    "ListenerFailed",
    "ListenerUp",
    "Magnet",
    "MetadataArrived",
    "Metainfo",
    "PeerClass",
    "PeerView",
    "PieceMap",
    "Proxy",
    "Rates",
    "RecordReady",
    "RecordRejected",
    "RecordUnchanged",
    "StatusBatch",
    "StorageFailed",
    "TorrentStatus",
    "TorrentsConflict",
    "TrackerAnswered",
    "TrackerFailed",
    "TrackerState",
    "TrackerView",
]


class Engine(Protocol):
    """A BitTorrent engine. Calls answer when they are applied; unknown ids raise `EngineRefused`. Nothing here blocks
    the event loop. Engines start when constructed through their async `open` and must be closed."""

    name: str

    def parse_metainfo(self, metainfo: bytes) -> Metainfo:
        """Read `.torrent` bytes. May take milliseconds for large ones: call it from a worker then.

        Raises:
            InvalidMetainfo: not bencoded, truncated, without files, with names that are unsafe or cannot exist on disk.
        """

    def parse_magnet(self, uri: str) -> Magnet:
        """Read a magnet link.

        Raises:
            InvalidMetainfo: no magnet, or one without a usable info-hash.
        """

    async def add(self, spec: AddSpec) -> None:
        """Add a torrent. Raises: EngineRefused (known id or info-hash, unusable record), InvalidMetainfo,
        EngineClosed."""

    async def add_many(self, specs: Sequence[AddSpec]) -> Sequence[EngineError | None]:
        """Add many torrents, each as if by `add`; return for each why it was not added, None for one that was.

        Raises:
            EngineClosed: the engine was closed; nobody knows which of them it had taken in.
        """

    async def remove(self, torrent_id: TorrentId, *, delete_data: bool) -> None:
        """Forget a torrent, and delete its payload files when asked; answers when both are done.

        Raises:
            EngineRefused: unknown id, or files could not be deleted (the torrent is gone all the same).
            AnswerLost: the torrent is gone, and nobody knows whether its files are.
        """

    async def pause(self, torrent_id: TorrentId) -> None:
        """Stop transfers and leave the engine's own queue."""

    async def resume(self, torrent_id: TorrentId, *, auto_managed: bool) -> None:
        """Let it run again, under the engine's queue when `auto_managed`; clears an error."""

    async def pause_many(self, torrent_ids: Sequence[TorrentId]) -> Mapping[TorrentId, EngineError]:
        """Pause many torrents, each as if by `pause`; returns, when all is applied, why some were not."""

    async def resume_many(self, queued: Mapping[TorrentId, bool]) -> Mapping[TorrentId, EngineError]:
        """Let many torrents run again, each as if by `resume`, those with True under the engine's queue; returns, when
        all is applied, why some were not."""

    async def recheck(self, torrent_id: TorrentId) -> None:
        """Start to hash every file again."""

    async def reannounce(self, torrent_id: TorrentId) -> None:
        """Announce to all trackers now."""

    async def set_sequential(self, torrent_id: TorrentId, *, enable: bool) -> None:
        """Choose in-order or rarest-first."""

    async def set_super_seeding(self, torrent_id: TorrentId, *, enable: bool) -> None:
        """Choose whether a seed shows each piece once, and to one peer."""

    async def set_pex(self, torrent_id: TorrentId, *, enable: bool) -> None:
        """Choose whether peers of this torrent may be learned from peers; the settings may forbid it for all."""

    async def set_auto_managed(self, torrent_id: TorrentId, *, enable: bool) -> None:
        """Put a torrent that is not paused under the engine's queue, or let it run past the queue. One that is paused
        stays as it is."""

    async def set_rates(self, caps: Mapping[TorrentId, Rates]) -> Mapping[TorrentId, Rates]:
        """Cap torrents and return the caps that each has then, read back; unknown ids are left out.

        Raises:
            EngineRefused: a rate is out of its bounds; nothing changed.
        """

    async def set_connections_limit(self, torrent_id: TorrentId, limit: int | None) -> None:
        """Cap one torrent's peers."""

    async def set_file_priorities(self, torrent_id: TorrentId, priorities: Sequence[int]) -> None:
        """Set one priority (0, 1, 4 or 7) per file index. Raises EngineRefused before metadata or for a wrong count."""

    async def set_trackers(self, torrent_id: TorrentId, urls: Sequence[str]) -> None:
        """Replace the trackers, one tier each."""

    async def set_web_seeds(self, torrent_id: TorrentId, urls: Sequence[str]) -> None:
        """Replace the web seeds."""

    async def set_piece_deadline(self, torrent_id: TorrentId, piece: int, *, deadline_ms: int) -> None:
        """Want one piece soon. Raises EngineRefused for a piece that does not exist."""

    async def set_queue_position(self, torrent_id: TorrentId, position: int | str) -> None:
        """Place in the engine's queue: a number from 0, or `top`, `bottom`, `up`, `down`."""

    async def move_in_queue(self, steps: Sequence[tuple[TorrentId, str]]) -> None:
        """Move torrents in the queue, one after the other, to `top`, `bottom`, `up` or `down`; those that are not here
        are passed over. Answers when all is applied."""

    async def move(self, torrent_id: TorrentId, download_dir: str) -> None:
        """Move the payload; answers when it is moved. Raises EngineRefused when a file is in the way or the disk
        refuses."""

    async def flush(self, torrent_id: TorrentId) -> None:
        """Answer when everything received so far is on disk."""

    async def file_progress(self, torrent_id: TorrentId) -> tuple[int, ...]:
        """Verified bytes per file index (pads included). Empty before metadata."""

    async def peers(self, torrent_id: TorrentId) -> tuple[PeerView, ...]:
        """Read who it is connected to, or is about to be."""

    async def trackers(self, torrent_id: TorrentId) -> tuple[TrackerView, ...]:
        """Read what its trackers say, those of the settings included, in the order in which they are asked."""

    async def pieces(self, torrent_id: TorrentId) -> PieceMap:
        """Read which pieces are verified. Empty before metadata."""

    async def connect_peer(self, torrent_id: TorrentId, host: str, port: int) -> None:
        """Dial one peer."""

    async def statuses(self, torrent_ids: Sequence[TorrentId]) -> tuple[TorrentStatus, ...]:
        """Read the figures of torrents as they are now; unknown ids are left out."""

    def request_statuses(self, *, everything: bool = False) -> None:
        """Ask for a `StatusBatch` of what changed, or of every torrent."""

    def request_record(self, torrent_id: TorrentId, *, only_if_changed: bool = True) -> None:
        """Ask for a record: answered by `RecordReady` or `RecordUnchanged`. Everything it claims is on disk."""

    async def next_events(self) -> Sequence[EngineEvent]:
        """Wait for the next events, in order; never empty. Raises EngineClosed after `close`."""

    async def apply(self, settings: EngineSettings) -> tuple[str, ...]:
        """Change settings while running; returns the names of those that cannot change before the next `open`.

        Raises:
            InvalidSetting: before anything changed.
        """

    async def set_limits(self, rates: Rates) -> None:
        """Hold everything to these rates from now on, and change nothing else. Raises InvalidSetting."""

    async def limits(self) -> Rates:
        """Read the global caps that hold now."""

    def figures(self) -> EngineFigures:
        """The newest session-wide counters; at most two seconds old while events are being read."""

    def listening(self) -> tuple[str, ...]:
        """The addresses it listens on."""

    async def close(self, *, within: float) -> None:
        """Stop: announce the stop to trackers at most `within` seconds, then let go. Idempotent."""


class EngineFactory(Protocol):
    """Makes an engine; the session calls it at each of its starts."""

    async def __call__(self, settings: EngineSettings, *, state_dir: Path) -> Engine:
        """Open an engine. Raises InvalidSetting, EngineError."""
