"""`revaer rm`: torrents go, and with `--delete-data` their payload."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from revaer.cli import formats, terminal
from revaer.cli.choosing import Choice, choose, filter_options
from revaer.cli.completing import complete_torrent
from revaer.cli.failures import Failure
from revaer.cli.invocation import converse
from revaer.cli.listing import short_ids
from revaer.cli.manifold import act_on_ids
from revaer.cli.outcomes import Outcomes
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.tree import examples
from revaer.client import Client, Torrent

REMOVE_SECONDS = 320.0
"""How long a removal is waited for at least: the daemon itself gives up after 300."""

SHOWN = 10
"""How many torrents a question names."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What is to be removed, and how carefully.

    Attributes:
        choice: which torrents.
        delete_data: whether their payload goes too.
        dry_run: whether it is only shown.
        sure: whether nobody is asked.
    """

    choice: Choice
    delete_data: bool
    dry_run: bool = False
    sure: bool = False

    @property
    def needs_consent(self) -> bool:
        """Whether a person at a terminal is asked first: payload goes, or torrents that were not named one by one."""
        far_reaching = self.delete_data or self.choice.query is not None
        return far_reaching and not self.sure and sys.stdin.isatty() and sys.stderr.isatty()


@click.command(
    epilog=examples(
        "revaer rm 3f9a 77c0",
        "revaer rm 3f9a --delete-data --dry-run",
        "revaer rm --state completed --category films --delete-data --yes",
    )
)
@click.argument("torrents", metavar="[ID]...", nargs=-1, shell_complete=complete_torrent)
@filter_options
@click.option("--all", "everything", is_flag=True, help="Every torrent.")
@click.option("--delete-data", is_flag=True, help="Delete the payload too.")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.option("--yes", "-y", "sure", is_flag=True, help="Do not ask at a terminal.")
@global_options(leading=False)
@click.pass_context
@pass_settings
def rm(
    settings: Settings,
    ctx: click.Context,
    /,
    *,
    torrents: tuple[str, ...],
    everything: bool,
    delete_data: bool,
    dry_run: bool,
    sure: bool,
    **given: Any,
) -> None:
    """Remove torrents.

    The payload stays unless --delete-data is given. Every <ID> is looked up before the first torrent is removed. At a
    terminal you are asked before payload is deleted, and before torrents go that a filter chose.
    """
    choice = choose(torrents, given, everything=everything)
    ctx.exit(remove(settings, Removal(choice, delete_data, dry_run, sure)))


def remove(settings: Settings, removal: Removal) -> int:
    """Remove torrents and tell of it; answer the exit code."""
    if removal.dry_run:
        _preview(settings, removal, _fetch(settings, removal))
        return 0
    ids: tuple[str, ...] | None = None
    if removal.needs_consent:
        found = _fetch(settings, removal)
        if not found:
            terminal.notice("No torrents.")
            return 0
        if not _consented(found, removal):
            terminal.notice("Nothing was removed.")
            return Failure.exit_code
        ids = tuple(torrent.id for torrent in found)
    return _remove(settings, removal, ids)


def _fetch(settings: Settings, removal: Removal) -> Sequence[Torrent]:
    return converse(settings, removal.choice.torrents)


def _remove(settings: Settings, removal: Removal, ids: tuple[str, ...] | None) -> int:
    outcomes = Outcomes(settings, named="id")
    words = "removed, with its payload:" if removal.delete_data else "removed"

    async def work(client: Client) -> None:
        wanted = await removal.choice.ids(client) if ids is None else ids
        if removal.choice.is_single:
            await client.delete(wanted[0], delete_data=removal.delete_data)
            outcomes.done(wanted[0], f"{words} {wanted[0]}", {})
            return
        arguments = {"delete_data": True} if removal.delete_data else {}
        await act_on_ids(client, wanted, "remove", arguments, outcomes, words=words)

    with outcomes.shown({"delete_data": removal.delete_data}, nothing="No torrents."):
        converse(settings, work, timeout=max(settings.timeout, REMOVE_SECONDS))
    return outcomes.code


def _preview(settings: Settings, removal: Removal, found: Sequence[Torrent]) -> None:
    if settings.as_json:
        facts = [{"id": one.id, "name": one.name, "content_path": one.content_path} for one in found]
        terminal.show_json({"dry_run": True, "delete_data": removal.delete_data, "torrents": facts})
        return
    if not found:
        terminal.notice("No torrents.")
        return
    table = terminal.new_table("ID", "NAME", "STATE", "HERE", "PATH", right=("HERE",))
    for torrent, short in zip(found, short_ids([one.info_hash for one in found]), strict=True):
        here = formats.size(torrent.figures.bytes_downloaded)
        path = torrent.content_path or torrent.download_dir
        name = terminal.flexible(torrent.name or torrent.info_hash)
        table.add_row(short, name, formats.visible(torrent.state), here, terminal.flexible(path))
    terminal.show_table(table)
    terminal.notice(f"{_count(found)} would be removed, {'with' if removal.delete_data else 'without'} the payload.")


def _consented(found: Sequence[Torrent], removal: Removal) -> bool:
    """Ask the person at the terminal."""
    for torrent in found[:SHOWN]:
        terminal.notice(f"  {formats.visible(torrent.name or torrent.info_hash)}")
    if len(found) > SHOWN:
        terminal.notice(f"  … and {len(found) - SHOWN} more")
    held = formats.size(sum(torrent.figures.bytes_downloaded for torrent in found))
    what = f"and delete the payload ({held})" if removal.delete_data else "and keep the payload"
    return click.confirm(f"Remove {_count(found)} {what}?", err=True)


def _count(found: Sequence[Torrent]) -> str:
    return f"{len(found)} torrent{'s' if len(found) != 1 else ''}"
