"""`revaer ls` and `revaer files`: lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.changes import compact
from revaer.cli.choosing import filter_options, query_from
from revaer.cli.completing import complete_torrent
from revaer.cli.invocation import converse
from revaer.cli.parameters import comma_list
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.tree import examples
from revaer.client import Client, ListQuery, Page, Rows, Torrent, TorrentFile

STATE_STYLES = {
    "downloading": "cyan",
    "fetching_metadata": "cyan",
    "checking": "yellow",
    "processing": "yellow",
    "seeding": "green",
    "completed": "green",
    "failed": "bold red",
    "stopped": "dim",
    "queued": "dim",
}
_SHORTEST_ID = 8


@click.command(
    epilog=examples(
        "revaer ls --state downloading,checking --sort -progress",
        "revaer ls --tag linux --name debian --all",
        "revaer ls --fields name,rates --output json",
    )
)
@filter_options
@click.option("--sort", metavar="KEY", help="added_at, name, size, progress, ratio or state; -KEY for descending.")
@click.option(
    "--fields", multiple=True, callback=comma_list, metavar="FIELDS", help="Only these, as the API names them."
)
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="How many on a page.  [default: 50]")
@click.option("--cursor", metavar="CURSOR", help="The page after this one, as the last page said.")
@click.option("--all", "everything", is_flag=True, help="Every page.")
@global_options(leading=False)
@pass_settings
def ls(
    settings: Settings,
    /,
    *,
    sort: str | None,
    fields: tuple[str, ...],
    limit: int | None,
    cursor: str | None,
    everything: bool,
    **given: Any,
) -> None:
    """List torrents.

    The ID column shows the beginning of the info-hash; every command takes it as <ID>. `revaer top` is the list that
    keeps itself up to date.
    """
    if everything and cursor is not None:
        raise click.UsageError("--all starts at the first page; it does not go with --cursor.")
    query = query_from(given, sort=sort, limit=limit or (1000 if everything else None))
    if fields:
        _list_fields(settings, fields, query, cursor, everything=everything)
        return

    async def fetch(client: Client) -> Page:
        if not everything:
            return await client.page(query, cursor=cursor)
        torrents = await client.list(query)
        return Page(torrents, None, {"torrents": [torrent.document for torrent in torrents]})

    page = converse(settings, fetch)
    if settings.as_json:
        terminal.show_json(page.document)
        return
    show_torrents(page.torrents)
    _tell_of_more(page.next)


def _tell_of_more(cursor: str | None) -> None:
    if cursor is not None:
        terminal.notice(f"There are more: --all, or --cursor {cursor}")


def _list_fields(
    settings: Settings, fields: Sequence[str], query: ListQuery, cursor: str | None, *, everything: bool
) -> None:
    """List torrents with some fields only: a column for each."""

    async def fetch(client: Client) -> Rows:
        if not everything:
            return await client.rows(fields, query, cursor=cursor)
        rows = await client.all_rows(fields, query)
        return Rows(rows, None, {"torrents": list(rows)})

    page = converse(settings, fetch)
    if settings.as_json:
        terminal.show_json(page.document)
        return
    if not page.rows:
        terminal.notice("No torrents.")
        return
    columns = list(dict.fromkeys(["id", *fields]))
    table = terminal.new_table(*map(str.upper, columns))
    for row in page.rows:
        table.add_row(*(terminal.flexible(_cell(row.get(column))) for column in columns))
    terminal.show_table(table)
    _tell_of_more(page.next)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else compact(value)


def show_torrents(torrents: Sequence[Torrent]) -> None:
    """Write a table of torrents."""
    if not torrents:
        terminal.notice("No torrents.")
        return
    names = short_ids([torrent.info_hash for torrent in torrents])
    wide = terminal.is_wide()
    numbers = ("DONE", "SIZE", "DOWN", "UP", "RATIO") if wide else ("DONE", "SIZE", "DOWN")
    table = terminal.new_table("ID", "NAME", "STATE", *numbers, "ETA", right=numbers)
    for torrent, short in zip(torrents, names, strict=True):
        figures = torrent.figures
        upwards = (formats.rate(figures.upload_bps), f"{figures.ratio:.2f}") if wide else ()
        table.add_row(
            short,
            terminal.flexible(torrent.name or torrent.info_hash),
            Text(torrent.state, style=STATE_STYLES.get(torrent.state, "")),
            formats.percent(figures.percent_complete),
            formats.size(figures.bytes_total) if figures.bytes_total else "-",
            formats.rate(figures.download_bps),
            *upwards,
            formats.duration(figures.eta_seconds),
        )
    terminal.show_table(table)


def short_ids(hashes: Sequence[str]) -> list[str]:
    """Shorten info-hashes to the beginning that tells them apart, at least eight digits; commands take them as ids."""
    length = _SHORTEST_ID
    while len({name[:length] for name in hashes}) < len(set(hashes)):
        length += 2
    return [name[:length] for name in hashes]


@click.command()
@click.argument("torrent", metavar="<ID>", shell_complete=complete_torrent)
@global_options(leading=False)
@pass_settings
def files(settings: Settings, *, torrent: str) -> None:
    """List the files of a torrent.

    <ID> is an id, an info-hash, or the unique beginning of one.
    """

    async def fetch(client: Client) -> Sequence[TorrentFile]:
        return await client.files(await client.resolve(torrent))

    found = converse(settings, fetch)
    if settings.as_json:
        terminal.show_json({"files": [file.document for file in found]})
    elif found:
        show_files(found)
    else:
        terminal.notice("No files yet: the metadata has not arrived.")


def show_files(found: Sequence[TorrentFile]) -> None:
    """Write a table of files with what decided each one's priority."""
    table = terminal.new_table("INDEX", "PATH", "SIZE", "DONE", "PRIORITY", "RULE", right=("INDEX", "SIZE", "DONE"))
    for file in found:
        share = 100.0 * file.bytes_completed / file.size_bytes if file.size_bytes else 100.0
        table.add_row(
            str(file.index),
            terminal.flexible(file.path),
            formats.size(file.size_bytes),
            formats.percent(share) if file.selected else "-",
            Text(file.priority, style="" if file.selected else "dim"),
            Text(formats.visible(file.rule), style="dim"),
        )
    terminal.show_table(table)
