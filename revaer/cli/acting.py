"""`revaer action`: pause, resume and the like, of one torrent or of many."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from revaer.cli import terminal
from revaer.cli.choosing import FILTER_NAMES, Choice, choose, filter_options
from revaer.cli.completing import complete_torrent
from revaer.cli.invocation import converse
from revaer.cli.manifold import act_on_all
from revaer.cli.outcomes import Outcomes
from revaer.cli.parameters import QUEUE_POSITION, RATE, absolute
from revaer.cli.removing import Removal, remove
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.tree import examples
from revaer.client import Client

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

MOVE_SECONDS = 920.0
"""How long a move is waited for at least: the daemon itself gives up after 900."""

MANY_SECONDS = 60.0
"""How long an action on many torrents is waited for at least."""

_FLAGS = {"enable": "--enable or --disable"}
_OPTIONAL = frozenset({"delete_data", "download_bps", "upload_bps"})


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Propose actions, and torrents."""
    kinds = [CompletionItem(kind) for kind in ARGUMENTS if kind.startswith(incomplete)]
    return kinds + complete_torrent(ctx, param, incomplete)


@click.command(
    epilog=examples(
        "revaer action 3f9a pause",
        "revaer action 3f9a 77c0 rate --download-bps 2M --upload-bps unlimited",
        "revaer action 3f9a move --download-dir /srv/films",
        "revaer action resume --state stopped --category films",
    )
)
@click.argument("words", metavar="[ID]... <ACTION>", nargs=-1, required=True, shell_complete=_complete)
@filter_options
@click.option("--all", "everything", is_flag=True, help="Every torrent.")
@click.option("--enable/--disable", default=None, help="sequential: in order, or rarest first.")
@click.option("--download-bps", type=RATE, metavar="RATE", help="rate: bytes per second such as 2M, or unlimited.")
@click.option("--upload-bps", type=RATE, metavar="RATE", help="rate: bytes per second such as 500K, or unlimited.")
@click.option("--download-dir", type=click.Path(path_type=Path), callback=absolute, help="move: the new directory.")
@click.option("--piece", type=click.IntRange(min=0), metavar="N", help="piece_deadline: which piece.")
@click.option("--deadline-ms", type=click.IntRange(min=0), metavar="MS", help="piece_deadline: how soon.")
@click.option("--position", type=QUEUE_POSITION, metavar="WHERE", help="queue: a number from 0, top, bottom, up, down.")
@click.option("--delete-data", is_flag=True, default=None, help="remove: the payload too.")
@click.option("--dry-run", is_flag=True, help="remove: only show what would go.")
@click.option("--yes", "-y", "sure", is_flag=True, help="remove: do not ask at a terminal.")
@global_options(leading=False)
@click.pass_context
@pass_settings
def action(
    settings: Settings,
    ctx: click.Context,
    /,
    *,
    words: tuple[str, ...],
    everything: bool,
    dry_run: bool,
    sure: bool,
    **given: Any,
) -> None:
    """Pause, resume, recheck, limit or move torrents.

    <ACTION> is pause, resume, reannounce, recheck, sequential, rate, move, piece_deadline, queue or remove. Torrents
    are named by ids, or chosen by a filter. The command returns when it is applied; with several torrents, one that
    refuses does not keep the others from it.
    """
    keys, kind = split_words(words)
    choice = choose(keys, given, everything=everything)
    options = {name: value for name, value in given.items() if name not in FILTER_NAMES and value is not None}
    arguments = action_arguments(kind, options)
    if kind == "remove":
        ctx.exit(remove(settings, Removal(choice, bool(arguments.get("delete_data")), dry_run, sure)))
    if dry_run or sure:
        raise click.UsageError(f"--dry-run and --yes do not go with `{kind}`.")
    ctx.exit(_act(settings, choice, kind, arguments))


def split_words(words: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Tell the action from the ids: it stands behind them, or before them. No id looks like an action.

    Raises:
        click.UsageError: there is no action.
    """
    if words[-1] in ARGUMENTS:
        return words[:-1], words[-1]
    if words[0] in ARGUMENTS:
        return words[1:], words[0]
    if set(words[-1]) <= set("0123456789abcdef-"):
        raise click.UsageError(f"Missing argument '<ACTION>'. Choose from: {', '.join(ARGUMENTS)}.")
    raise click.UsageError(f"'{words[-1]}' is no action. Choose from: {', '.join(ARGUMENTS)}.")


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


def _act(settings: Settings, choice: Choice, kind: str, arguments: Mapping[str, Any]) -> int:
    """Do an action and tell of it; answer the exit code."""
    timeout = max(settings.timeout, MOVE_SECONDS) if kind == "move" else None
    if choice.is_single:
        torrent_id = converse(settings, lambda client: _act_on_one(client, choice, kind, arguments), timeout=timeout)
        if settings.as_json:
            terminal.show_json({"id": torrent_id, "type": kind, **arguments})
        else:
            terminal.say(f"{kind} done for {torrent_id}")
        return 0
    outcomes = Outcomes(settings, named="id")
    patience = max(timeout or 0.0, settings.timeout, MANY_SECONDS)
    with outcomes.shown({"type": kind, **arguments}, nothing="No torrents."):
        converse(settings, lambda client: act_on_all(client, choice, kind, arguments, outcomes), timeout=patience)
    return outcomes.code


async def _act_on_one(client: Client, choice: Choice, kind: str, arguments: Mapping[str, Any]) -> str:
    (torrent_id,) = await choice.ids(client)
    await client.action(torrent_id, kind, **arguments)
    return torrent_id


def _flag(name: str) -> str:
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")
