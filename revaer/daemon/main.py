"""The daemon's process: from the command line to an exit code."""

from __future__ import annotations

import sys

import structlog
import trio

from revaer.daemon.bootstrap import load_bootstrap
from revaer.daemon.directory import DataDirectory
from revaer.daemon.environment import Environment, read_environment
from revaer.daemon.errors import DaemonError, UsageError
from revaer.daemon.logs import Logs
from revaer.daemon.node import Node
from revaer.daemon.open_files import allow_many_open_files
from revaer.daemon.options import ServeOptions

log = structlog.get_logger("revaer.daemon")

SWITCH_SECONDS = 0.001
"""How long a worker may hold the interpreter while the event loop wants it. The loop lets go at each call into the
engine, and would wait up to five times as long with the interpreter's default."""


def serve(options: ServeOptions) -> int:
    """Run the daemon until it is told to stop.

    Returns:
        0 after an orderly stop; 2 when what was asked for is wrong; 3 when it could not start or had to give up.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    allow_many_open_files()
    environment = read_environment()
    try:
        return _serve(options, environment)
    except DaemonError as error:
        log.critical("daemon_refused", reason=str(error), exit_code=error.exit_code)
        sys.stderr.write(f"revaer: {error}\n")
        return error.exit_code


def _serve(options: ServeOptions, environment: Environment) -> int:
    logs = Logs(level=environment.log_level, form=environment.log_format)
    directory = DataDirectory(options.data_dir.absolute())
    is_known = directory.configuration.exists()
    bootstrap = load_bootstrap(environment.bootstrap_file, needed=not is_known)
    directory.prepare()
    with directory.locked():
        if directory.restoring.exists():
            raise UsageError(
                f"a restore did not come to its end in {directory.root}: run it again, or remove the directory"
            )
        node = Node(options=options, environment=environment, bootstrap=bootstrap, directory=directory, logs=logs)
        return trio.run(node.run)
