"""`revaer secrets`: words that the daemon keeps encrypted. Their values go in and never come out."""

from __future__ import annotations

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.failures import Failure
from revaer.cli.invocation import converse
from revaer.cli.parameters import DRY_RUN
from revaer.cli.private_input import EXTRA, read_private, refuse_extra
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, ConfigSnapshot


@click.group()
@global_options(leading=False)
def secrets() -> None:
    """Set and remove secrets.

    The configuration refers to them by name, such as a proxy's password_secret.
    """


@secrets.command("ls")
@global_options(leading=False)
@pass_settings
def list_secrets(settings: Settings) -> None:
    """List the names of the secrets."""
    snapshot = converse(settings, lambda client: client.config.read())
    if settings.as_json:
        terminal.show_json({"secrets": snapshot.document.get("secrets") or {}})
        return
    found = snapshot.secrets
    if not found:
        terminal.notice("No secrets.")
        return
    table = terminal.new_table("NAME", "SET")
    for name, updated_at in found.items():
        table.add_row(terminal.flexible(name), Text(formats.moment(updated_at)))
    terminal.show_table(table)


@secrets.command("set", context_settings=EXTRA)
@click.argument("name", metavar="<NAME>")
@global_options(leading=False)
@click.pass_context
@pass_settings
def set_secret(settings: Settings, ctx: click.Context, /, *, name: str) -> None:
    """Set a secret.

    Its value is read from standard input, or asked for without being shown; one line break at its end is left out.
    """
    refuse_extra(ctx)
    value = read_private("Secret", twice=True)
    _tell(settings, name, converse(settings, lambda client: client.secrets.set(name, value)), "set")


@secrets.command()
@click.argument("name", metavar="<NAME>")
@DRY_RUN
@global_options(leading=False)
@pass_settings
def rm(settings: Settings, *, name: str, dry_run: bool) -> None:
    """Remove a secret."""

    async def remove(client: Client) -> ConfigSnapshot:
        snapshot = await client.config.read()
        if name not in snapshot.secrets:
            raise Failure(f"there is no secret {name!r}", lines=["`revaer secrets ls` shows what is there."])
        return snapshot if dry_run else await client.secrets.remove(name)

    snapshot = converse(settings, remove)
    if not dry_run:
        _tell(settings, name, snapshot, "removed")
    elif settings.as_json:
        terminal.show_json({"dry_run": True, "name": name})
    else:
        terminal.say(f"secret {formats.visible(name)} would be removed")


@secrets.command("rotate-key")
@global_options(leading=False)
@pass_settings
def rotate_key(settings: Settings) -> None:
    """Seal all secrets with a new encryption key.

    Only on the node itself.
    """
    count = converse(settings, lambda client: client.secrets.rotate_key())
    if settings.as_json:
        terminal.show_json({"secrets": count})
    else:
        terminal.say(f"{count} secret{'s' if count != 1 else ''} sealed with a new key")


def _tell(settings: Settings, name: str, snapshot: ConfigSnapshot, deed: str) -> None:
    if settings.as_json:
        terminal.show_json({"name": name, "revision": snapshot.revision})
    else:
        terminal.say(f"secret {formats.visible(name)} is {deed}: revision {snapshot.revision}")
