"""What the children are made of, apart from the wiring, which is slow to import."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from actors import Bus, Health
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.config.documents import AppProfile
from revaer.config.key_file import KeyPlace
from revaer.config.surroundings import Defaults
from revaer.daemon.directory import DataDirectory
from revaer.daemon.keys import LocalKey
from revaer.daemon.setup import SetupTerms
from revaer.database.messages import ListeningDatabase
from revaer.events import Event
from revaer.security.authenticate import Authenticator
from revaer.telemetry.metrics import Metrics


async def _leave(_: AppProfile) -> None:
    """Leave logs and traces as they are."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the children are made of; everything outlives them.

    Attributes:
        directory: the data directory.
        engine: name of the engine.
        database: the database.
        bus: every event.
        health: every component.
        metrics: every metric.
        authenticator: the registry of API keys; the configuration fills it.
        facts: what the node says of itself.
        epoch: number of this start.
        defaults: what holds where the configuration is silent, and what the command line decided over it.
        key_file: the encryption keys of secrets.
        setup: how the node comes to its setup.
        key: the local admin key.
        api: where the API listens until the configuration says it.
        on_ready: called with the API's URL when it first answers.
        on_moved: called with the API's URL when it has moved.
        apply_telemetry: puts into force what a profile says of logs and traces.
        secluded: files of the daemon's own outside of its data directory.
    """

    directory: DataDirectory
    engine: str
    database: ListeningDatabase
    bus: Bus[Event]
    health: Health
    metrics: Metrics
    authenticator: Authenticator
    facts: NodeFacts
    epoch: int
    defaults: Defaults
    key_file: KeyPlace
    setup: SetupTerms
    key: LocalKey
    api: Callable[[], ApiSettings]
    on_ready: Callable[[str], None]
    on_moved: Callable[[str], None] = lambda _: None
    apply_telemetry: Callable[[AppProfile], Awaitable[None]] = _leave
    secluded: tuple[Path, ...] = ()
