"""One run of the daemon: database, bus, health, supervised children, signals, and the way down."""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from importlib import import_module

import structlog
import trio

import revaer
from actors import (
    Bus,
    ChildSpec,
    Health,
    HealthState,
    Reporter,
    RestartLimit,
    StartFailed,
    Supervisor,
    Transition,
    describe,
)
from revaer.api.errors import ApiError
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.config.effective import host_port
from revaer.config.key_file import KeyFile
from revaer.config.surroundings import Defaults
from revaer.daemon.announcing import Announcer
from revaer.daemon.bootstrap import Bootstrap
from revaer.daemon.directory import DataDirectory
from revaer.daemon.environment import Environment
from revaer.daemon.errors import DaemonError, UsageError
from revaer.daemon.heap import keep_heap
from revaer.daemon.keys import LocalKey
from revaer.daemon.logs import Logs
from revaer.daemon.observing import Observers
from revaer.daemon.options import ServeOptions
from revaer.daemon.parts import Parts
from revaer.daemon.setup import SetupTerms
from revaer.database.messages import (
    Database,
    DatabaseError,
    DatabaseStatus,
    InvalidDatabaseUrl,
    ListeningDatabase,
    MigrationError,
)
from revaer.database.service import open_database
from revaer.events import Event, HealthChanged, coalescing_key, fences, is_journaled, merge
from revaer.facts import FactBook
from revaer.journal.store import newest_epoch
from revaer.loading import uncollected
from revaer.security.authenticate import Authenticator

log = structlog.get_logger("revaer.daemon")

WIRING = "revaer.daemon.wiring"
"""Imported while the database server starts: each takes about half a second."""

STOP_BUDGET = 24.5
"""Seconds from the signal to the wall that ends the process even when something holds the interpreter."""

SERVER_STOP = 2.5
"""Seconds of those that the private database server gets even when every child takes all it may: an ordinary stop of it
takes less."""

EMBEDDED_PATIENCE = 10.0
"""Seconds that a start waits for its own database server, which may have to be made first."""

CONFIGURED_PATIENCE = 2.0
"""Seconds that a start waits for a server that somebody else runs."""


CONTROL_PLANE = "config_watcher"
CONTROL_PLANE_PARTS = ("config", "setup", "settings")
"""Actors that are shown as one component."""
API = "api"
AUTHORING = "authoring"
"""Shown as a part of the API: nothing else needs it."""


