"""The node itself: health, and who it is."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from revaer.api.shapes.base import Bytes, Count, Duration, Milliseconds, Moment, Rate
from revaer.api.shapes.fsops import QueueFigures

Status = Literal["ok", "degraded", "starting", "down"]
Mode = Literal["setup", "active"]
HealthStateName = Literal["starting", "up", "degraded", "down"]


class Serving(TypedDict):
    """Whether the node serves."""

    status: Literal["ok", "degraded"]


class Liveness(TypedDict):
    """That the process lives and its loop turns."""

    status: Literal["live"]
    uptime: Duration


class HealthSummary(TypedDict):
    """What everybody may know of the node's health."""

    status: Status
    mode: Mode
    version: str


class Component(TypedDict):
    """How one part of the node is."""

    state: HealthStateName
    reason: str
    """Why it is not up; empty when it is."""
    since: Moment
    generation: Count
    """How often it was started anew."""
    latency_ms: NotRequired[Milliseconds]


class EngineFacts(TypedDict):
    """What the engine does. Its own figures are absent while it does not answer."""

    torrents: Count
    loading: bool
    """Whether torrents of an earlier run may still be missing."""
    engine: NotRequired[str]
    listening: NotRequired[list[str]]
    """Where peers may connect to, each `host:port`."""
    download_bps: NotRequired[Rate]
    upload_bps: NotRequired[Rate]
    downloaded_bytes: NotRequired[Bytes]
    uploaded_bytes: NotRequired[Bytes]
    peers: NotRequired[Count]
    alerts_dropped: NotRequired[Count]
    records_pending: NotRequired[Count]
    """Fast-resume records that are not known to be on disk."""


class DatabaseFacts(TypedDict):
    """How the database is."""

    available: bool
    latency_ms: NotRequired[Milliseconds]
    server_version: NotRequired[str]


class EventFacts(TypedDict):
    """How the event stream stands."""

    epoch: Count
    """Number of this start of the daemon."""
    seq: Count
    """Number of the newest event of this start."""
    subscribers: Count
    lagged: Count
    """Events that subscribers missed since the start, those included who left."""


class JournalFacts(TypedDict):
    """How the journal of events stands."""

    events: NotRequired[Count]
    """Events that are kept. Absent until they were counted."""
    waiting: Count
    """Events in memory that are not written yet."""
    waiting_bytes: Bytes
    lost: Count
    """At most so many events could not be kept since the journal was last started."""
    gaps: Count
    """Stretches from which events may be missing."""


class MailboxFacts(TypedDict):
    """How full an actor's mailbox is."""

    depth: Count
    peak: Count
    capacity: Count


class GuardrailFacts(TypedDict):
    """A guard rail that is tripped."""

    guardrail: str
    message: str


class FullHealth(HealthSummary):
    """Everything about the node's health."""

    build_sha: str
    revision: Count
    """The revision of the configuration in force."""
    uptime: Duration
    components: dict[str, Component]
    engine: EngineFacts
    fsops: NotRequired[QueueFigures]
    """Absent while post-processing does not answer."""
    database: DatabaseFacts
    events: EventFacts
    journal: NotRequired[JournalFacts]
    """Absent while the journal does not answer."""
    mailboxes: dict[str, MailboxFacts]
    """By the name of the actor."""
    guardrails: list[GuardrailFacts]


class NodeCard(TypedDict):
    """Who answers here."""

    name: Literal["revaer"]
    version: str
    api: str
    """Where the API begins."""
    mode: Mode
    revision: Count
