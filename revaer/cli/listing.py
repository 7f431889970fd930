"""`revaer ls` and `revaer files`: lists."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.invocation import converse
from revaer.cli.parameters import comma_list
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, ListQuery, Page, Torrent, TorrentFile

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


@click.command()
@click.option("--state", multiple=True, callback=comma_list, metavar="STATES", help="Only these states.")
@click.option("--tracker", multiple=True, callback=comma_list, metavar="HOSTS", help="Only with one of these trackers.")
@click.option("--extension", multiple=True, callback=comma_list, metavar="EXTS", help="Only with such a file.")
@click.option("--tag", multiple=True, callback=comma_list, metavar="TAGS", help="Only with all of these tags.")
@click.option("--category", metavar="TEXT", help="Only of this category.")
@click.option("--name", metavar="TEXT", help="Only with this in the name.")
@click.option("--sort", metavar="KEY", help="added_at, name, size, progress, ratio or state; -KEY for descending.")
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="How many on a page.  [default: 50]")
@click.option("--cursor", metavar="CURSOR", help="The page after this one, as the last page said.")
@click.option("--all", "everything", is_flag=True, help="Every page.")
@global_options(leading=False)
@pass_settings
def ls(
    settings: Settings,
    *,
    state: tuple[str, ...],
    tracker: tuple[str, ...],
    extension: tuple[str, ...],
    tag: tuple[str, ...],
    category: str | None,
    name: str | None,
    sort: str | None,
    limit: int | None,
    cursor: str | None,
    everything: bool,
) -> None:
    """List torrents."""
    if everything and cursor is not None:
        raise click.UsageError("--all starts at the first page; it does not go with --cursor.")
    query = ListQuery(state, tracker, extension, tag, category, name, sort, limit or (1000 if everything else None))

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
    if page.next is not None:
        terminal.notice(f"There are more: --all, or --cursor {page.next}")


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
@click.argument("torrent", metavar="<ID>")
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