class Node:
    """A daemon from the lock on its data directory to its exit code.

    Args:
        options: the command line.
        environment: the environment.
        bootstrap: the changeset of an unattended setup; None when there is none.
        directory: the data directory, locked.
        logs: the log.
    """

    def __init__(
        self,
        *,
        options: ServeOptions,
        environment: Environment,
        bootstrap: Bootstrap | None,
        directory: DataDirectory,
        logs: Logs,
    ) -> None:
        self._options = options
        self._environment = environment
        self._directory = directory
        self._observers = Observers(logs)
        self._bind = "127.0.0.1" if options.bind == "localhost" else options.bind
        self._setup = SetupTerms(is_auto=options.setup == "auto", bootstrap=bootstrap, bind=self._bind)
        self._bus: Bus[Event] = Bus(
            key=coalescing_key, merge=merge, fences=fences, retain=is_journaled, annotate=FactBook().note
        )
        self._stopping = trio.CancelScope()
        self._failure: DaemonError | None = None
        # The configuration says more as soon as it is read.
        self._api = ApiSettings(
            bind=self._bind or "127.0.0.1",
            port=7070 if options.port is None else options.port,
            download_root=directory.downloads,
        )
        self._key = LocalKey(
            environment.credentials_file or directory.credentials,
            url=lambda: f"http://{host_port(self._api.bind, self._api.port)}",
        )

    async def run(self) -> int:
        """Run until a signal or an escalation; return the exit code.

        Raises:
            DaemonError: it could not start, or a child crashed too often.
        """
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch_signals, signals)
                nursery.start_soon(keep_heap)
                nursery.start_soon(self._observers.run)
                try:
                    with self._stopping:
                        await self._start()
                except DaemonError as error:
                    self._failure = error
                finally:
                    self._withdraw()
                    nursery.cancel_scope.cancel()
        if self._failure is not None:
            raise self._failure
        log.info("stopped")
        return 0

    def _withdraw(self) -> None:
        """Take the announcement back; what the disk says to it hides no other failure."""
        try:
            self._directory.withdraw()
        except OSError as error:
            log.warning("address_not_withdrawn", reason=str(error))

    async def _start(self) -> None:
        epoch = await trio.to_thread.run_sync(self._directory.next_epoch)
        health = Health(on_change=self._tell_health)
        health.reporter(CONTROL_PLANE)
        for part in CONTROL_PLANE_PARTS:
            health.reporter(part, parent=CONTROL_PLANE)
        health.reporter(API)
        health.reporter(AUTHORING, parent=API)
        database_health = health.reporter("database")
        try:
            async with open_database(
                data_dir=self._directory.root,
                url=self._options.database_url,
                on_status=lambda status: _report_database(database_health, status),
            ) as database:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._await_database, database)
                    with uncollected():
                        wiring = await trio.to_thread.run_sync(import_module, WIRING)
                epoch = await self._settle_epoch(epoch, database)
                announcer = Announcer(directory=self._directory, key=self._key, epoch=epoch)
                children = wiring.children(self._parts(database, health, epoch, announcer))
                await self._supervise(children, health, announcer)
        except (MigrationError, InvalidDatabaseUrl) as error:
            raise UsageError(str(error)) from error

    async def _await_database(self, database: Database) -> None:
        """Give the database a moment, so that "ready" means that torrents can be added; then start without it."""
        embedded = self._options.database_url is None
        with trio.move_on_after(EMBEDDED_PATIENCE if embedded else CONFIGURED_PATIENCE):
            await database.wait_available()

    async def _settle_epoch(self, counted: int, database: Database) -> int:
        """Return the number of this start: what the data directory counts, unless the database knows of more.

        Event ids must grow for ever, and a data directory may be lost, or restored from a copy.
        """
        try:
            known = await newest_epoch(database)
        except DatabaseError as error:
            log.debug("epoch_not_compared", reason=str(error))
            return counted
        if known < counted:
            return counted
        log.warning("epoch_raised", counted=counted, known=known)
        await trio.to_thread.run_sync(self._directory.raise_epoch, known + 1)
        return known + 1

    async def _supervise(self, specs: Sequence[ChildSpec], health: Health, announcer: Announcer) -> None:
        supervisor = Supervisor(
            specs, health=health, on_restart=self._restarted, on_crash=_crashed, escort=self._observers.escort
        )
        async with trio.open_nursery() as helpers:
            helpers.start_soon(health.run)
            helpers.start_soon(announcer.run)
            try:
                await supervisor.run()
            except (StartFailed, RestartLimit) as error:
                if isinstance(error.__cause__, DaemonError):
                    # A child's word on how it was started, with the right exit code.
                    self._failure = error.__cause__
                else:
                    self._failure = DaemonError(_words(error))
                    self._failure.__cause__ = error
            finally:
                helpers.cancel_scope.cancel()

    def _parts(self, database: ListeningDatabase, health: Health, epoch: int, announcer: Announcer) -> Parts:
        directory, secret_key = self._directory, self._environment.secret_key_file
        return Parts(
            directory=directory,
            engine=self._options.engine,
            database=database,
            bus=self._bus,
            health=health,
            metrics=self._observers.metrics,
            authenticator=Authenticator([]),
            facts=NodeFacts(
                version=revaer.__version__,
                build_sha=self._environment.build_sha,
                started_at=time.time(),
                mode="setup",
            ),
            epoch=epoch,
            defaults=Defaults(
                download_root=str(directory.downloads),
                resume_dir=str(directory.resume),
                library_root=str(directory.library),
                bind_addr=self._bind,
                http_port=self._options.port,
            ),
            key_file=KeyFile(secret_key or directory.secret_key, may_create=secret_key is None),
            setup=self._setup,
            key=self._key,
            api=lambda: self._api,
            on_ready=lambda url: self._answers_at(url, announcer.ready),
            on_moved=lambda url: self._answers_at(url, announcer.moved),
            apply_telemetry=self._observers.apply,
            secluded=tuple(path for path in (secret_key, self._environment.credentials_file) if path is not None),
        )

    def _answers_at(self, url: str, announce: Callable[[str], None]) -> None:
        """Note the port, which a restarted API keeps when it may have any, and tell the world."""
        self._api = replace(self._api, port=int(url.rpartition(":")[2]))
        announce(url)

    async def _watch_signals(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            name = signal.Signals(number).name
            if self._stopping.cancel_called:
                log.warning("stopping_at_once", signal=name)
                os._exit(128 + number)
            log.info("stopping", signal=name)
            faulthandler.dump_traceback_later(STOP_BUDGET, exit=True)
            self._stopping.cancel()

    def _tell_health(self, change: Transition) -> None:
        self._observers.metrics.health_changed(change)
        self._bus.publish(
            HealthChanged(
                component=change.component,
                previous=change.previous,
                state=change.current,
                reason=change.reason or "",
                generation=change.generation,
            )
        )
        is_well = change.current in (HealthState.UP, HealthState.STARTING)
        # On the way down every part says so; what else is wrong then is still worth a warning.
        is_stop = self._stopping.cancel_called and (change.reason or "").endswith("stopped")
        if is_well or is_stop:
            log.info("health_changed", component=change.component, state=change.current, reason=change.reason)
        else:
            log.warning("health_changed", component=change.component, state=change.current, reason=change.reason)

    def _restarted(self, name: str, generation: int, cause: BaseException) -> None:
        self._observers.metrics.actor_restarted(name)
        log.warning("actor_restarted", actor=name, generation=generation, cause=describe(cause))


def _words(error: StartFailed | RestartLimit) -> str:
    """Say what ended the daemon. What was foreseen is a sentence for people; of anything else they get the kind too."""
    if isinstance(error, StartFailed) and isinstance(error.__cause__, ApiError):
        return f"{error.actor} did not start: {error.__cause__}"
    return str(error)


def _crashed(name: str, generation: int, cause: BaseException) -> None:
    log.error("actor_crashed", actor=name, generation=generation, exc_info=cause)


def _report_database(reporter: Reporter, status: DatabaseStatus) -> None:
    if status.latency is not None:
        reporter.latency(status.latency)
    if status.available:
        reporter.up()
    else:
        reporter.degraded(status.reason)
