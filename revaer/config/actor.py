"""The config actor: owns what is in force, changes it, and follows what others change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, assert_never

import trio

from actors import Actor, BlockingLane, Bus, Handled, Health, answer, later
from revaer.config.current import Adoption, Cause, Current
from revaer.config.document_desk import DocumentDesk
from revaer.config.key_desk import KeyDesk
from revaer.config.key_file import KeyPlace
from revaer.config.key_rotation import KeyRotation
from revaer.config.local_copy import LocalCopy
from revaer.config.messages import (
    ApplyPatch,
    CompleteSetup,
    ConfigMessage,
    DocumentMessage,
    FactoryReset,
    IssueKey,
    KeyMessage,
    ListKeys,
    PutLabelPolicy,
    ReadConfiguration,
    ReadHistory,
    ReadSecret,
    RevokeKey,
    Rollback,
    RotateEncryptionKey,
    RotateKey,
    StartSetup,
    ValidatePatch,
)
from revaer.config.secret_store import SecretStore
from revaer.config.setup import SetupDesk
from revaer.config.steward import Steward
from revaer.config.store import ConfigStore
from revaer.config.surroundings import Defaults, Surroundings
from revaer.config.troubles import Troubles
from revaer.config.watcher import Refreshed, Watcher, WatchTiming
from revaer.config.work import Lane
from revaer.database.messages import ListeningDatabase
from revaer.events import Event
from revaer.security.messages import AttemptThrottle, StoredKey

_WORKERS: Final = 3


def _ignore(_: object) -> None:
    """Tell nobody."""


def _threads(name: str) -> Lane:
    return BlockingLane(name, workers=_WORKERS)


@dataclass(frozen=True, slots=True)
class ConfigTiming:
    """Seconds of the config actor.

    Attributes:
        database_within: how long a start waits for the database before it takes the local copy.
        watch: intervals of the watcher.
    """

    database_within: float = 2.0
    watch: WatchTiming = field(default_factory=WatchTiming)


class ConfigActor(Actor[ConfigMessage]):
    """Keeps the configuration, the API keys, the secrets and the setup.

    Args:
        database: where they are kept.
        bus: told of every other revision by `SettingsChanged`.
        copy_path: the node's own copy of what is in force.
        key_file: the encryption keys of secrets.
        defaults: what holds where the documents are silent.
        surroundings: what changes are held against; its secrets are filled in here.
        on_keys: given every valid key when one changes, and at the start; in the event loop.
        on_adopted: told of every revision that comes into force; in the event loop.
        health: where `config_watcher` is reported; without it, under the actor's own name.
        throttle: counts failed setup attempts per address.
        timing: deadlines and intervals.
        lanes: makes the lanes for blocking calls, by name.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        database: ListeningDatabase,
        bus: Bus[Event],
        copy_path: Path,
        key_file: KeyPlace,
        defaults: Defaults,
        surroundings: Surroundings,
        on_keys: Callable[[Sequence[StoredKey]], None] = _ignore,
        on_adopted: Callable[[Adoption], None] = _ignore,
        health: Health | None = None,
        throttle: AttemptThrottle | None = None,
        timing: ConfigTiming | None = None,
        lanes: Callable[[str], Lane] = _threads,
        clock: Callable[[], float] = trio.current_time,
    ) -> None:
        self._database = database
        self._bus = bus
        self._copy_path = copy_path
        self._key_file = key_file
        self._defaults = defaults
        self._surroundings = surroundings
        self._on_keys = on_keys
        self._on_adopted = on_adopted
        self._health = health
        self._throttle = AttemptThrottle(clock=clock) if throttle is None else throttle
        self._timing = ConfigTiming() if timing is None else timing
        self._lanes = lanes
        self._clock = clock

    async def on_start(self) -> None:
        """Put a revision into force, whatever is away, and follow changes in the background."""
        report = self.context.health if self._health is None else self._health.reporter("config_watcher")
        report.up()
        troubles = Troubles(report)
        lane = self._lanes("config")
        copy = LocalCopy(self._copy_path, lane, troubles)
        self._secrets = SecretStore(self._key_file, lane, troubles)
        self._current = Current(
            bus=self._bus,
            lane=lane,
            defaults=self._defaults,
            troubles=troubles,
            on_keys=self._on_keys,
            on_adopted=self._on_adopted,
        )
        self._open_desks(copy, lane, troubles)
        await self._secrets.load()
        await self._steward.begin(announce=self.context.generation > 1, within=self._timing.database_within)
        watcher = Watcher(
            self._database, self._refresh, lambda: self._current.state.revision, troubles, self._timing.watch
        )
        for work in (copy.run, watcher.listen, watcher.run):
            self.context.spawn(work)

    async def handle(self, message: ConfigMessage) -> Handled:
        """Answer reads from memory at once; start everything else and answer when it is done."""
        match message:
            case ReadConfiguration():
                return answer(message, self._current.snapshot)
            case ListKeys():
                return answer(message, self._current.snapshot.keys)
            case ReadSecret(name=name):
                return answer(message, self._secrets.read(self._current.state.secrets, name))
            case IssueKey() | RotateKey() | RevokeKey():
                return self._handle_keys(message)
            case StartSetup():
                return later(message, partial(self._setup.start, message))
            case CompleteSetup():
                return later(message, partial(self._setup.complete, message))
            case RotateEncryptionKey():
                return later(message, partial(self._rotation.rotate, message))
            case _:
                return self._handle_documents(message)

    def _handle_documents(self, message: DocumentMessage) -> Handled:
        desk = self._documents
        match message:
            case ApplyPatch():
                return later(message, partial(desk.apply, message))
            case PutLabelPolicy():
                return later(message, partial(desk.put_label, message))
            case ValidatePatch():
                return later(message, partial(desk.validate, message))
            case ReadHistory():
                return later(message, partial(desk.history, message))
            case Rollback():
                return later(message, partial(desk.roll_back, message))
            case FactoryReset():
                return later(message, partial(desk.factory_reset, message))
            case _:
                assert_never(message)

    def _handle_keys(self, message: KeyMessage) -> Handled:
        match message:
            case IssueKey():
                return later(message, partial(self._keys.issue, message))
            case RotateKey():
                return later(message, partial(self._keys.rotate, message))
            case RevokeKey():
                return later(message, partial(self._keys.revoke, message))
            case _:
                assert_never(message)

    async def _refresh(self, cause: Cause) -> Refreshed:
        """Look at the database for the watcher, and take up what waited for it."""
        found = await self._steward.refresh(cause)
        if not self._secrets.is_loaded:
            await self._secrets.load()
            self._secrets.survey(self._current.state.secrets)
        await self._rotation.finish()
        return found

    def _open_desks(self, copy: LocalCopy, lane: Lane, troubles: Troubles) -> None:
        store = ConfigStore(self._database)
        self._steward = steward = Steward(
            store=store,
            current=self._current,
            copy=copy,
            secrets=self._secrets,
            probing=self._lanes("config-paths"),
            troubles=troubles,
        )
        self._rotation = KeyRotation(steward=steward, copy=copy, secrets=self._secrets, troubles=troubles)
        self._keys = KeyDesk(steward, lane)
        self._documents = DocumentDesk(
            steward=steward, store=store, secrets=self._secrets, surroundings=self._surroundings
        )
        self._setup = SetupDesk(
            steward=steward,
            database=self._database,
            lane=lane,
            surroundings=self._surroundings,
            secrets=self._secrets,
            throttle=self._throttle,
            clock=self._clock,
        )
