"""From the engine's notifications to our events: pure, by duck typing, without the engine's library.

A notification dies when the next batch is taken, so everything is copied here. Reading an attribute costs up to half a
microsecond each; statuses are read in one go per torrent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from revaer.session.port import (
    CheckFinished,
    EngineEvent,
    EngineFigures,
    EngineState,
    ListenerFailed,
    ListenerUp,
    RecordRejected,
    StorageFailed,
    TorrentStatus,
    TrackerAnswered,
    TrackerFailed,
)
from revaer.session.roster import Entry
from revaer.types import InfoHash, TorrentId

PAUSED = 1 << 4
AUTO_MANAGED = 1 << 5
UPLOAD_MODE = 1 << 1

TELLING = frozenset(
    {
        "torrent_checked_alert",
        "file_error_alert",
        "fastresume_rejected_alert",
        "tracker_reply_alert",
        "tracker_error_alert",
        "listen_succeeded_alert",
        "listen_failed_alert",
    }
)
"""The notifications that can be copied here; all others say nothing to us."""

_STATES: Mapping[int, EngineState] = {
    0: EngineState.CHECKING,  # waits for its turn to check
    1: EngineState.CHECKING,
    2: EngineState.FETCHING_METADATA,
    3: EngineState.DOWNLOADING,
    4: EngineState.FINISHED,
    5: EngineState.SEEDING,
    6: EngineState.CHECKING,  # allocates
    7: EngineState.CHECKING,  # reads its record
}
_DONE = frozenset({EngineState.FINISHED, EngineState.SEEDING})
_HAS_METADATA = frozenset({EngineState.DOWNLOADING, EngineState.FINISHED, EngineState.SEEDING})

read_status: Callable[[Any], tuple[Any, ...]] = attrgetter(
    "state",
    "flags",
    "total_wanted_done",
    "total_wanted",
    "total_done",
    "download_payload_rate",
    "upload_payload_rate",
    "all_time_download",
    "all_time_upload",
    "finished_time",
    "queue_position",
    "progress",
    "num_peers",
    "error",
)
"""Everything a status needs, in one call.

A torrent seeds from when everything wanted is there. The engine's `seeding_time` waits for what is not wanted too, so
it is `finished_time` that counts.
"""

_POSIX = frozenset({"system", "generic"})
_UNREADABLE = "the reason is no readable text"
_FILE_IN_THE_WAY = "a file is in the way"


def translate_status(entry: Entry, status: Any) -> TorrentStatus:
    """Copy one status. A magnet whose files nobody chose yet is still fetching what it needs to know."""
    (
        code,
        flags,
        wanted_done,
        wanted,
        done,
        down,
        up,
        downloaded,
        uploaded,
        seeding,
        position,
        progress,
        peers,
        error,
    ) = read_status(status)
    state = _STATES[code]
    if entry.choosing and state in _HAS_METADATA:
        state = EngineState.FETCHING_METADATA
    if entry.problem is not None and not error and not flags & UPLOAD_MODE and not entry.refused:
        entry.problem = None
    return TorrentStatus(
        entry.torrent_id,
        state,
        bool(flags & PAUSED),
        bool(flags & AUTO_MANAGED),
        wanted_done,
        wanted,
        done,
        0 if state in _DONE else down,  # the engine's own average falls for minutes after the end
        up,
        downloaded,
        uploaded,
        seeding,
        position,
        progress,
        peers,
        entry.problem or error or None,
    )


def translate(alert: Any, torrent_id: TorrentId) -> EngineEvent | None:
    """Copy a notification about one torrent that needs no memory; `None` for kinds that say nothing to us."""
    match type(alert).__name__:
        case "torrent_checked_alert":
            return CheckFinished(torrent_id)
        case "file_error_alert":
            return StorageFailed(torrent_id, _text(alert.filename), errno_of(alert.error), _text(alert.error.message))
        case "fastresume_rejected_alert":
            return RecordRejected(torrent_id, f"{_text(alert.error.message)} {_text(alert.file_path)}".strip())
        case "tracker_reply_alert":
            return TrackerAnswered(torrent_id, alert.tracker_url(), alert.num_peers)
        case "tracker_error_alert":
            message = _text(alert.failure_reason) or _text(alert.error.message)
            return TrackerFailed(torrent_id, alert.tracker_url(), message)
    return None


def translate_session(alert: Any) -> EngineEvent | None:
    """Copy a notification about the session; `None` for kinds that say nothing to us."""
    match type(alert).__name__:
        case "listen_succeeded_alert":
            return ListenerUp(join_address(alert.address, alert.port))
        case "listen_failed_alert":
            where = join_address(alert.address, alert.port)
            return ListenerFailed(where, f"{alert.listen_interface()}: {alert.error.message()}")
    return None


def translate_hashes(hashes: Any) -> InfoHash | None:
    """Copy info-hashes; `None` when there is none."""
    v1 = str(hashes.v1) if hashes.has_v1() else None
    v2 = str(hashes.v2) if hashes.has_v2() else None
    return InfoHash(v1=v1, v2=v2) if v1 or v2 else None


def same_torrent(one: Any, other: Any) -> bool:
    """Tell whether two sets of info-hashes share one."""
    same_v1 = one.has_v1() and other.has_v1() and one.v1 == other.v1
    return bool(same_v1 or (one.has_v2() and other.has_v2() and one.v2 == other.v2))


def translate_figures(
    values: Mapping[str, int], before: EngineFigures, seconds: float, counts: Mapping[str, int], dropped: int
) -> EngineFigures:
    """Copy session counters; rates are what was added since `before`, `seconds` ago."""
    downloaded, uploaded = values["net.recv_payload_bytes"], values["net.sent_payload_bytes"]
    return EngineFigures(
        download_bps=int(max(0, downloaded - before.downloaded) / seconds) if seconds > 0 else 0,
        upload_bps=int(max(0, uploaded - before.uploaded) / seconds) if seconds > 0 else 0,
        downloaded=downloaded,
        uploaded=uploaded,
        peers=values["peer.num_peers_connected"],
        notifications=dict(counts),
        dropped=dropped,
    )


def errno_of(error: Any) -> int:
    """The system's error number, 0 for errors of the engine's own making."""
    return int(error.value()) if error.category().name() in _POSIX else 0


def move_failure(alert: Any) -> str:
    """Why a move failed. The engine says "Success" when a file already exists at the destination."""
    reason = _text(alert.error.message) if alert.error.value() else _FILE_IN_THE_WAY
    return f"{_text(alert.file_path)}: {reason}"


def join_address(host: str, port: int) -> str:
    """`host:port`, with brackets around version 6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _text(read: Callable[[], str]) -> str:
    """Read what others may have written: a tracker may send any bytes."""
    try:
        return read()
    except UnicodeDecodeError:
        return _UNREADABLE
