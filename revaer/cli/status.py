"""`revaer status`: one torrent closely, and with `--follow` until it is complete."""

from __future__ import annotations

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.completing import complete_torrent
from revaer.cli.following import follow
from revaer.cli.invocation import converse
from revaer.cli.listing import STATE_STYLES
from revaer.cli.progress import Documents, progress_view
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, Torrent, TorrentDetail


@click.command()
@click.argument("torrent", metavar="<ID>", shell_complete=complete_torrent)
@click.option("--follow", "-f", "to_the_end", is_flag=True, help="Show the progress until the torrent is complete.")
@global_options(leading=False)
@pass_settings
def status(settings: Settings, *, torrent: str, to_the_end: bool) -> None:
    """Look at one torrent closely.

    <ID> is an id, an info-hash, or the unique beginning of one. With --follow the command ends when the torrent is
    complete, and with exit code 3 when it failed or was removed.
    """
    if to_the_end:
        converse(settings, lambda client: _follow(client, torrent, settings=settings))
        return

    async def fetch(client: Client) -> TorrentDetail:
        return await client.get(await client.resolve(torrent))

    detail = converse(settings, fetch)
    if settings.as_json:
        terminal.show_json(detail.document)
    else:
        show_detail(detail)


def show_detail(detail: TorrentDetail) -> None:
    """Write what is known of a torrent, one fact per line."""
    torrent = detail.torrent
    selected = sum(file.selected for file in detail.files)
    facts = {
        "Name": torrent.name,
        "Id": torrent.id,
        "Info-hash": torrent.info_hash,
        "State": torrent.state,
        "Message": torrent.state_message,
        "Progress": _progress(torrent),
        "Ratio": f"{torrent.figures.ratio:.2f}",
        "Files": f"{selected} of {len(detail.files)} selected" if detail.files else "not known yet",
        "Directory": torrent.download_dir,
        "Content": torrent.content_path,
        "Library": torrent.library_path,
        "Category": torrent.category,
        "Tags": ", ".join(torrent.tags),
        "Trackers": ", ".join(torrent.trackers),
        "Added": formats.moment(torrent.added_at),
        "Completed": formats.moment(torrent.completed_at) if torrent.completed_at else None,
    }
    for name, value in facts.items():
        if value:
            style = STATE_STYLES.get(torrent.state, "") if name == "State" else ""
            terminal.say(Text.assemble((f"{name:<10} ", "bold"), (formats.visible(value), style)))


def _progress(torrent: Torrent) -> str:
    figures = torrent.figures
    if not figures.bytes_total:
        return "not known yet"
    words = f"{formats.percent(figures.percent_complete)}, {formats.size(figures.bytes_downloaded)}"
    words += f" of {formats.size(figures.bytes_total)}"
    if figures.download_bps or figures.upload_bps:
        words += f", down {formats.rate(figures.download_bps)}, up {formats.rate(figures.upload_bps)}"
    if figures.eta_seconds is not None and figures.percent_complete < 100:
        words += f", ETA {formats.duration(figures.eta_seconds)}"
    return words


async def _follow(client: Client, key: str, *, settings: Settings) -> None:
    torrent_id = await client.resolve(key)
    detail = await client.get(torrent_id)
    torrent_id = detail.torrent.id
    if settings.as_json:
        await follow(client, torrent_id, Documents(torrent_id))
        return
    terminal.say(Text(formats.visible(detail.torrent.name or detail.torrent.info_hash), style="bold"))
    with progress_view(terminal.output()) as view:
        await follow(client, torrent_id, view)
