"""`revaer action`, `revaer select` and `revaer rm`: changing torrents that are here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from revaer.cli import terminal
from revaer.cli.invocation import converse
from revaer.cli.parameters import FILE_PRIORITY, QUEUE_POSITION, RATE, absolute
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, TorrentDetail

ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "pause": (),
    "resume": (),
    "reannounce": (),
    "recheck": (),
    "sequential": ("enable",),
    "rate": ("download_bps", "upload_bps"),
    "move": ("download_dir",),
    "piece_deadline": ("piece", "deadline_ms"),
    "queue": ("position",),
    "remove": ("delete_data",),
}
"""Every action with the options it takes."""

_FLAGS = {"enable": "--enable or --disable"}
_OPTIONAL = frozenset({"delete_data", "download_bps", "upload_bps"})


@click.command()
@click.argument("torrent", metavar="<ID>")
@click.argument("kind", metavar="<ACTION>", type=click.Choice(list(ARGUMENTS)))
@click.option("--enable/--disable", default=None, help="sequential: in order, or rarest first.")
@click.option("--download-bps", type=RATE, metavar="RATE", help="rate: bytes per second such as 2M, or unlimited.")
@click.option("--upload-bps", type=RATE, metavar="RATE", help="rate: bytes per second such as 500K, or unlimited.")
@click.option("--download-dir", type=click.Path(path_type=Path), callback=absolute, help="move: the new directory.")
@click.option("--piece", type=click.IntRange(min=0), metavar="N", help="piece_deadline: which piece.")
@click.option("--deadline-ms", type=click.IntRange(min=0), metavar="MS", help="piece_deadline: how soon.")
@click.option("--position", type=QUEUE_POSITION, metavar="WHERE", help="queue: a number from 0, top, bottom, up, down.")
@click.option("--delete-data", is_flag=True, default=None, help="remove: the payload too.")
@global_options(leading=False)
@pass_settings
def action(settings: Settings, /, *, torrent: str, kind: str, **given: Any) -> None:
    """Pause, resume, recheck, limit or move a torrent.

    <ACTION> is pause, resume, reannounce, recheck, sequential, rate, move, piece_deadline, queue or remove. The command
    returns when it is applied.
    """
    arguments = action_arguments(kind, {name: value for name, value in given.items() if value is not None})

    async def act(client: Client) -> str:
        torrent_id = await client.resolve(torrent)
        await client.action(torrent_id, kind, **arguments)
        return torrent_id

    torrent_id = converse(settings, act)
    if settings.as_json:
        terminal.show_json({"id": torrent_id, "type": kind, **arguments})
    else:
        terminal.say(f"{kind} done for {torrent_id}")


def action_arguments(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options against the action and answer them in the API's form; -1 as a rate means unlimited.

    Raises:
        click.UsageError: an option is missing or belongs to another action.
    """
    taken = ARGUMENTS[kind]
    for name in given:
        if name not in taken:
            raise click.UsageError(f"{_flag(name)} does not go with `{kind}`.")
    missing = [name for name in taken if name not in given and name not in _OPTIONAL]
    if missing:
        raise click.UsageError(f"`{kind}` needs {' and '.join(_flag(name) for name in missing)}.")
    if kind == "rate" and not given:
        raise click.UsageError("`rate` needs --download-bps, --upload-bps or both.")
    return {name: None if name.endswith("_bps") and value == -1 else value for name, value in given.items()}


def _flag(name: str) -> str:
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


@click.command()
@click.argument("torrent", metavar="<ID>")
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


@click.command()
@click.argument("torrents", metavar="<ID>...", nargs=-1, required=True)
@click.option("--delete-data", is_flag=True, help="Delete the payload too.")
@global_options(leading=False)
@pass_settings
def rm(settings: Settings, *, torrents: tuple[str, ...], delete_data: bool) -> None:
    """Remove torrents.

    The payload stays unless --delete-data is given. Every <ID> is looked up before the first torrent is removed.
    """

    async def remove(client: Client) -> list[str]:
        wanted = list(dict.fromkeys([await client.resolve(torrent) for torrent in torrents]))
        for torrent_id in wanted:
            await client.delete(torrent_id, delete_data=delete_data)
            if not settings.as_json:
                terminal.say(f"removed {torrent_id}{' with its payload' if delete_data else ''}")
        return wanted

    removed = converse(settings, remove)
    if settings.as_json:
        terminal.show_json({"removed": removed, "data_deleted": delete_data})
