"""Everything that handlers work with; one per generation of the actor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from actors import ActorRef, BlockingLane, Bus, Health, MailboxStatistics
from revaer.api.auth import Gate
from revaer.api.engine_watch import EngineWatch
from revaer.api.envelopes import FrameWriter
from revaer.api.pages import Pages
from revaer.api.readmodel import ReadModel
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.api.streams import Streams
from revaer.database.messages import DatabaseStatus
from revaer.events import Event
from revaer.session.messages import SessionMessage
from revaer.telemetry.messages import Metrics


@dataclass(frozen=True, slots=True)
class Services:
    """What a handler may use.

    Attributes:
        epoch: number of this start of the daemon.
        lane: worker for bodies that take long to parse.
    """

    settings: ApiSettings
    facts: NodeFacts
    session: ActorRef[SessionMessage]
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
