"""The session's decisions about one torrent, without I/O: its state, its figures, its ETA, which files must exist.

State, from the engine's state and the flags (first line that fits):

    fault or engine error                       failed
    the user paused it          is complete     completed
                                otherwise       stopped (checking, while a recheck that the user asked for runs)
    the engine's queue holds it is complete     completed
                                otherwise       queued
    checking                                    checking
    fetching metadata                           fetching_metadata
    downloading                                 downloading
    finished or seeding         is complete     seeding
                                otherwise       downloading (the last bytes are on their way to the disk)

A torrent is complete when its completion was announced and the engine still has every wanted byte; with nothing wanted
there is nothing to announce. What post-processing makes of this is told in `revaer.session.barrier_policy`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from revaer.session.port import EngineState, FileEntry, TorrentStatus
from revaer.types import Progress, TorrentState

ETA_LIMIT = 100 * 86_400
"""A longer ETA, in seconds, says nothing and is left out."""

_PLAIN = {
    EngineState.CHECKING: TorrentState.CHECKING,
    EngineState.FETCHING_METADATA: TorrentState.FETCHING_METADATA,
    EngineState.DOWNLOADING: TorrentState.DOWNLOADING,
    EngineState.FINISHED: TorrentState.DOWNLOADING,
    EngineState.SEEDING: TorrentState.DOWNLOADING,
}
_DONE = frozenset({EngineState.FINISHED, EngineState.SEEDING})
_TRANSFERRING = frozenset(
    {TorrentState.DOWNLOADING, TorrentState.PROCESSING, TorrentState.SEEDING, TorrentState.FETCHING_METADATA}
)


def is_done(status: TorrentStatus) -> bool:
    """Tell whether the engine has every wanted byte, of at least one."""
    return status.state in _DONE and status.wanted > 0 and status.wanted_done >= status.wanted


def derive_state(status: TorrentStatus, *, paused: bool, announced: bool, rechecking: bool = False) -> TorrentState:
    """Read a torrent's state from the engine's, for a torrent without a fault.

    Args:
        status: the engine's last word.
        paused: whether the user paused it.
        announced: whether its completion was announced.
        rechecking: whether a recheck that the user asked for has not ended.
    """
    state = status.state
    complete = (announced or status.wanted == 0) if state in _DONE else announced and state is EngineState.CHECKING
    if paused:
        if rechecking and state is EngineState.CHECKING:
            return TorrentState.CHECKING
        return TorrentState.COMPLETED if complete else TorrentState.STOPPED
    if status.paused and status.auto_managed:
        return TorrentState.COMPLETED if complete else TorrentState.QUEUED
    if complete and state in _DONE:
        return TorrentState.SEEDING
    return _PLAIN[state]


def expected_state(*, paused: bool, queued: bool, announced: bool, has_metadata: bool) -> TorrentState:
    """Return the state to show until the engine's first word.

    Args:
        paused: whether the user paused it.
        queued: whether the engine's queue decides when it runs.
        announced: whether its completion was announced.
        has_metadata: whether its file list is known.
    """
    if paused:
        return TorrentState.COMPLETED if announced else TorrentState.STOPPED
    if queued and not announced:
        return TorrentState.QUEUED
    return TorrentState.CHECKING if has_metadata else TorrentState.FETCHING_METADATA


def cap(own: int | None, fallback: int | None) -> int | None:
    """Return the cap of one direction that holds, bytes per second; None is unlimited.

    Args:
        own: what the torrent's own options say: None is nothing, 0 is unlimited.
        fallback: what holds when they say nothing; None is unlimited.
    """
    return fallback if own is None else own or None


def smooth(previous: float, current: float, elapsed: float, constant: float) -> float:
    """Return the exponentially smoothed rate after `elapsed` seconds; a first rate and zero count at once."""
    if previous <= 0.0 or current <= 0.0:
        return float(current)
    return previous + (current - previous) * (1.0 - math.exp(-max(elapsed, 0.0) / constant))


def eta_seconds(remaining: int, rate: float) -> int | None:
    """Return the seconds until `remaining` bytes are there at `rate`; None when that cannot be told."""
    if remaining <= 0 or rate < 1.0:
        return None
    seconds = math.ceil(remaining / rate)
    return seconds if seconds <= ETA_LIMIT else None


def percent(done: int, total: int) -> float:
    """Return how much is done, 0 to 100, two digits, rounded down: 100 means all of it."""
    if total <= 0:
        return 0.0
    return min(done, total) * 10_000 // total / 100


def share_ratio(uploaded: int, downloaded: int, held: int) -> float:
    """Return what was given per byte taken; payload that was on disk from the start counts as taken."""
    base = max(downloaded, held)
    return round(uploaded / base, 4) if base > 0 else 0.0


def progress_of(status: TorrentStatus, state: TorrentState, rate: float) -> Progress:
    """Return the figures to show; rates are zero in every state that does not transfer.

    Args:
        status: the engine's last word.
        state: the state that is shown.
        rate: smoothed download rate for the ETA, bytes per second.
    """
    done, wanted = status.wanted_done, status.wanted
    moving = state in _TRANSFERRING
    return Progress(
        done,
        wanted,
        min(done, wanted) * 10_000 // wanted / 100 if wanted > 0 else 0.0,
        eta_seconds(wanted - done, rate) if state is TorrentState.DOWNLOADING else None,
        status.download_bps if moving else 0,
        status.upload_bps if moving else 0,
        share_ratio(status.uploaded, status.downloaded, status.total_done),
        status.downloaded,
        status.uploaded,
        status.seeding_seconds,
    )


def stalled(progress: Progress) -> Progress:
    """Return the same figures at a standstill."""
    return Progress(
        progress.bytes_downloaded,
        progress.bytes_total,
        progress.percent_complete,
        None,
        0,
        0,
        progress.ratio,
        progress.downloaded_bytes,
        progress.uploaded_bytes,
        progress.seeding_seconds,
    )


def files_claimed(
    files: Iterable[FileEntry], priorities: Sequence[int], piece_length: int, have: Sequence[bool]
) -> tuple[FileEntry, ...]:
    """Return the wanted files that must exist on disk because a verified piece lies in them.

    Unwanted files are left out: the engine keeps what it has of them elsewhere.

    Args:
        files: the torrent's files, pads included.
        priorities: one per file.
        piece_length: bytes per piece.
        have: one flag per piece.
    """
    claimed = []
    for file, priority in zip(files, priorities, strict=True):
        if file.pad or file.size == 0 or priority == 0:
            continue
        first, last = file.offset // piece_length, (file.offset + file.size - 1) // piece_length
        if any(have[first : last + 1]):
            claimed.append(file)
    return tuple(claimed)


def reconciliation(remembered: Sequence[int], wished: Sequence[int], files: Sequence[FileEntry]) -> str | None:
    """Describe how a record's file priorities differ from the user's wish; None when they agree.

    A record may be short: what it does not mention has normal priority.
    """
    normal = 4
    filled = [*remembered[: len(wished)], *[normal] * (len(wished) - len(remembered))]
    differing = [
        file.path for file, had, wish in zip(files, filled, wished, strict=True) if had != wish and not file.pad
    ]
    if not differing:
        return None
    shown = ", ".join(differing[:3]) + (f" and {len(differing) - 3} more" if len(differing) > 3 else "")
    return f"{len(differing)} of {len(files)} files had another priority: {shown}"
