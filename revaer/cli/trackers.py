"""`revaer trackers`: the trackers of a torrent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.completing import complete_torrent
from revaer.cli.failures import Failure
from revaer.cli.invocation import converse
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.tree import DefaultGroup, examples
from revaer.client import Client, Tracker

Change: TypeAlias = Callable[[Client, str], Awaitable[Sequence[Tracker]]]
"""Changes the trackers of the torrent with this id, and answers them all."""

STATE_STYLES = {"working": "green", "announcing": "cyan", "failing": "bold red", "idle": "dim"}

_ID = click.argument("torrent", metavar="<ID>", shell_complete=complete_torrent)
_URLS = click.argument("urls", metavar="<URL>...", nargs=-1, required=True)


@click.group(
    cls=DefaultGroup,
    default="ls",
    epilog=examples("revaer trackers 3f9a", "revaer trackers add 3f9a http://tracker.example/announce"),
)
@global_options(leading=False)
def trackers() -> None:
    """List, add and remove the trackers of a torrent.

    `revaer trackers <ID>` lists them.
    """


@trackers.command("ls")
@_ID
@global_options(leading=False)
@pass_settings
def list_trackers(settings: Settings, *, torrent: str) -> None:
    """List the trackers and what they last said."""

    async def fetch(client: Client) -> Sequence[Tracker]:
        return await client.trackers.list(await client.resolve(torrent))

    _show(settings, converse(settings, fetch))


@trackers.command()
@_ID
@_URLS
@global_options(leading=False)
@pass_settings
def add(settings: Settings, *, torrent: str, urls: tuple[str, ...]) -> None:
    """Add trackers, behind those that are there."""
    _change(settings, torrent, lambda client, torrent_id: client.trackers.change(torrent_id, add=urls))


@trackers.command()
@_ID
@click.argument("urls", metavar="[URL]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every tracker of the torrent's own.")
@click.option("--dry-run", is_flag=True, help="Only show what would stay.")
@global_options(leading=False)
@pass_settings
def rm(settings: Settings, *, torrent: str, urls: tuple[str, ...], everything: bool, dry_run: bool) -> None:
    """Remove trackers.

    Those that the node adds to every torrent are not the torrent's own: the configuration has them.
    """
    if bool(urls) == everything:
        raise click.UsageError("name the trackers by their URLs, or give --all.")

    async def change(client: Client, torrent_id: str) -> Sequence[Tracker]:
        if dry_run:
            return _without(await client.trackers.list(torrent_id), urls, everything=everything)
        if everything:
            return await client.trackers.clear(torrent_id)
        return await client.trackers.change(torrent_id, remove=urls)

    _change(settings, torrent, change)


def _without(found: Sequence[Tracker], urls: Sequence[str], *, everything: bool) -> Sequence[Tracker]:
    """Leave out what a removal would take."""
    own = {tracker.url for tracker in found if not tracker.from_profile}
    unknown = [url for url in urls if url not in own]
    if unknown:
        raise Failure("the torrent has no such tracker", lines=unknown)
    gone = own if everything else set(urls)
    return [tracker for tracker in found if tracker.url not in gone]


@trackers.command("set")
@_ID
@_URLS
@global_options(leading=False)
@pass_settings
def replace(settings: Settings, *, torrent: str, urls: tuple[str, ...]) -> None:
    """Replace all trackers by these, each asked after the ones before it."""
    _change(settings, torrent, lambda client, torrent_id: client.trackers.change(torrent_id, replace=urls))


def _change(settings: Settings, torrent: str, change: Change) -> None:
    async def work(client: Client) -> Sequence[Tracker]:
        return await change(client, await client.resolve(torrent))

    _show(settings, converse(settings, work))


def _show(settings: Settings, found: Sequence[Tracker]) -> None:
    if settings.as_json:
        terminal.show_json({"trackers": [tracker.document for tracker in found]})
        return
    if not found:
        terminal.notice("No trackers.")
        return
    right = ("TIER", "SEEDERS", "LEECHERS")
    table = terminal.new_table("TIER", "URL", "STATE", "SEEDERS", "LEECHERS", "NEXT", "REASON", right=right)
    for tracker in found:
        table.add_row(
            str(tracker.tier),
            terminal.flexible(tracker.url),
            Text(formats.visible(tracker.state), style=STATE_STYLES.get(tracker.state, "")),
            "-" if tracker.seeders is None else str(tracker.seeders),
            "-" if tracker.leechers is None else str(tracker.leechers),
            formats.moment(tracker.next_announce),
            terminal.flexible(tracker.last_error or tracker.message or ""),
        )
    terminal.show_table(table)
