"""`revaer add`: torrents from magnet links, files, patterns and standard input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import click

from revaer.cli import formats, terminal
from revaer.cli.add_options import add_options
from revaer.cli.batches import MANY_SECONDS, batches
from revaer.cli.completing import complete_source
from revaer.cli.invocation import converse
from revaer.cli.outcomes import Outcomes
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.sources import Source, read_sources
from revaer.cli.tree import examples
from revaer.client import AddOptions, Client, Torrent, add_body


@click.command(
    epilog=examples(
        "revaer add 'magnet:?xt=urn:btih:...' --category films --skip-fluff",
        "revaer add ~/Downloads/*.torrent --tag new,linux --start-paused",
        "revaer add '/srv/watch/**/*.torrent'                (revaer expands it)",
        "curl -s https://example.org/one.torrent | revaer add -",
        "find . -name '*.torrent' | revaer add -",
    )
)
@click.argument("sources", nargs=-1, required=True, metavar="<MAGNET|FILE|->...", shell_complete=complete_source)
@add_options
@global_options(leading=False)
@click.pass_context
@pass_settings
def add(settings: Settings, ctx: click.Context, /, *, sources: tuple[str, ...], **given: Any) -> None:
    """Add torrents.

    Each source is a magnet link, a .torrent file, a pattern such as 'new/*.torrent', or - for standard input (a
    .torrent, or magnet links and files line by line). All of them are read first: a file that cannot be read, or is no
    .torrent, ends the command before anything is added. One that the daemon refuses does not keep the others out. The
    command returns when the torrents are accepted for good: they survive a crash from then on.
    """
    wanted = read_sources(sources)
    options = to_wire(given)
    alone = [flag for flag, key in (("--id", "id"), ("--name", "name")) if key in options]
    if len(wanted) > 1 and alone:
        raise click.UsageError(f"{alone[0]} is for one torrent, but there are {len(wanted)} sources.")
    if len(wanted) == 1 and not wanted[0].is_listed:
        torrent = converse(settings, lambda client: _add_one(client, wanted[0], options))
        if settings.as_json:
            terminal.show_json(torrent.document)
        else:
            terminal.say(f"added {torrent.id}  {formats.visible(torrent.name or torrent.info_hash)}")
        return
    outcomes = Outcomes(settings, named="source")
    with outcomes.shown():
        timeout = max(settings.timeout, MANY_SECONDS)
        converse(settings, lambda client: _add_all(client, wanted, options, outcomes), timeout=timeout)
    ctx.exit(outcomes.code)


def to_wire(given: dict[str, Any]) -> AddOptions:
    """Turn the options that were given into the API's: what was not said is not sent."""
    options = {key: value for key, value in given.items() if value is not None and value != ()}
    if "priorities" in options:
        options["priorities"] = {str(index): priority for index, priority in options["priorities"]}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()}
    return cast("AddOptions", plain)


async def _add_one(client: Client, source: Source, options: AddOptions) -> Torrent:
    return await client.add(magnet=source.magnet, metainfo=source.metainfo, options=options)


async def _add_all(client: Client, sources: Sequence[Source], options: AddOptions, outcomes: Outcomes) -> None:
    """Add a batch after the other, in order."""
    bodies = ((one, add_body(magnet=one.magnet, metainfo=one.metainfo, options=options)) for one in sources)
    for batch in batches(bodies):
        answers = await client.many.add([body for _, body in batch])
        for (source, _), outcome in zip(batch, answers, strict=True):
            if outcome.problem is not None:
                outcomes.refused(source.label, outcome.problem)
            else:
                facts = {"id": outcome.id, "info_hash": outcome.info_hash}
                outcomes.done(source.label, f"added {outcome.id}  {formats.visible(source.label)}", facts)
