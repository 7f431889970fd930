"""`revaer select`: which files of a torrent are wanted."""

from __future__ import annotations

import click

from revaer.cli import terminal
from revaer.cli.completing import complete_torrent
from revaer.cli.invocation import converse
from revaer.cli.parameters import FILE_PRIORITY
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.tree import examples
from revaer.client import Client, TorrentDetail


@click.command(
    epilog=examples(
        "revaer select 3f9a --include '**/*.mkv' --skip-fluff",
        "revaer select 3f9a --priority 0=high --priority 7=skip",
        "revaer select 3f9a                                   (every file again)",
    )
)
@click.argument("torrent", metavar="<ID>", shell_complete=complete_torrent)
@click.option("--include", multiple=True, metavar="GLOB", help="Only files that match; repeatable.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="No files that match; repeatable.")
@click.option("--skip-fluff", is_flag=True, help="No samples, extras, proofs and screens.")
@click.option(
    "--priority",
    "priorities",
    multiple=True,
    type=FILE_PRIORITY,
    metavar="INDEX=PRIORITY",
    help="One file's priority: skip, low, normal or high; repeatable.",
)
@global_options(leading=False)
@pass_settings
def select(
    settings: Settings,
    *,
    torrent: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    skip_fluff: bool,
    priorities: tuple[tuple[int, str], ...],
) -> None:
    """Choose the files of a torrent.

    The rules given here replace those before. Without any, every file is wanted. `revaer files` shows which rule
    decided on which file.
    """

    async def choose(client: Client) -> TorrentDetail:
        torrent_id = await client.resolve(torrent)
        await client.select(
            torrent_id, include=include, exclude=exclude, skip_fluff=skip_fluff, priorities=dict(priorities)
        )
        return await client.get(torrent_id)

    detail = converse(settings, choose)
    if settings.as_json:
        terminal.show_json(detail.document)
        return
    selected = sum(file.selected for file in detail.files)
    outcome = f"{selected} of {len(detail.files)} files selected" if detail.files else "kept until the metadata arrives"
    terminal.say(f"rules replaced for {detail.torrent.id}: {outcome}")
