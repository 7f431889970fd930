"""`revaer browse`: directories of the node, to find a place for payload or the source of a torrent."""

from __future__ import annotations

from collections.abc import Sequence

import click

from revaer.cli import formats, terminal
from revaer.cli.invocation import converse
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.tree import examples
from revaer.client import Client, DirectoryPage, Entry


@click.command(epilog=examples("revaer browse", "revaer browse /srv/library --dirs"))
@click.argument("path", metavar="[PATH]", required=False)
@click.option("--dirs", "dirs_only", is_flag=True, help="Only directories.")
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="How many on a page.  [default: 50]")
@click.option("--cursor", metavar="CURSOR", help="The page after this one, as the last page said.")
@click.option("--all", "everything", is_flag=True, help="Every page.")
@global_options(leading=False)
@pass_settings
def browse(
    settings: Settings, *, path: str | None, dirs_only: bool, limit: int | None, cursor: str | None, everything: bool
) -> None:
    """Look into directories of the node.

    Without PATH it lists those that may be looked into: the download root and the allow_paths. It needs a key with the
    scope config.
    """
    if everything and cursor is not None:
        raise click.UsageError("--all starts at the first page; it does not go with --cursor.")

    async def fetch(client: Client) -> DirectoryPage:
        size = limit or (1000 if everything else None)
        page = await client.browse(path, dirs_only=dirs_only, limit=size, cursor=cursor)
        entries, rows, following = page.entries, [*page.document["entries"]], page.next
        while everything and following is not None:
            more = await client.browse(path, dirs_only=dirs_only, limit=size, cursor=following)
            entries, following = (*entries, *more.entries), more.next
            rows += more.document["entries"]
        facts = {name: value for name, value in page.document.items() if name not in ("entries", "next")}
        tail = {} if following is None else {"next": following}
        return DirectoryPage(page.path, entries, following, {**facts, "entries": rows, **tail})

    page = converse(settings, fetch)
    if settings.as_json:
        terminal.show_json(page.document)
        return
    if not page.entries:
        terminal.notice("Nothing is there.")
    else:
        _show(page.entries)
    if page.next is not None:
        terminal.notice(f"There are more: --all, or --cursor {page.next}")


def _show(entries: Sequence[Entry]) -> None:
    table = terminal.new_table("KIND", "SIZE", "CHANGED", "NAME", right=("SIZE",))
    for entry in entries:
        size = "-" if entry.size_bytes is None else formats.size(entry.size_bytes)
        name = terminal.flexible(entry.name + ("/" if entry.kind == "directory" and entry.name != "/" else ""))
        table.add_row(formats.visible(entry.kind), size, formats.moment(entry.modified_at), name)
    terminal.show_table(table)
