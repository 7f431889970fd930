"""`revaer keys`: who may call the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.completing import complete_key
from revaer.cli.failures import Failure, WrongRequest
from revaer.cli.invocation import converse, locate
from revaer.cli.key_file import KeyFile, reserved
from revaer.cli.parameters import CALL_LIMIT, DRY_RUN, DURATION, LIFETIME, comma_list
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.target import Target
from revaer.client import UNSET, Client, IssuedKey, Key, RateLimit, Unset
from revaer.daemon.credentials import Credentials

_SAVE = click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Store it in a credentials file instead of showing it.",
)


@click.group()
@global_options(leading=False)
def keys() -> None:
    """Issue, list, rotate and revoke API keys.

    A key is shown once, when it is made. Its scopes are read, torrents, config and admin; each includes those before.
    """


@keys.command("ls")
@global_options(leading=False)
@pass_settings
def list_keys(settings: Settings) -> None:
    """List the keys."""
    found = converse(settings, lambda client: client.keys.list())
    if settings.as_json:
        terminal.show_json({"keys": [key.document for key in found]})
    elif found:
        _show_keys(found)
    else:
        terminal.notice("No keys.")


def _show_keys(found: Sequence[Key]) -> None:
    table = terminal.new_table("ID", "NAME", "SCOPES", "ISSUED", "ENDS", "LIMIT", "OLD SECRET UNTIL")
    for key in found:
        table.add_row(
            Text(formats.visible(key.id)),
            terminal.flexible(key.label),
            Text(formats.visible(", ".join(key.scopes))),
            formats.moment(key.created_at),
            "never" if key.expires_at is None else formats.moment(key.expires_at),
            _limit(key.rate_limit),
            formats.moment(key.grace_until),
        )
    terminal.show_table(table)


def _limit(limit: RateLimit | None) -> str:
    return "none" if limit is None else f"{limit.burst} in {limit.per_seconds:g} s"


@keys.command()
@click.option(
    "--scope", "scopes", multiple=True, callback=comma_list, metavar="SCOPES", help="What it reaches; repeatable."
)
@click.option("--label", metavar="TEXT", help="What it is for.")
@click.option("--rate-limit", type=CALL_LIMIT, metavar="CALLS/TIME", help="Such as 100/60 or 1000/1h, or none.")
@click.option("--expires", type=LIFETIME, metavar="TIME", help="When it ends, such as 30d, or never.  [default: 90d]")
@_SAVE
@global_options(leading=False)
@pass_settings
def issue(
    settings: Settings,
    *,
    scopes: tuple[str, ...],
    label: str | None,
    rate_limit: tuple[int, float] | tuple[()] | None,
    expires: int | None,
    save: Path | None,
) -> None:
    """Make a key.

    It is written to standard output, this once; with --save it goes to a file instead.
    """
    if not scopes:
        raise click.UsageError("say with --scope what the key reaches: read, torrents, config or admin.")
    limit: RateLimit | Unset | None = UNSET
    if rate_limit is not None:
        limit = RateLimit(*rate_limit) if rate_limit else None
    life: int | Unset | None = UNSET
    if expires is not None:
        life = None if expires == -1 else expires

    async def make(client: Client) -> IssuedKey:
        return await client.keys.issue(*scopes, label=label, rate_limit=limit, expires_in_seconds=life)

    _hand_out(settings, locate(settings), make, save)


@keys.command()
@click.argument("key_id", metavar="<ID>", shell_complete=complete_key)
@click.option("--grace", type=DURATION, metavar="TIME", help="How long the old secret works on.  [default: 1h]")
@_SAVE
@global_options(leading=False)
@pass_settings
def rotate(settings: Settings, *, key_id: str, grace: int | None, save: Path | None) -> None:
    """Give a key a new secret.

    The key in this node's credentials file is replaced there; any other is shown, this once.
    """
    target = locate(settings)
    place = target.key_file if save is None and _own_id(target) == key_id else save
    _hand_out(settings, target, lambda client: client.keys.rotate(key_id, grace_seconds=grace), place)


@keys.command()
@click.argument("key_ids", nargs=-1, required=True, metavar="<ID>...", shell_complete=complete_key)
@click.option("--own", is_flag=True, help="Also the key that this command uses.")
@DRY_RUN
@global_options(leading=False)
@pass_settings
def revoke(settings: Settings, *, key_ids: tuple[str, ...], own: bool, dry_run: bool) -> None:
    """End keys now.

    Streams that are open with them end too.
    """
    target = locate(settings)
    mine = _own_id(target)
    if mine in key_ids and not own:
        raise WrongRequest(f"{mine} is the key that this command uses", lines=["Add --own to end it all the same."])
    # The key in use goes last: it must still let the others go.
    wanted = sorted(dict.fromkeys(key_ids), key=lambda key_id: key_id == mine)
    if dry_run:
        _preview(settings, wanted, converse(settings, lambda client: client.keys.list(), target=target))
        return

    async def end(client: Client) -> None:
        for key_id in wanted:
            await client.keys.revoke(key_id)
            if not settings.as_json:
                terminal.say(f"revoked {formats.visible(key_id)}")

    converse(settings, end, target=target)
    if settings.as_json:
        terminal.show_json({"revoked": wanted})


def _preview(settings: Settings, wanted: Sequence[str], found: Sequence[Key]) -> None:
    """Show which keys would end. Raises Failure when one is not there."""
    there = {key.id: key for key in found}
    unknown = [key_id for key_id in wanted if key_id not in there]
    if unknown:
        raise Failure("there is no such key", lines=[*unknown, "`revaer keys ls` shows what is there."])
    keys = [there[key_id] for key_id in wanted]
    if settings.as_json:
        terminal.show_json({"dry_run": True, "keys": [key.document for key in keys]})
        return
    _show_keys(keys)
    terminal.notice(f"{len(keys)} key{'s' if len(keys) != 1 else ''} would end.")


def _own_id(target: Target) -> str | None:
    return None if target.api_key is None else target.api_key.partition(":")[0]


def _hand_out(
    settings: Settings, target: Target, make: Callable[[Client], Awaitable[IssuedKey]], path: Path | None
) -> None:
    """Make a key and show it, or store it in a file that was proven before."""
    with _place(path, target) as place:
        issued = converse(settings, make, target=target)
        if place is not None:
            place.keep(Credentials(target.url, issued.api_key))
    document = dict(issued.key.document)
    if settings.as_json:
        hidden = {"saved_to": str(place.path)} if place is not None else {"api_key": issued.api_key}
        terminal.show_json(document | hidden)
    elif place is not None:
        terminal.say(f"key {formats.visible(issued.key.id)} is stored in {place.path}")
    else:
        terminal.say(formats.visible(issued.api_key))
        terminal.notice(f"Keep it: it is not shown again. {_terms(issued.key)}")


@contextmanager
def _place(path: Path | None, target: Target) -> Iterator[KeyFile | None]:
    if path is None:
        yield None
        return
    with reserved(path.expanduser().absolute(), url=target.url) as place:
        yield place


def _terms(key: Key) -> str:
    ends = "It has no end." if key.expires_at is None else f"It ends {formats.moment(key.expires_at)}."
    return f"{ends} The old one works until {formats.moment(key.grace_until)}." if key.grace_until else ends
