"""`revaer setup` and `revaer factory-reset`: from a fresh node to one that works, and back."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeAlias

import click

from revaer.cli import formats, terminal
from revaer.cli.changes import moved
from revaer.cli.failures import Failure, WrongRequest
from revaer.cli.invocation import converse
from revaer.cli.key_file import KeyFile, reserved
from revaer.cli.parameters import DRY_RUN, DURATION
from revaer.cli.patches import read_object
from revaer.cli.private_input import EXTRA, read_private, refuse_extra
from revaer.cli.reporting import failure_of
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.target import Target, announced_target, credentials_path
from revaer.client import Client, ClientError, Problem, SetupDone, SetupToken, Unreachable
from revaer.client.link import is_loopback, parse_address
from revaer.daemon.credentials import Credentials
from revaer.security.messages import generate_key

Complete: TypeAlias = Callable[[Client, str], Awaitable[SetupDone]]
"""Completes a setup with a token."""

Work: TypeAlias = Callable[[Client, Complete], Awaitable[SetupDone]]
"""Takes a token, or has one, and completes the setup."""

PATIENCE = 45.0
"""Seconds that a setup waits at least: the daemon may take 35."""

_FILE = click.option(
    "--file", metavar="FILE", help="A JSON changeset over the defaults: documents, secrets, api_keys; - is stdin."
)


@click.group(invoke_without_command=True)
@_FILE
@global_options(leading=False)
@click.pass_context
@pass_settings
def setup(settings: Settings, ctx: click.Context, /, *, file: str | None) -> None:
    """Set up a fresh node.

    Without a subcommand it does everything, on the node itself: it finds the daemon through the data directory, takes a
    setup token, completes the setup, and stores the admin key in the credentials file. The key is not shown.
    """
    if ctx.invoked_subcommand is not None:
        if file is not None:
            raise click.UsageError("--file goes after the subcommand.")
        return
    changeset = {} if file is None else read_object(file)

    async def both(client: Client, complete: Complete) -> SetupDone:
        issued = await client.node.start_setup(issued_by=_issuer())
        return await complete(client, issued.token)

    _set_up(settings, both, changeset, in_setup=True)


@setup.command()
@click.option("--ttl", type=DURATION, metavar="TIME", help="How long the token lives, 60 to 86400 s.  [default: 15m]")
@click.option("--issued-by", metavar="TEXT", help="Who asks for it, for the daemon's log.")
@global_options(leading=False)
@pass_settings
def start(settings: Settings, *, ttl: int | None, issued_by: str | None) -> None:
    """Take a setup token, on the node itself.

    It completes one setup, once. A token taken earlier no longer counts.
    """

    async def take(client: Client) -> SetupToken:
        return await client.node.start_setup(issued_by=issued_by or _issuer(), ttl_seconds=ttl)

    issued = converse(settings, take, target=announced_target(settings))
    if settings.as_json:
        terminal.show_json({"token": issued.token, "expires_at": _rfc3339(issued.expires_at)})
        return
    terminal.say(formats.visible(issued.token))
    terminal.notice(f"It is valid until {formats.moment(issued.expires_at)}, for: revaer setup complete")


@setup.command(context_settings=EXTRA)
@_FILE
@global_options(leading=False)
@click.pass_context
@pass_settings
def complete(settings: Settings, ctx: click.Context, /, *, file: str | None) -> None:
    """Complete the setup with a token.

    The token is read from standard input, or asked for without being shown. The admin key goes to the credentials file.
    """
    refuse_extra(ctx)
    if file == "-":
        raise click.UsageError("standard input holds the token; give the changeset as a file.")
    changeset = {} if file is None else read_object(file)
    token = read_private("Setup token").strip()
    _set_up(settings, lambda client, complete: complete(client, token), changeset, in_setup=False)


def _set_up(settings: Settings, work: Work, changeset: dict[str, Any], *, in_setup: bool) -> None:
    """Complete a setup and store its key.

    The place of the key is proven before anything is sent, and the key is made here: when nobody can tell what became
    of the setup, it is kept all the same.

    Args:
        settings: where, and where the key goes.
        work: takes a token, or has one, and completes the setup.
        changeset: what the setup puts into force.
        in_setup: whether a token shows that the node is in its setup, and that a key of before is good for nothing.
    """
    target = announced_target(settings)
    with reserved(_key_place(settings, target), url=target.url) as place:
        spare = place if in_setup or not place.path.exists() else None
        complete = partial(_complete, changeset=changeset, place=spare, url=target.url)
        done = _converse(settings, lambda client: work(client, complete), target)
        place.keep(Credentials(_address(target, done), done.api_key))
    _tell(settings, done, place)


def _address(target: Target, done: SetupDone) -> str:
    """Tell where the daemon answers from now on; a named address is kept, since it may be the way through a tunnel."""
    listener = done.snapshot.listener
    if target.explicit or listener is None or listener.problem is not None or not listener.url:
        return target.url
    return listener.url


def _key_place(settings: Settings, target: Target) -> Path:
    """Tell where the admin key goes: a key for another machine has no place in this node's data directory."""
    try:
        local = not target.explicit or is_loopback(parse_address(target.url))
    except ClientError as error:
        raise failure_of(error, target=None, request_id="") from error
    if not local and settings.credentials is None:
        raise click.UsageError(f"{target.url} is another machine: say with --credentials where its key shall go.")
    return credentials_path(settings)


