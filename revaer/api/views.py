"""The wire shapes of torrents: optional fields are left out when absent, times are RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from revaer.session.messages import TorrentDetail
from revaer.types import Descriptor, FileView, Progress, SelectionRules, StateView, TorrentOptions, TorrentView

TORRENT_FIELDS = frozenset(
    {
        "id",
        "info_hash",
        "info_hash_v1",
        "info_hash_v2",
        "name",
        "state",
        "progress",
        "rates",
        "totals",
        "download_dir",
        "content_path",
        "library_path",
        "sequential",
        "tags",
        "category",
        "trackers",
        "rate_limit",
        "connections_limit",
        "queue_position",
        "added_at",
        "completed_at",
        "last_updated",
    }
)
"""What a list can be trimmed to."""

_OPTIONAL = (
    ("name", "name"),
    ("content_path", "content_path"),
    ("library_path", "library_path"),
    ("category", "category"),
    ("connections_limit", "connections_limit"),
    ("queue_position", "queue_position"),
)


@lru_cache(4096)
def rfc3339(at: float) -> str:
    """Write Unix seconds as RFC 3339 in UTC, to the millisecond. Figures of many torrents have one time."""
    second = int(at // 1)
    carried, microseconds = divmod(round((at - second) * 1_000_000), 1_000_000)
    return f"{_second(second + carried)}.{microseconds // 1000:03}Z"


@lru_cache(8192)
def _second(at: int) -> str:
    """What was added or stopped in one go is of the same second."""
    return datetime.fromtimestamp(at, UTC).isoformat()[:-6]


def torrent_document(view: TorrentView) -> dict[str, Any]:
    """Return a torrent as a list shows it."""
    return {
        "id": view.id,
        **descriptor_document(view.descriptor),
        "state": state_document(view.state),
        **progress_documents(view.progress),
        "last_updated": rfc3339(view.last_updated),
    }


def descriptor_document(descriptor: Descriptor) -> dict[str, Any]:
    """Return the slowly changing fields of a torrent."""
    document: dict[str, Any] = {
        "info_hash": descriptor.info_hash,
        "download_dir": descriptor.download_dir,
        "sequential": descriptor.sequential,
        "tags": descriptor.tags,
        "trackers": descriptor.trackers,
        "rate_limit": _rate_limit(descriptor),
        "added_at": rfc3339(descriptor.added_at),
    }
    if descriptor.hashes.v1 is not None:
        document["info_hash_v1"] = descriptor.hashes.v1
    if descriptor.hashes.v2 is not None:
        document["info_hash_v2"] = descriptor.hashes.v2
    for name, attribute in _OPTIONAL:
        value = getattr(descriptor, attribute)
        if value is not None:
            document[name] = value
    if descriptor.completed_at is not None:
        document["completed_at"] = rfc3339(descriptor.completed_at)
    return document


def state_document(state: StateView) -> dict[str, Any]:
    """Return a state."""
    document: dict[str, Any] = {"kind": state.kind, "since": rfc3339(state.since)}
    if state.message is not None:
        document["message"] = state.message
    return document


def progress_documents(progress: Progress) -> dict[str, Any]:
    """Return the three objects with the quickly changing figures."""
    document: dict[str, Any] = {
        "bytes_downloaded": progress.bytes_downloaded,
        "bytes_total": progress.bytes_total,
        "percent_complete": progress.percent_complete,
    }
    if progress.eta_seconds is not None:
        document["eta_seconds"] = progress.eta_seconds
    return {
        "progress": document,
        "rates": {
            "download_bps": progress.download_bps,
            "upload_bps": progress.upload_bps,
            "ratio": progress.ratio,
        },
        "totals": {
            "downloaded_bytes": progress.downloaded_bytes,
            "uploaded_bytes": progress.uploaded_bytes,
            "seeding_seconds": progress.seeding_seconds,
        },
    }


def detail_document(detail: TorrentDetail) -> dict[str, Any]:
    """Return one torrent with its files and settings."""
    return {
        **torrent_document(detail.view),
        "files": [file_document(file) for file in detail.files],
        "settings": settings_document(detail.options),
    }


def file_document(file: FileView) -> dict[str, Any]:
    """Return one file."""
    return {
        "index": file.index,
        "path": file.path,
        "size_bytes": file.size_bytes,
        "bytes_completed": file.bytes_completed,
        "priority": file.priority.name.lower(),
        "selected": file.selected,
        "rule": file.rule,
    }


def settings_document(options: TorrentOptions) -> dict[str, Any]:
    """Return everything that was asked of a torrent, by the names that the add call takes."""
    document: dict[str, Any] = {
        "name": options.name,
        "comment": options.comment,
        "download_dir": options.download_dir,
        "storage_mode": options.storage_mode,
        "sequential": options.sequential,
        "paused": options.paused,
        "seed_mode": options.seed_mode,
        "super_seeding": options.super_seeding,
        "tags": options.tags,
        "category": options.category,
        "trackers": options.trackers,
        "replace_trackers": options.replace_trackers,
        "web_seeds": options.web_seeds,
        "replace_web_seeds": options.replace_web_seeds,
        "max_download_bps": options.max_download_bps,
        "max_upload_bps": options.max_upload_bps,
        "max_connections": options.max_connections,
        "seed_ratio_limit": options.seed_ratio_limit,
        "seed_time_limit": options.seed_time_limit,
        "auto_managed": options.auto_managed,
        "queue_position": options.queue_position,
        "pex_enabled": options.pex_enabled,
        "process": options.process,
        **_selection(options.selection),
    }
    return {name: value for name, value in document.items() if value is not None}


def _selection(rules: SelectionRules) -> dict[str, Any]:
    return {
        "include": rules.include,
        "exclude": rules.exclude,
        "skip_fluff": rules.skip_fluff,
        "priorities": {str(index): priority.name.lower() for index, priority in rules.priorities.items()},
    }


def _rate_limit(descriptor: Descriptor) -> dict[str, int]:
    """Return the torrent's own caps; one of 0 is none."""
    limits = {"download_bps": descriptor.max_download_bps, "upload_bps": descriptor.max_upload_bps}
    return {name: limit for name, limit in limits.items() if limit}
