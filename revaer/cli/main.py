"""The entry point `revaer`: the command tree, and how the process ends."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

import revaer
from revaer.cli.failures import Failure
from revaer.cli.settings import Settings, global_options

COMMANDS = {
    "serve": ("revaer.cli.serve:serve", "Run the daemon."),
    "demo": ("revaer.demo.command:demo", "Watch a download survive kill -9."),
    "setup": ("revaer.cli.setup:setup", "Set up a fresh node."),
    "add": ("revaer.cli.add:add", "Add torrents."),
    "ls": ("revaer.cli.listing:ls", "List torrents."),
    "status": ("revaer.cli.status:status", "Look at one torrent closely."),
    "files": ("revaer.cli.listing:files", "List the files of a torrent."),
    "tail": ("revaer.cli.tail:tail", "Follow the events."),
    "action": ("revaer.cli.acting:action", "Pause, resume, recheck, limit or move a torrent."),
    "select": ("revaer.cli.acting:select", "Choose the files of a torrent."),
    "rm": ("revaer.cli.acting:rm", "Remove torrents."),
    "fsops": ("revaer.cli.fsops:fsops", "See to the post-processing of finished downloads."),
    "config": ("revaer.cli.config:config", "Read and change the configuration."),
    "labels": ("revaer.cli.labels:labels", "Set what categories and tags give."),
    "keys": ("revaer.cli.keys:keys", "Issue, list, rotate and revoke API keys."),
    "secrets": ("revaer.cli.secrets:secrets", "Set and remove secrets."),
    "health": ("revaer.cli.health:health", "Ask the daemon how it is."),
    "metrics": ("revaer.cli.health:metrics", "Print the daemon's metrics."),
    "factory-reset": ("revaer.cli.setup:factory_reset", "Take the node back to its setup."),
}
"""Every command with the place it is loaded from when it is used, and its line in the help."""

ALIASES = {"torrent": {"add": "add", "remove": "rm"}, "settings": {"patch": "config set"}}
"""Names of earlier versions, which scripts still use."""


class Interrupted(Exception):
    """The user pressed Ctrl-C."""


class PipeClosed(Exception):
    """Whoever read the output has gone."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used: the daemon's imports must not slow down `revaer ls`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command; `None` when there is none of that name."""
        if cmd_name in ALIASES:
            commands = {name: load_command(real) for name, real in ALIASES[cmd_name].items()}
            return click.Group(cmd_name, commands=commands, help="Names of earlier versions.")
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help's list of commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_place, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a closed pipe and Ctrl-C pass click by, which would report them."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise PipeClosed from error
        except KeyboardInterrupt as error:
            raise Interrupted from error
        return result


def load_command(name: str) -> click.Command:
    """Import one command, such as `add`, or `config set` in its group."""
    first, *rest = name.split()
    module, _, attribute = COMMANDS[first][0].partition(":")
    command: click.Command = getattr(importlib.import_module(module), attribute)
    for step in rest:
        assert isinstance(command, click.Group), "only groups hold commands"
        command = command.commands[step]
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(revaer.__version__, prog_name="revaer")
@global_options(leading=True)
def cli() -> None:
    """A torrent daemon that loses nothing, and the commands that talk to it.

    The global options may stand before or after a command's name.

    Exit codes: 0 done; 2 the request was wrong; 3 everything else.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line and answer the exit code.

    Raises:
        Interrupted: the user pressed Ctrl-C.
    """
    try:
        result = cli.main(args=list(arguments), prog_name="revaer", standalone_mode=False, obj=Settings())
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as error:
        raise Interrupted from error
    except PipeClosed:
        _silence_stdout()
        return 0
    except Interrupted:
        raise
    except Exception:  # noqa: BLE001 (the last line of defence: a defect of ours still ends with the documented code)
        traceback.print_exc()
        sys.stderr.write("error: this is a defect of revaer; please report it with the lines above\n")
        return Failure.exit_code
    return result if isinstance(result, int) else 0


def main() -> NoReturn:
    """Run the process's command line and end the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding lacks must not end a command.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = run(sys.argv[1:])
    except Interrupted:
        _silence_stdout()
        # Ending by the signal itself lets a shell's loop stop too.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        code = Failure.exit_code
    sys.exit(code)


def _silence_stdout() -> None:
    """Keep the interpreter from complaining about unwritten output when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


if __name__ == "__main__":
    main()
