"""Torrents: as a list shows them, and one with its files and settings."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from revaer.api.shapes.base import (
    Bytes,
    Count,
    Fraction,
    Id,
    InfoHashText,
    Moment,
    Percent,
    Rate,
    Seconds,
    Trimmed,
)
from revaer.api.shapes.fsops import JobAway, JobSummary
from revaer.types import StorageMode, TorrentState

PriorityName = Literal["skip", "low", "normal", "high"]


class State(TypedDict):
    """What a torrent is doing."""

    kind: TorrentState
    since: Moment
    """When this state began."""
    message: NotRequired[str]
    """For `failed` what happened and what to do; for a torrent that a rule stopped, which rule."""


class ProgressFigures(TypedDict):
    """How far a torrent is, counted in the bytes that are wanted."""

    bytes_downloaded: Bytes
    """Wanted bytes that are verified."""
    bytes_total: Bytes
    """Wanted bytes; 0 before the metadata of a magnet."""
    percent_complete: Percent
    eta_seconds: NotRequired[Seconds]
    """Seconds until it is complete, at the present rate."""


class RateFigures(TypedDict):
    """How fast a torrent moves."""

    download_bps: Rate
    upload_bps: Rate
    ratio: Fraction
    """Uploaded bytes per byte of payload."""


class Totals(TypedDict):
    """What a torrent has moved in all its life here."""

    downloaded_bytes: Bytes
    uploaded_bytes: Bytes
    seeding_seconds: Seconds
    """How long it has been seeded, across restarts."""


class RateCaps(TypedDict):
    """The caps of one torrent; one that is left out is not set."""

    download_bps: NotRequired[Rate]
    upload_bps: NotRequired[Rate]


class TorrentFacts(TypedDict):
    """The facts of a torrent that change seldom."""

    info_hash: InfoHashText
    """The hash that it was accepted by: v1 when there is one, else v2. It never changes."""
    info_hash_v1: NotRequired[InfoHashText]
    info_hash_v2: NotRequired[InfoHashText]
    name: NotRequired[str]
    """Its name; absent while nobody knows one."""
    download_dir: str
    """Absolute directory of its payload."""
    content_path: NotRequired[str]
    """Absolute path of its file, or of the directory of its files."""
    library_path: NotRequired[str]
    """Absolute path of what post-processing made of it."""
    sequential: bool
    """Whether its pieces are downloaded in order."""
    tags: list[str]
    category: NotRequired[str]
    trackers: list[str]
    rate_limit: RateCaps
    connections_limit: NotRequired[Count]
    queue_position: NotRequired[Count]
    """Its place in the queue, from 0."""
    added_at: Moment
    completed_at: NotRequired[Moment]
    """When every wanted byte was verified."""


class Torrent(TorrentFacts):
    """A torrent as a list shows it."""

    id: Id
    """Our name for it: a UUID that never changes."""
    state: State
    progress: ProgressFigures
    rates: RateFigures
    totals: Totals
    last_updated: Moment


TrimmedTorrent = Annotated[Torrent, Trimmed("id")]
"""A torrent with the fields that were asked for by `fields`; `id` is always there."""


class TorrentPage(TypedDict):
    """A page of torrents."""

    torrents: list[Torrent] | list[TrimmedTorrent]
    """Whole, or with the fields that `fields` names."""
    next: NotRequired[str]
    """The cursor of the next page; absent on the last."""
    loading: NotRequired[bool]
    """Whether torrents of an earlier run may still be missing."""


class File(TypedDict):
    """A file of a torrent."""

    index: Count
    """Its place in the torrent, from 0."""
    path: str
    """Relative to the torrent's root, with `/` between names."""
    size_bytes: Bytes
    bytes_completed: Bytes
    """Verified bytes."""
    priority: PriorityName
    selected: bool
    """Whether it is wanted."""
    rule: str
    """What decided that: `default`, `skip_fluff`, `index override`, or the pattern."""


class FileList(TypedDict):
    """The files of a torrent; none before the metadata of a magnet."""

    files: list[File]


class TorrentSettings(TypedDict):
    """What was asked of a torrent, by the names that the add call takes. What nobody asked for is left out."""

    name: NotRequired[str]
    comment: NotRequired[str]
    download_dir: str
    storage_mode: StorageMode
    sequential: bool
    paused: bool
    """Whether it is to stand still; a wish, not a state."""
    seed_mode: bool
    super_seeding: bool
    tags: list[str]
    category: NotRequired[str]
    trackers: list[str]
    replace_trackers: bool
    web_seeds: list[str]
    replace_web_seeds: bool
    max_download_bps: NotRequired[Rate]
    max_upload_bps: NotRequired[Rate]
    max_connections: NotRequired[Count]
    seed_ratio_limit: NotRequired[Fraction]
    seed_time_limit: NotRequired[Seconds]
    auto_managed: bool
    queue_position: NotRequired[Count]
    pex_enabled: bool
    process: bool
    """Whether post-processing follows."""
    include: list[str]
    exclude: list[str]
    skip_fluff: bool
    priorities: dict[Annotated[str, Field(pattern="^[0-9]+$")], PriorityName]
    """Overrides by the index of a file."""


class TorrentDetail(Torrent):
    """One torrent, with its files, what was asked of it, and its job of post-processing."""

    files: list[File]
    settings: TorrentSettings
    fsops: NotRequired[JobSummary | JobAway]
    """The job of post-processing; absent when there is none."""