def _converse(settings: Settings, work: Callable[[Client], Awaitable[SetupDone]], target: Target) -> SetupDone:
    try:
        return converse(settings, work, target=target, timeout=max(settings.timeout, PATIENCE))
    except WrongRequest as refused:
        problem, path = refused.__cause__, credentials_path(settings)
        if not (isinstance(problem, Problem) and problem.status == HTTPStatus.CONFLICT and path.exists()):
            raise
        lines = [*refused.lines, f"This node's key should be in {path}."]
        raise WrongRequest(
            refused.message, detail=refused.detail, lines=lines, request_id=refused.request_id
        ) from problem


async def _complete(
    client: Client, token: str, *, changeset: dict[str, Any], place: KeyFile | None, url: str
) -> SetupDone:
    """Complete a setup. `place` takes the key when no answer comes; None is one whose key may still be good."""
    key = str(generate_key()) if place is not None else None
    try:
        return await client.node.complete_setup(token, changeset, key=key)
    except Unreachable as error:
        if error.refused:
            raise
        line = "It may be complete all the same: restart the daemon once with --setup auto to have another key made."
        if place is not None and key is not None:
            place.keep(Credentials(url, key))
            line = f"If it is complete, its key is in {place.path}: run `revaer setup` again to see."
        raise Failure(
            "the setup was asked for, but no answer came", detail=f"{error.url}: {error.reason}", lines=[line]
        ) from error


def _tell(settings: Settings, done: SetupDone, place: KeyFile) -> None:
    key_id = done.api_key.partition(":")[0]
    if settings.as_json:
        terminal.show_json(
            {
                "snapshot": done.snapshot.document,
                "api_key_id": key_id,
                "api_key_expires_at": _rfc3339(done.api_key_expires_at),
                "credentials": str(place.path),
            }
        )
        return
    terminal.say(f"The node is set up: revision {done.snapshot.revision}.")
    if done.snapshot.rebind:
        terminal.notice(moved(done.snapshot.listener))
    ends = "without end" if done.api_key_expires_at is None else f"until {formats.moment(done.api_key_expires_at)}"
    terminal.say(f"Its admin key {formats.visible(key_id)} is in {place.path}, valid {ends}.")


def _issuer() -> str:
    return f"revaer setup, user {os.getuid()}"


def _rfc3339(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


@click.command("factory-reset")
@click.option("--confirm", is_flag=True, help="Yes: the configuration, the keys and the secrets shall go.")
@DRY_RUN
@global_options(leading=False)
@pass_settings
def factory_reset(settings: Settings, *, confirm: bool, dry_run: bool) -> None:
    """Take the node back to its setup.

    Torrents stop, the configuration goes back to the defaults, every key and secret is gone. Payload files stay.
    """
    if dry_run:
        _preview(settings)
        return
    if not confirm:
        raise click.UsageError(
            "this stops all torrents and deletes the configuration, every key and every secret; payload files stay. "
            "Add --confirm if that is what you want."
        )
    snapshot = converse(settings, lambda client: client.node.factory_reset())
    if settings.as_json:
        terminal.show_json(snapshot.document)
        return
    terminal.say(f"The node is back at its setup: revision {snapshot.revision}.")
    terminal.notice("Set it up again on the node: revaer setup")


def _preview(settings: Settings) -> None:
    """Tell what a factory reset would stop and delete."""

    async def count(client: Client) -> dict[str, int]:
        secrets = (await client.config.read()).secrets
        keys, torrents = await client.keys.list(), await client.all_rows(("state",))
        return {"torrents_stopped": len(torrents), "keys_deleted": len(keys), "secrets_deleted": len(secrets)}

    found = converse(settings, count)
    if settings.as_json:
        terminal.show_json({"dry_run": True, **found})
        return
    for name, number in found.items():
        terminal.say(f"{name.replace('_', ' ')}: {number}")
    terminal.say("the configuration goes back to the defaults; payload files and torrents stay")
