"""`revaer add`: torrents from magnet links, files and standard input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import click

from revaer.cli import formats, terminal
from revaer.cli.add_options import add_options
from revaer.cli.invocation import converse
from revaer.cli.reporting import failure_of
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.sources import Source, read_sources
from revaer.client import AddOptions, Client, ClientError, Torrent, Unreachable


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="<MAGNET|FILE|->...")
@add_options
@global_options(leading=False)
@click.pass_context
@pass_settings
def add(settings: Settings, ctx: click.Context, /, *, sources: tuple[str, ...], **given: Any) -> None:
    """Add torrents.

    Each source is a magnet link, a .torrent file, or - for standard input (a .torrent, or magnet links line by line).
    The command returns when the torrents are accepted for good: they survive a crash from then on.
    """
    wanted = read_sources(sources)
    options = to_wire(given)
    alone = [flag for flag, key in (("--id", "id"), ("--name", "name")) if key in options]
    if len(wanted) > 1 and alone:
        raise click.UsageError(f"{alone[0]} is for one torrent, but there are {len(wanted)} sources.")
    added, code = converse(settings, lambda client: _add_all(client, wanted, options, settings=settings))
    if settings.as_json:
        documents = [torrent.document for torrent in added]
        terminal.show_json(documents[0] if len(wanted) == 1 and documents else {"torrents": documents})
    ctx.exit(code)


def to_wire(given: dict[str, Any]) -> AddOptions:
    """Turn the options that were given into the API's: what was not said is not sent."""
    options = {key: value for key, value in given.items() if value is not None and value != ()}
    if "priorities" in options:
        options["priorities"] = {str(index): priority for index, priority in options["priorities"]}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()}
    return cast("AddOptions", plain)


async def _add_all(
    client: Client, sources: Sequence[Source], options: AddOptions, *, settings: Settings
) -> tuple[list[Torrent], int]:
    """Add one after the other. One that is refused does not keep the others out; the worst exit code is answered."""
    added, code = [], 0
    for source in sources:
        try:
            torrent = await client.add(magnet=source.magnet, metainfo=source.metainfo, options=options)
        except ClientError as error:
            if len(sources) == 1 or isinstance(error, Unreachable):
                raise
            terminal.notice(f"{formats.visible(source.label)}:")
            failure = failure_of(error, target=None, request_id="")
            failure.show()
            code = max(code, failure.exit_code)
            continue
        added.append(torrent)
        if not settings.as_json:
            terminal.say(f"added {torrent.id}  {formats.visible(torrent.name or torrent.info_hash)}")
    return added, code
