"""One run of the daemon: database, bus, health, supervised children, signals, and the way down."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

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
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.config.documents import Configuration
from revaer.daemon.credentials import Credentials, write_credentials
from revaer.daemon.directory import DataDirectory
from revaer.daemon.environment import Environment
from revaer.daemon.errors import DaemonError, UsageError
from revaer.daemon.heap import keep_heap
from revaer.daemon.keys import AdminKey, ensure_admin_key, register
from revaer.daemon.options import ServeOptions
from revaer.daemon.parts import Parts
from revaer.database.messages import Database, DatabaseStatus, InvalidDatabaseUrl, MigrationError
from revaer.database.service import open_database
from revaer.events import Event, HealthChanged, coalescing_key, fences, merge
from revaer.security.authenticate import Authenticator
from revaer.telemetry.metrics import Metrics

log = structlog.get_logger("revaer.daemon")

WIRING = "revaer.daemon.wiring"
"""Imported while the database server starts: each takes about half a second."""

STOP_BUDGET = 24.5
"""Seconds from the signal to the wall that ends the process even when something holds the interpreter."""

EMBEDDED_PATIENCE = 10.0
"""Seconds that a start waits for its own database server, which may have to be made first."""

CONFIGURED_PATIENCE = 2.0
"""Seconds that a start waits for a server that somebody else runs."""


class Node:
    """A daemon from the lock on its data directory to its exit code."""

    def __init__(
        self,
        *,
        options: ServeOptions,
        environment: Environment,
        configuration: Configuration,
        directory: DataDirectory,
    ) -> None:
        self._options = options
        self._environment = environment
        self._configuration = configuration
        self._directory = directory
        self._epoch = 0
        self._bus: Bus[Event] = Bus(key=coalescing_key, merge=merge, fences=fences)
        self._metrics = Metrics()
        self._stopping = trio.CancelScope()
        self._failure: DaemonError | None = None
        self._api = self._api_settings()

    async def run(self) -> int:
        """Run until a signal or an escalation; return the exit code.

        Raises:
            DaemonError: it could not start, or a child crashed too often.
        """
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch_signals, signals)
                nursery.start_soon(keep_heap)
                try:
                    with self._stopping:
                        await self._start()
                except DaemonError as error:
                    self._failure = error
                finally:
                    self._directory.withdraw()
                    nursery.cancel_scope.cancel()
        if self._failure is not None:
            raise self._failure
        log.info("stopped")
        return 0

    async def _start(self) -> None:
        self._epoch = await trio.to_thread.run_sync(self._directory.next_epoch)
        key = await ensure_admin_key(self._credentials_file, url=self._url_hint())
        health = Health(on_change=self._tell_health)
        database_health = health.reporter("database")
        try:
            async with open_database(
                data_dir=self._directory.root,
                url=self._options.database_url,
                on_status=lambda status: _report_database(database_health, status),
            ) as database:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._await_database, database)
                    wiring = await trio.to_thread.run_sync(import_module, WIRING)
                await self._supervise(wiring.children(self._parts(database, health, key)), database, health, key)
        except (MigrationError, InvalidDatabaseUrl) as error:
            raise UsageError(str(error)) from error

    async def _await_database(self, database: Database) -> None:
        """Give the database a moment, so that "ready" means that torrents can be added; then start without it."""
        embedded = self._options.database_url is None
        with trio.move_on_after(EMBEDDED_PATIENCE if embedded else CONFIGURED_PATIENCE):
            await database.wait_available()

    async def _supervise(self, specs: Sequence[ChildSpec], database: Database, health: Health, key: AdminKey) -> None:
        supervisor = Supervisor(specs, health=health, on_restart=self._restarted, on_crash=_crashed)
        async with trio.open_nursery() as helpers:
            helpers.start_soon(health.run)
            helpers.start_soon(register, key, database)
            try:
                await supervisor.run()
            except (StartFailed, RestartLimit) as error:
                self._failure = DaemonError(str(error))
                self._failure.__cause__ = error
            finally:
                helpers.cancel_scope.cancel()

    def _parts(self, database: Database, health: Health, key: AdminKey) -> Parts:
        return Parts(
            directory=self._directory,
            configuration=self._configuration,
            engine=self._options.engine,
            database=database,
            bus=self._bus,
            health=health,
            metrics=self._metrics,
            authenticator=Authenticator([key.stored]),
            facts=NodeFacts(version=revaer.__version__, build_sha=self._environment.build_sha, started_at=time.time()),
            epoch=self._epoch,
            api=lambda: self._api,
            on_ready=lambda url: self._ready(url, key),
        )

    def _ready(self, url: str, key: AdminKey) -> None:
        """Tell the world where the API answers; a restarted API keeps its port."""
        self._api = replace(self._api, port=int(url.rpartition(":")[2]))
        write_credentials(self._credentials_file, Credentials(api_url=url, api_key=str(key.clear)))
        self._directory.announce(url=url, epoch=self._epoch)
        sys.stdout.write(json.dumps({"event": "ready", "url": url}) + "\n")
        sys.stdout.flush()
        log.info("ready", url=url, epoch=self._epoch, pid=os.getpid())

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
        self._metrics.health_changed(change)
        self._bus.publish(
            HealthChanged(
                component=change.component,
                previous=change.previous,
                state=change.current,
                reason=change.reason or "",
                generation=change.generation,
            )
        )
        level = "info" if change.current in (HealthState.UP, HealthState.STARTING) else "warning"
        getattr(log, level)("health_changed", component=change.component, state=change.current, reason=change.reason)

    def _restarted(self, name: str, generation: int, cause: BaseException) -> None:
        self._metrics.actor_restarted(name)
        log.warning("actor_restarted", actor=name, generation=generation, cause=describe(cause))

    def _api_settings(self) -> ApiSettings:
        profile = self._configuration.app_profile
        options = self._options
        return ApiSettings(
            bind=options.bind or profile.bind_addr,
            port=profile.http_port if options.port is None else options.port,
            download_root=self._directory.downloads,
            allow_paths=tuple(Path(path) for path in self._configuration.fs_policy.allow_paths),
            allowed_hosts=tuple(profile.allowed_hosts),
        )

    @property
    def _credentials_file(self) -> Path:
        return self._environment.credentials_file or self._directory.credentials

    def _url_hint(self) -> str:
        return f"http://{self._api.bind}:{self._api.port}"


def _crashed(name: str, generation: int, cause: BaseException) -> None:
    log.error("actor_crashed", actor=name, generation=generation, exc_info=cause)


def _report_database(reporter: Reporter, status: DatabaseStatus) -> None:
    if status.latency is not None:
        reporter.latency(status.latency)
    if status.available:
        reporter.up()
    else:
        reporter.degraded(status.reason)
