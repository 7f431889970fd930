"""A private PostgreSQL under the data directory.

It is a child of the daemon in a session of its own: a signal to the daemon's group does not reach it, and a server
that outlives a killed daemon is taken over by the next one. It listens on a unix socket in its private directory
and nowhere else.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import structlog
import trio

from revaer.database.account import Account, open_way, prepare_home
from revaer.database.cluster import clear_attempt, cluster_version, last_words, open_log, publish
from revaer.database.endpoint import SUPERUSER, Endpoint, endpoint_of_socket, socket_path_fits
from revaer.database.installation import Installation, find_installation
from revaer.database.messages import DatabaseUnavailable
from revaer.database.postmaster import discard_stale_pid_file, find_postmaster, serves

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "listen_addresses": "",
        # Relative to the data directory, so that no path is too long for the server to bind.
        "unix_socket_directories": ".",
        "unix_socket_permissions": "0700",
        "max_connections": "20",
        "shared_buffers": "32MB",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "max_wal_size": "256MB",
        "min_wal_size": "32MB",
        "max_wal_senders": "0",
        "max_logical_replication_workers": "0",
        "max_parallel_workers": "0",
        "max_worker_processes": "2",
        "autovacuum_max_workers": "2",
        "io_method": "sync",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Errors of statements are reported by the daemon; here they would only fill the disk.
        "log_min_messages": "log",
        "log_checkpoints": "off",
    }
)

_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}
_INITDB_OPTIONS = (
    f"--username={SUPERUSER}",
    # The socket's directory is private to the server's user: who reaches it may enter.
    "--auth=trust",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
)
_LOG_NAME = "server.log"
_POLL = 0.02
_START_WITHIN = 10.0
# Fast shutdown, then without a checkpoint (the next start recovers), then by force.
STOP_STEPS = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 2.0))

# What a server says that starts while processes of a killed one are still there: they end by themselves, soon.
_REMAINS = ("pre-existing shared memory block", 'lock file "postmaster.pid" already exists')

_log = structlog.get_logger("revaer.database")


class _RemainsRun(DatabaseUnavailable):
    """Processes of a server that was killed have not ended yet."""


class EmbeddedServer:
    """Starts, watches over and stops the private server."""

    def __init__(
        self,
        home: Path,
        *,
        find: Callable[[int | None], Installation] = find_installation,
        stop_steps: Sequence[tuple[signal.Signals, float]] = STOP_STEPS,
    ) -> None:
        """Name the server's directory, without touching it.

        Args:
            home: Directory for the server alone; made when missing.
            find: Finds the programs of a major version, or of the newest for None.
            stop_steps: Signals to stop with, one after the other, and the patience after each in seconds.
        """
        self._home = home
        self._find = find
        self._stop_steps = stop_steps
        self._data = home / "data"
        self._child: trio.Process | None = None
        self._directory: int | None = None

    async def ensure(self) -> Endpoint:
        """Return where the server is reached, after starting it when it does not run.

        Raises:
            DatabaseUnavailable: It cannot be set up or started; trying again later may help.
        """
        await trio.to_thread.run_sync(self._resolve)
        give_up_at = trio.current_time() + _START_WITHIN
        while True:
            if not await self._running():
                await self._start()
            try:
                await self._until_ready()
            except _RemainsRun:
                if trio.current_time() > give_up_at:
                    raise
                await trio.sleep(_POLL)
            else:
                return self._endpoint()

    async def visit(self) -> Endpoint:
        """Return where a server is reached that somebody else runs.

        Raises:
            DatabaseUnavailable: It does not run.
        """
        await trio.to_thread.run_sync(self._resolve)
        if not await self._running():
            raise DatabaseUnavailable("the daemon's database server does not run")
        await self._until_ready()
        return self._endpoint()

    def leave(self) -> None:
        """Give up what `visit` needed."""
        if self._directory is not None:
            os.close(self._directory)
            self._directory = None

    async def stop(self) -> None:
        """Stop the server, gently at first and by force at last; by default within nine seconds. Never raises."""
        with trio.CancelScope(shield=True):
            found = await trio.to_thread.run_sync(find_postmaster, self._data)
            pids = [self._child.pid] if self._child is not None and self._child_lives() else []
            for pid in pids or ([found.pid] if found is not None else []):
                if not await self._stop_process(pid):
                    _log.error("database_server_not_stopped", pid=pid)
        self.leave()

    def _resolve(self) -> None:
        """Settle on one spelling of the directory; a running server is recognised by it."""
        self._home = self._home.resolve()
        self._data = self._home / "data"

    def _child_lives(self) -> bool:
        return self._child is not None and self._child.poll() is None

    async def _running(self) -> bool:
        return self._child_lives() or await trio.to_thread.run_sync(find_postmaster, self._data) is not None

    async def _start(self) -> None:
        account = await trio.to_thread.run_sync(prepare_home, self._home)
        version = await trio.to_thread.run_sync(cluster_version, self._data)
        installation = await trio.to_thread.run_sync(self._find, version)
        await trio.to_thread.run_sync(open_way, account, self._home, installation)
        if version is None:
            await self._initialise(installation, account)
        await trio.to_thread.run_sync(discard_stale_pid_file, self._data)
        await self._spawn(installation, account)

    async def _initialise(self, installation: Installation, account: Account) -> None:
        """Make the data directory. It appears under its name only when it is complete."""
        fresh = self._home / "data.new"
        command = [str(installation.program("initdb")), f"--pgdata={fresh}", *_INITDB_OPTIONS]
        try:
            await trio.to_thread.run_sync(clear_attempt, fresh)
            done = await trio.run_process(
                command,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                cwd=self._home,
                env=_ENVIRONMENT,
                **account.spawn_options,
            )
            if done.returncode != 0:
                words = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
                raise DatabaseUnavailable(f"cannot make the database: {words[0]}")
            await trio.to_thread.run_sync(publish, fresh, self._data)
        except OSError as error:
            raise DatabaseUnavailable(f"cannot make the database: {error}") from error

    async def _spawn(self, installation: Installation, account: Account) -> None:
        options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        command = [str(installation.program("postgres")), "-D", str(self._data), *options]
        try:
            log = await trio.to_thread.run_sync(open_log, self._home / _LOG_NAME, account)
            try:
                # A child that was started but not kept could not be stopped.
                with trio.CancelScope(shield=True):
                    self._child = await trio.lowlevel.open_process(
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        cwd=self._home,
                        env=_ENVIRONMENT,
                        start_new_session=True,
                        **account.spawn_options,
                    )
            finally:
                os.close(log)
        except OSError as error:
            raise DatabaseUnavailable(f"cannot start the embedded server: {error}") from error

    async def _until_ready(self) -> None:
        """Wait until the server accepts connections. One that is still recovering says so when it is asked."""
        with trio.move_on_after(_START_WITHIN):
            while True:
                found = await trio.to_thread.run_sync(find_postmaster, self._data)
                if found is not None and found.ready:
                    return
                if found is None and not self._child_lives():
                    cause = await self._cause_of_death()
                    if any(words in cause for words in _REMAINS):
                        raise _RemainsRun(f"the embedded server waits for what is left of a killed one to end: {cause}")
                    raise DatabaseUnavailable(f"the embedded server does not run: {cause}")
                await trio.sleep(_POLL)

    async def _cause_of_death(self) -> str:
        code = None if self._child is None else self._child.returncode
        if code is not None and code < 0:
            return f"it was ended by {signal.Signals(-code).name}"
        return await trio.to_thread.run_sync(last_words, self._home / _LOG_NAME)

    def _endpoint(self) -> Endpoint:
        """Name the socket; where its path is too long for the kernel, by way of an open directory."""
        if socket_path_fits(self._data):
            return endpoint_of_socket(self._data)
        if self._directory is None:
            self._directory = os.open(self._data, os.O_PATH | os.O_DIRECTORY)
        return endpoint_of_socket(Path(f"/proc/self/fd/{self._directory}"))

    async def _stop_process(self, pid: int) -> bool:
        for step, patience in self._stop_steps:
            try:
                os.kill(pid, step)
            except ProcessLookupError:
                return True
            except PermissionError:
                return False
            with trio.move_on_after(patience):
                await self._gone(pid)
                return True
        return False

    async def _gone(self, pid: int) -> None:
        if self._child is not None and self._child.pid == pid:
            await self._child.wait()
        # A server that was taken over is nobody's child here: its end can only be looked for.
        while True:
            if not await trio.to_thread.run_sync(serves, pid, self._data):
                return
            await trio.sleep(_POLL)
