"""`revaer peers`: who a torrent is connected to."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.completing import complete_torrent
from revaer.cli.invocation import converse
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, Peer

_RIGHT = ("HAS", "DOWN", "UP", "GOT", "GAVE")


@click.command()
@click.argument("torrent", metavar="<ID>", shell_complete=complete_torrent)
@global_options(leading=False)
@pass_settings
def peers(settings: Settings, *, torrent: str) -> None:
    """List the peers of a torrent.

    As it is connected now, the fastest first. GOT and GAVE are payload that came from the peer and went to it.
    """

    async def fetch(client: Client) -> Sequence[Peer]:
        return await client.peers(await client.resolve(torrent))

    found = converse(settings, fetch)
    if settings.as_json:
        terminal.show_json({"peers": [peer.document for peer in found]})
    elif found:
        _show(sorted(found, key=lambda peer: peer.download_bps + peer.upload_bps, reverse=True))
    else:
        terminal.notice("No peers.")


def _show(found: Sequence[Peer]) -> None:
    table = terminal.new_table("ADDRESS", "CLIENT", *_RIGHT, "FLAGS", right=_RIGHT)
    for peer in found:
        table.add_row(
            Text(formats.visible(peer.endpoint)),
            terminal.flexible(peer.client or "-"),
            formats.percent(100 * peer.progress),
            formats.rate(peer.download_bps),
            formats.rate(peer.upload_bps),
            formats.size(peer.downloaded_bytes),
            formats.size(peer.uploaded_bytes),
            terminal.flexible(" ".join(peer.flags)),
        )
    terminal.show_table(table)
