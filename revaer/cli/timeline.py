"""`revaer timeline`: what happened to one torrent, from the daemon's durable log of events."""

from __future__ import annotations

import click

from revaer.cli import terminal
from revaer.cli.completing import complete_torrent
from revaer.cli.event_words import dated_line, gap_line
from revaer.cli.invocation import converse
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, Gap, TimelinePage


@click.command()
@click.argument("torrent", metavar="<ID>", shell_complete=complete_torrent)
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="How many on a page.  [default: 50]")
@click.option("--cursor", metavar="CURSOR", help="The page after this one, as the last page said.")
@click.option("--all", "everything", is_flag=True, help="Every page.")
@global_options(leading=False)
@pass_settings
def timeline(settings: Settings, *, torrent: str, limit: int | None, cursor: str | None, everything: bool) -> None:
    """Tell what happened to a torrent.

    Its durable events, the oldest first: everything but progress. A torrent that was removed has its timeline too, by
    its whole id.
    """
    if everything and cursor is not None:
        raise click.UsageError("--all starts at the first page; it does not go with --cursor.")

    async def fetch(client: Client) -> TimelinePage:
        torrent_id = await client.resolve(torrent)
        page = await client.timeline(torrent_id, limit=limit or (1000 if everything else None), cursor=cursor)
        while everything and page.next is not None:
            page = page.extended(await client.timeline(torrent_id, limit=limit or 1000, cursor=page.next))
        return page

    page = converse(settings, fetch)
    if settings.as_json:
        terminal.show_json(page.document)
        return
    for item in page.in_order():
        terminal.say(gap_line(item) if isinstance(item, Gap) else dated_line(item))
    if not page.events:
        terminal.notice("No events.")
    if page.next is not None:
        terminal.notice(f"There are more: --all, or --cursor {page.next}")
