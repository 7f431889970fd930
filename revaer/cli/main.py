"""The entry point `revaer`: how a command line is run, and how the process ends."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

import revaer
from revaer.cli import telemetry
from revaer.cli.failures import Failure
from revaer.cli.settings import Settings, global_options
from revaer.cli.tree import Interrupted, LazyGroup, PipeClosed

INTERRUPTED_CODE = 128 + signal.SIGINT
"""How a shell counts a command that Ctrl-C ended."""

EPILOG = """\b
Examples:
  revaer serve                                      run the daemon here
  revaer add 'magnet:?xt=urn:btih:...' --skip-fluff
  revaer ls --state downloading --sort -progress
  revaer status 3f9a --follow                       any unique beginning of an id
  revaer tail --event completed --output json

\b
Exit codes:
  0  done
  2  the request was wrong: usage, or the daemon says 400, 409, 412, 413, 415 or 422
  3  everything else: no daemon, no key, not found, not allowed, too many requests

Each command has its own help: revaer add --help. Documents of --output json are those of the HTTP API.
"""


def _show_version(ctx: click.Context) -> None:
    if not ctx.resilient_parsing:
        click.echo(f"revaer, version {revaer.__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _param, asked: _show_version(ctx) if asked else None,
    help="Show the version and exit.",
)
@global_options(leading=True)
def cli() -> None:
    """A torrent daemon that loses nothing, and the commands that talk to it.

    The options below go with every command, before or after its name. A daemon on this machine is found by itself,
    with its key.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line and answer the exit code.

    Raises:
        Interrupted: the user pressed Ctrl-C.
    """
    settings = Settings()
    try:
        code, error = _execute(arguments, settings)
    except Interrupted:
        _report(settings, "interrupted", INTERRUPTED_CODE, None)
        raise
    _report(settings, "failure" if code else "success", code, error)
    return code


def _execute(arguments: Sequence[str], settings: Settings) -> tuple[int, Exception | None]:
    """Run one command line; answer the exit code and what it failed of."""
    try:
        result = cli.main(args=list(arguments), prog_name="revaer", standalone_mode=False, obj=settings)
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and error.ctx is not None:
            settings.command = error.ctx.command_path
        error.show()
        return error.exit_code, error
    except click.Abort as error:
        raise Interrupted from error
    except PipeClosed:
        _silence_stdout()
        return 0, None
    except Interrupted:
        raise
    except Exception as error:  # noqa: BLE001 (the last line of defence: a defect of ours still ends with the documented code)
        traceback.print_exc()
        sys.stderr.write("error: this is a defect of revaer; please report it with the lines above\n")
        return Failure.exit_code, error
    return (result if isinstance(result, int) else 0), None


def _report(settings: Settings, outcome: str, code: int, error: Exception | None) -> None:
    """Report a command to the user's endpoint, when there is one; `revaer` alone is no command."""
    url = telemetry.endpoint(cli)
    command = settings.command.removeprefix("revaer").strip()
    if url is None or not command:
        return
    told = telemetry.document(
        command=command,
        outcome=outcome,
        trace_id=settings.request_id,
        exit_code=code,
        message=telemetry.words_of(error),
    )
    telemetry.report(url, told)


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
