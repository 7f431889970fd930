"""`revaer backup` and `revaer restore`: a node in one file, and a node of that file, on the node's machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from revaer.cli import formats, terminal
from revaer.cli.failures import Failure, WrongRequest
from revaer.cli.parameters import PATH_MAP
from revaer.cli.serve import database_options, database_url_of
from revaer.cli.settings import Settings, global_options, pass_settings

if TYPE_CHECKING:
    from revaer.backup.manifest import Manifest
    from revaer.daemon.backups import Place


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--without-journal", is_flag=True, help="Leave past events out; readers then start anew.")
@database_options
@global_options(leading=False)
@pass_settings
def backup(
    settings: Settings,
    /,
    *,
    file: Path,
    without_journal: bool,
    database_url: str | None,
    database_url_file: Path | None,
) -> None:
    """Write the node into one file.

    It holds everything but payload: torrents with their progress, configuration, keys and secrets with the key that
    seals them, jobs, and the journal of events. The daemon may run meanwhile; the file shows one moment. It is read
    again before the command ends. Keep it as safe as the node: it opens everything.
    """
    from revaer.daemon.backups import back_up  # noqa: PLC0415  # takes a second, and --help waits for none

    place = _place(settings, database_url_of(database_url, database_url_file))
    with _failing():
        manifest = back_up(place, file, journal=not without_journal, say=_say)
    _show(settings, manifest, {"file": str(file.absolute()), "bytes": file.stat().st_size})


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@PATH_MAP
@click.option("--check", is_flag=True, help="Only read the backup, and tell what it holds.")
@database_options
@global_options(leading=False)
@pass_settings
def restore(
    settings: Settings,
    /,
    *,
    file: Path,
    pairs: tuple[tuple[PurePosixPath, PurePosixPath], ...],
    check: bool,
    database_url: str | None,
    database_url_file: Path | None,
) -> None:
    """Make a node of a backup.

    The data directory must be empty, and so must the database that --database-url names. The file is read to its end
    before anything is changed. Payload is not in it: put it where it was, or say with --map where it is. Where payload
    is newer than the backup, just the pieces that it does not know of are hashed.
    """
    from revaer.backup.mapping import PathMap  # noqa: PLC0415  # takes a second, and --help waits for none
    from revaer.daemon.backups import look, make_anew  # noqa: PLC0415  # as above

    paths = PathMap(pairs)
    place = _place(settings, database_url_of(database_url, database_url_file))
    with _failing():
        manifest = look(file) if check else make_anew(place, file, paths, say=_say)
    _show(settings, manifest, {"file": str(file.absolute())} | ({} if check else {"data_dir": str(settings.directory)}))


def _place(settings: Settings, url: str | None) -> Place:
    from revaer.daemon.backups import Place  # noqa: PLC0415  # as above
    from revaer.daemon.directory import DataDirectory  # noqa: PLC0415  # as above
    from revaer.daemon.environment import read_environment  # noqa: PLC0415  # as above

    return Place(DataDirectory(settings.directory.absolute()), url, read_environment())


@contextmanager
def _failing() -> Iterator[None]:
    """Turn the daemon's refusals into those of a command."""
    from revaer.daemon.errors import DaemonError  # noqa: PLC0415  # as above

    try:
        yield
    except DaemonError as error:
        kind = WrongRequest if error.exit_code == WrongRequest.exit_code else Failure
        raise kind(str(error)) from error


def _say(what: str) -> None:
    if terminal.errors().is_terminal:
        terminal.notice(what)


def _show(settings: Settings, manifest: Manifest, facts: dict[str, Any]) -> None:
    records = sum(name.startswith("resume/") for name in manifest.members)
    document = facts | {
        "version": manifest.version,
        "made_at": manifest.made_at,
        "torrents": manifest.count("torrents"),
        "records": records,
        "events": manifest.count("journal_events"),
        "rows": {name: table.rows for name, table in sorted(manifest.tables.items())},
    }
    if settings.as_json:
        terminal.show_json(document)
        return
    rows = {
        "file": f"{facts['file']}" + (f" ({formats.size(facts['bytes'])})" if "bytes" in facts else ""),
        "made": f"{manifest.made_at} by revaer {manifest.version}",
        "torrents": f"{manifest.count('torrents')}, {records} with their progress",
        "events": str(manifest.count("journal_events")),
    }
    if "data_dir" in facts:
        rows["node"] = f"{facts['data_dir']}: start it with `revaer serve`"
    for name, text in rows.items():
        terminal.say(f"{name:>10}  {text}")
