"""`revaer serve`: the daemon in the foreground."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.daemon.options import ServeOptions
from revaer.loading import uncollected

F = TypeVar("F", bound=Callable[..., Any])


def _address(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is None or value == "localhost":
        return value
    try:
        return str(ipaddress.ip_address(value.strip("[]")))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no IP address of this machine, such as 127.0.0.1") from None


def default_setup(bind: str | None) -> str:
    """A loopback listener sets itself up; any other waits for a token."""
    if bind is None or bind == "localhost" or ipaddress.ip_address(bind).is_loopback:
        return "auto"
    return "token"


def database_options(command: F) -> F:
    """Add the options that name the database."""
    named = click.option(
        "--database-url",
        envvar="DATABASE_URL",
        show_envvar=True,
        metavar="URL",
        help="A PostgreSQL server; without it the daemon runs a private one in its data directory.",
    )
    filed = click.option(
        "--database-url-file",
        envvar="DATABASE_URL_FILE",
        show_envvar=True,
        type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
        help="A file that holds that URL, for a password that must not stand in the environment.",
    )
    return named(filed(command))


def database_url_of(url: str | None, file: Path | None) -> str | None:
    """Return the URL that was given, by itself or in a file. Raises UsageError when the file holds none."""
    if file is None:
        return url
    if url is not None:
        raise click.UsageError("give DATABASE_URL or DATABASE_URL_FILE (--database-url, --database-url-file), not both")
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"cannot read {file}: {error}") from None
    if not text:
        raise click.UsageError(f"{file} is empty: it must hold the URL of the database")
    return text


@click.command()
@global_options(leading=False)
@click.option("--bind", metavar="ADDR", callback=_address, help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 is any free one.  [default: 7070]")
@click.option(
    "--engine",
    type=click.Choice(["libtorrent", "simulated"]),
    default="libtorrent",
    show_default=True,
    help="The BitTorrent engine; the simulated one moves no data.",
)
@database_options
@click.option(
    "--setup",
    type=click.Choice(["auto", "token"]),
    help="Make an admin key at the first start, or wait for a token.  [default: auto on loopback, else token]",
)
@click.pass_context
@pass_settings
def serve(
    settings: Settings,
    ctx: click.Context,
    *,
    bind: str | None,
    port: int | None,
    engine: str,
    database_url: str | None,
    database_url_file: Path | None,
    setup: str | None,
) -> None:
    """Run the daemon.

    It keeps everything under the data directory and logs to standard error. Once it serves, it writes one line to
    standard output: {"event": "ready", "url": "..."}. SIGTERM and Ctrl-C stop it in order.
    """
    with uncollected():
        from revaer.daemon.main import serve as run_daemon  # noqa: PLC0415 (the daemon's imports take a second; --help waits for none)

    options = ServeOptions(
        data_dir=settings.directory,
        bind=bind,
        port=port,
        engine=engine,
        database_url=database_url_of(database_url, database_url_file),
        setup=setup or default_setup(bind),
    )
    ctx.exit(run_daemon(options))
