"""What the children are made of, apart from the wiring, which is slow to import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from actors import Bus, Health
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.config.documents import Configuration
from revaer.daemon.directory import DataDirectory
from revaer.database.messages import Database
from revaer.events import Event
from revaer.security.authenticate import Authenticator
from revaer.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Parts:
    """What the children are made of; everything outlives them."""

    directory: DataDirectory
    configuration: Configuration
    engine: str
    database: Database
    bus: Bus[Event]
    health: Health
    metrics: Metrics
    authenticator: Authenticator
    facts: NodeFacts
    epoch: int
    api: Callable[[], ApiSettings]
    on_ready: Callable[[str], None]
