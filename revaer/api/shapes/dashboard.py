"""The dashboard: the whole node in one small document."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from revaer.api.shapes.base import Bytes, Count, Duration, Id, Moment, Rate
from revaer.api.shapes.fsops import QueueFigures
from revaer.api.shapes.node import GuardrailFacts, HealthStateName, Mode, Status
from revaer.types import TorrentState


class TorrentCounts(TypedDict):
    """How many torrents there are."""

    total: Count
    active: Count
    """How many move payload now."""
    loading: bool
    """Whether torrents of an earlier run may still be missing."""
    states: dict[TorrentState, Count]
    """By state; every state is there."""


class PayloadRates(TypedDict):
    """What all torrents move now."""

    download_bps: Rate
    upload_bps: Rate


class PayloadTotals(TypedDict):
    """What all torrents come to."""

    wanted_bytes: Bytes
    completed_bytes: Bytes
    """What of it is there and verified."""
    downloaded_bytes: Bytes
    uploaded_bytes: Bytes


class EngineQueue(TypedDict):
    """How the engine's queue stands, and its limits; -1 is unlimited."""

    queued: Count
    downloading: Count
    seeding: Count
    max_active: int
    max_active_downloads: int
    max_active_seeds: int


class VolumeFacts(TypedDict):
    """A file system that directories of the node are on."""

    roots: dict[str, str]
    """Those directories, by what they are for."""
    measured_at: Moment
    total_bytes: NotRequired[Bytes]
    free_bytes: NotRequired[Bytes]
    """What the daemon may still write."""
    problem: NotRequired[str]
    """Why the figures are absent, or old."""


class UnwellComponent(TypedDict):
    """A part of the node that is not as it should be."""

    component: str
    state: HealthStateName
    reason: str
    since: Moment


class HealthOverview(TypedDict):
    """How the node is, and what is not as it should be."""

    status: Status
    components: list[UnwellComponent]
    guardrails: list[GuardrailFacts]


class AltSpeedFacts(TypedDict):
    """Whether the alternative speed holds."""

    active: bool
    window: NotRequired[str]
    """The window that holds now."""
    changes_at: NotRequired[Moment]
    """When the schedule changes that; absent when it never does."""


class LimitsInForce(TypedDict):
    """The limits of all torrents together; null is unlimited."""

    download_bps: Rate | None
    upload_bps: Rate | None
    in_effect: bool
    """Whether the engine has them."""
    alt_speed: AltSpeedFacts
    problem: NotRequired[str]
    """Why it has not."""


class FailedTorrent(TypedDict):
    """A torrent that failed."""

    id: Id
    since: Moment
    name: NotRequired[str]
    message: NotRequired[str]


class Dashboard(TypedDict):
    """What the node does and how it is."""

    instance_name: str
    version: str
    mode: Mode
    revision: Count
    uptime: Duration
    torrents: TorrentCounts
    rates: PayloadRates
    totals: PayloadTotals
    queue: EngineQueue
    volumes: list[VolumeFacts]
    health: HealthOverview
    failures: list[FailedTorrent]
    """The torrents that failed last, the newest first; at most ten."""
    limits: NotRequired[LimitsInForce]
    """Absent while the governor does not answer."""
    fsops: NotRequired[QueueFigures]
    """Absent while post-processing does not answer."""
