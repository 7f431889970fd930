"""Everything that handlers work with; one per generation of the actor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from actors import ActorRef, BlockingLane, Bus, Health, MailboxStatistics
from revaer.api.auth import Gate
from revaer.api.frames import FrameWriter
from revaer.api.listening import Listening
from revaer.api.once import Once
from revaer.api.overview import Overview
from revaer.api.pages import Pages
from revaer.api.readmodel import ReadModel
from revaer.api.rows import RowWriter
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.api.standing import Standing
from revaer.api.streams import Streams
from revaer.api.turnstile import Turnstile
from revaer.api.volumes import Volumes
from revaer.api.watch import Watch, watch_limits
from revaer.authoring.messages import AuthoringMessage
from revaer.config.messages import ConfigMessage
from revaer.database.messages import DatabaseStatus
from revaer.events import Event
from revaer.fsops.messages import FsOpsFigures, FsOpsMessage
from revaer.journal.messages import JournalMessage
from revaer.session.messages import EngineReport, SessionMessage
from revaer.telemetry.messages import RELAY, LineRelay, Metrics
from revaer.throttle.messages import EffectiveLimits, Violation


@dataclass(frozen=True, slots=True)
class Services:
    """What a handler may use.

    Attributes:
        standing: what is in force now.
        config: whom the configuration is asked of.
        fsops: whom post-processing is asked of.
        jobs: the figures of post-processing.
        authoring: whom new `.torrent` files are asked of.
        guardrails: which guard rails are tripped.
        schemas: the JSON Schema of each document.
        listening: where the API listens.
        epoch: number of this start of the daemon.
        rows: writes the torrents of lists and snapshots.
        frames: writes server-sent events.
        socket_frames: writes the same for WebSockets.
        limits: the global limits in force.
        volumes: how full the disks are.
        overview: what all torrents come to.
        browsing: worker for looks into directories.
        once: answers calls that come with an `Idempotency-Key`.
        lane: worker for bodies that take long to parse.
        files: worker for looks at files.
        packing: worker for answers that take long to compress.
        turnstile: lets streams work by turns.
        log_lines: the log as it is written.
    """

    standing: Standing
    facts: NodeFacts
    session: ActorRef[SessionMessage]
    config: ActorRef[ConfigMessage]
    fsops: ActorRef[FsOpsMessage]
    jobs: Watch[FsOpsFigures | None]
    guardrails: Watch[tuple[Violation, ...]]
    schemas: Mapping[str, Mapping[str, Any]]
    listening: Listening
    bus: Bus[Event]
    epoch: int
    gate: Gate
    health: Health
    metrics: Metrics
    database: Callable[[], DatabaseStatus]
    mailboxes: Callable[[], Mapping[str, MailboxStatistics]]
    model: ReadModel
    pages: Pages
    overview: Overview
    rows: RowWriter
    frames: FrameWriter
    socket_frames: FrameWriter
    streams: Streams
    engine: Watch[EngineReport | None]
    lane: BlockingLane
    files: BlockingLane
    turnstile: Turnstile = field(default_factory=Turnstile)
    log_lines: LineRelay = RELAY
    authoring: ActorRef[AuthoringMessage] = field(default_factory=lambda: ActorRef("authoring"))
    limits: Watch[EffectiveLimits | None] = field(default_factory=lambda: watch_limits(ActorRef("throttle")))
    volumes: Volumes = field(default_factory=lambda: Volumes(BlockingLane("volumes")))
    browsing: BlockingLane = field(default_factory=lambda: BlockingLane("browsing", workers=2))
    once: Once = field(default_factory=Once)
    journal: ActorRef[JournalMessage] = field(default_factory=lambda: ActorRef("journal"))
    packing: BlockingLane = field(default_factory=lambda: BlockingLane("packing", workers=2))

    @property
    def settings(self) -> ApiSettings:
        """Where torrents may be put, at this moment."""
        return self.standing.settings
