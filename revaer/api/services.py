"""Everything that handlers work with; one per generation of the actor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from actors import ActorRef, BlockingLane, Bus, Health, MailboxStatistics
from revaer.api.auth import Gate
from revaer.api.engine_watch import EngineWatch
from revaer.api.envelopes import FrameWriter
from revaer.api.fsops_watch import FsOpsWatch
from revaer.api.guardrail_watch import GuardrailWatch
from revaer.api.listening import Listening
from revaer.api.pages import Pages
from revaer.api.readmodel import ReadModel
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.api.standing import Standing
from revaer.api.streams import Streams
from revaer.config.messages import ConfigMessage
from revaer.database.messages import DatabaseStatus
from revaer.events import Event
from revaer.fsops.messages import FsOpsMessage
from revaer.session.messages import SessionMessage
from revaer.telemetry.messages import Metrics


@dataclass(frozen=True, slots=True)
class Services:
    """What a handler may use.

    Attributes:
        standing: what is in force now.
        config: whom the configuration is asked of.
        fsops: whom post-processing is asked of.
        jobs: the figures of post-processing.
        guardrails: which guard rails are tripped.
        schemas: the JSON Schema of each document.
        listening: where the API listens.
        epoch: number of this start of the daemon.
        lane: worker for bodies that take long to parse.
        files: worker for looks at files.
    """

    standing: Standing
    facts: NodeFacts
    session: ActorRef[SessionMessage]
    config: ActorRef[ConfigMessage]
    fsops: ActorRef[FsOpsMessage]
    jobs: FsOpsWatch
    guardrails: GuardrailWatch
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
    frames: FrameWriter
    streams: Streams
    engine: EngineWatch
    lane: BlockingLane
    files: BlockingLane

    @property
    def settings(self) -> ApiSettings:
        """Where torrents may be put, at this moment."""
        return self.standing.settings
