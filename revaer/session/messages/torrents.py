"""What others may ask about torrents: add, remove, act, select, process, inspect, and the snapshot that readers start
from.

A request about a torrent carries the id of the request of the outside that it is made for, if any (`request_id`): the
events that it causes and the log lines about it have it too. What is asked is the same whoever asks, so it does not
count when requests are compared.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from actors import Refused, Request
from revaer.fsops.messages import JobSpec, JobView
from revaer.types import FileView, SelectionRules, TorrentId, TorrentOptions, TorrentView


class SessionRefusal(Refused):
    """The session refused a request; nothing changed."""


class InvalidSource(SessionRefusal):
    """The magnet or metainfo cannot be used; `pointer` says which field of the request."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.message = message


class DuplicateTorrent(SessionRefusal):
    """A torrent with one of these info-hashes, or with this id, is here already."""

    def __init__(self, existing: TorrentId, info_hash: str) -> None:
        super().__init__(f"torrent {info_hash} is already here as {existing}")
        self.existing = existing
        self.info_hash = info_hash


class UnknownTorrent(SessionRefusal):
    """No torrent has this id or info-hash."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no torrent {key}")
        self.key = key


class ActionRefused(SessionRefusal):
    """The action makes no sense now, or the engine refused it; the message says why."""


class SessionUnavailable(SessionRefusal):
    """What the request needs is away (the database, the engine); try again after `retry_after` seconds."""

    def __init__(self, reason: str, *, retry_after: float = 2.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class AddTorrent(Request[TorrentView]):
    """Accept a torrent from a magnet or a metainfo. Answered when the intent is durable and the engine has it.

    `record` is a fast-resume record of a metainfo's torrent that another program had; what it claims is not hashed.

    Raises (at the asker): InvalidSource, DuplicateTorrent, ActionRefused, SessionUnavailable.
    """

    options: TorrentOptions
    magnet: str | None = None
    metainfo: bytes | None = None
    torrent_id: TorrentId | None = None
    record: bytes | None = None
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RemoveTorrent(Request[None]):
    """Remove a torrent, with `delete_data` its payload too. Answered when it is done. `reason`, for the log, tells why
    when that is not plain.

    Raises (at the asker): UnknownTorrent, ActionRefused (payload could not be deleted), SessionUnavailable.
    """

    torrent_id: TorrentId
    delete_data: bool = False
    request_id: str | None = field(default=None, compare=False)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop transfers of a torrent until it is resumed. `reason`, shown beside its state as long as this session lives,
    tells why when that is not plain."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """Let a paused torrent run again."""


@dataclass(frozen=True, slots=True)
class Reannounce:
    """Announce to all trackers now."""


@dataclass(frozen=True, slots=True)
class Recheck:
    """Hash every file again."""


@dataclass(frozen=True, slots=True)
class SetSequential:
    """Download pieces in order, or rarest first."""

    enable: bool


class Keep(enum.Enum):
    """Stands for a value that stays as it is."""

    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class SetRate:
    """Cap this torrent, bytes per second; 0 is unlimited. `None` asks for nothing: the fallback of `CapTorrents` holds,
    and without one the torrent is unlimited. `KEEP` leaves a cap as it is."""

    download_bps: int | Keep | None = Keep.KEEP
    upload_bps: int | Keep | None = Keep.KEEP


@dataclass(frozen=True, slots=True)
class Move:
    """Move the payload to another directory; files there are never overwritten."""

    download_dir: str


@dataclass(frozen=True, slots=True)
class SetPieceDeadline:
    """Want one piece within this many milliseconds."""

    piece: int
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Queue:
    """Place in the queue: a position counted from 0, or one of `top`, `bottom`, `up`, `down`."""

    position: int | str


Action: TypeAlias = Pause | Resume | Reannounce | Recheck | SetSequential | SetRate | Move | SetPieceDeadline | Queue


@dataclass(frozen=True, slots=True)
class Act(Request[TorrentView]):
    """Do one action. Answered when it is applied, with the view after it.

    Raises (at the asker): UnknownTorrent, ActionRefused, SessionUnavailable.
    """

    torrent_id: TorrentId
    action: Action
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Select(Request["TorrentDetail"]):
    """Replace the selection rules. Raises (at the asker): UnknownTorrent, ActionRefused, SessionUnavailable."""

    torrent_id: TorrentId
    rules: SelectionRules
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Reprocess(Request[JobView]):
    """Have a complete torrent go through post-processing again, also one that never did. Answered with its job when it
    is queued, and shown as processing.

    Raises (at the asker): UnknownTorrent, ActionRefused (it is not complete, or its job runs), SessionUnavailable.
    """

    torrent_id: TorrentId
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ReadJobSpec(Request[JobSpec]):
    """Ask what would be processed of a torrent now. Raises (at the asker): UnknownTorrent, ActionRefused (its files are
    not known yet), SessionUnavailable."""

    torrent_id: TorrentId


@dataclass(frozen=True, slots=True)
class TorrentDetail:
    """One torrent with its files (empty before a magnet's metadata) and options."""

    view: TorrentView
    options: TorrentOptions
    files: tuple[FileView, ...]


@dataclass(frozen=True, slots=True)
class Inspect(Request[TorrentDetail]):
    """Look at one torrent closely. Raises (at the asker): UnknownTorrent."""

    torrent_id: TorrentId
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class CatalogueSnapshot:
    """Every torrent as of event `seq` of this run; events after it complete the picture."""

    seq: int
    views: tuple[TorrentView, ...]
    loading: bool
    """True while torrents of an earlier run may be missing: not all are listed yet, or the list comes from copies."""
    listed: bool = True
    """False until every torrent of an earlier run that is known is here. `CatalogueListed` tells of changes."""


@dataclass(frozen=True, slots=True)
class Snapshot(Request[CatalogueSnapshot]):
    """Take the snapshot a reader starts from."""


@dataclass(frozen=True, slots=True)
class EngineReport:
    """Facts about the engine for health pages and metrics. Rates in bytes per second, totals in bytes since the
    start; `records_pending` are wanted or made and not known to be on disk."""

    engine: str
    listening: tuple[str, ...]
    download_bps: int
    upload_bps: int
    downloaded_bytes: int
    uploaded_bytes: int
    peers: int
    alerts: Mapping[str, int]
    alerts_dropped: int
    records_pending: int


@dataclass(frozen=True, slots=True)
class ReportEngine(Request[EngineReport]):
    """Ask for the engine's facts."""


@dataclass(frozen=True, slots=True)
class ConnectPeer(Request[None]):
    """Dial one peer by address, as a client with local knowledge would. Raises: UnknownTorrent, ActionRefused."""

    torrent_id: TorrentId
    host: str
    port: int
    request_id: str | None = field(default=None, compare=False)
