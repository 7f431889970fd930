"""`revaer labels`: what categories and tags give to their torrents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.changes import compact
from revaer.cli.invocation import converse
from revaer.cli.parameters import DRY_RUN, DURATION, SIZE, absolute
from revaer.cli.patches import read_object
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, LabelKind

KINDS: Mapping[str, LabelKind] = {"category": "categories", "tag": "tags"}
"""What the API calls them."""

_CLEANUP = "cleanup_"
_KIND = click.argument("kind", metavar="<KIND>", type=click.Choice(list(KINDS)))
_NAME = click.argument("name", metavar="<NAME>")
_IF_MATCH = click.option(
    "--if-match",
    type=click.IntRange(min=0),
    metavar="REVISION",
    help="Only if the configuration still is at this revision.",
)


@click.group()
@global_options(leading=False)
def labels() -> None:
    """Set what categories and tags give.

    A torrent's own wish wins over its category, that over its tags in the order of their names. <KIND> is category or
    tag.
    """


@labels.command("ls")
@click.option("--kind", type=click.Choice(list(KINDS)), help="Only these.")
@global_options(leading=False)
@pass_settings
def list_labels(settings: Settings, *, kind: str | None) -> None:
    """List the policies."""
    wanted = [kind] if kind else list(KINDS)

    async def fetch(client: Client) -> dict[str, Mapping[str, Mapping[str, Any]]]:
        return {one: await client.labels.list(KINDS[one]) for one in wanted}

    found = converse(settings, fetch)
    if settings.as_json:
        terminal.show_json({KINDS[one]: policies for one, policies in found.items()})
        return
    if not any(found.values()):
        terminal.notice("No policies.")
        return
    table = terminal.new_table("KIND", "NAME", "POLICY")
    for one, policies in found.items():
        for name, policy in sorted(policies.items()):
            table.add_row(Text(one), terminal.flexible(name), terminal.flexible(_words(policy)))
    terminal.show_table(table)


def _words(policy: Mapping[str, Any]) -> str:
    return ", ".join(f"{field}={compact(value)}" for field, value in _given(policy))


def _given(policy: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Walk what a policy gives, and leave its gaps out."""
    for field, value in policy.items():
        if isinstance(value, Mapping):
            yield from _given(value, f"{above}{field}.")
        elif value is not None:
            yield f"{above}{field}", value


@labels.command("set")
@_KIND
@_NAME
@click.option("--file", metavar="FILE", help="The policy as JSON instead of the options below; - is standard input.")
@click.option(
    "--download-dir", type=click.Path(path_type=Path), callback=absolute, metavar="DIR", help="Where the payload goes."
)
@click.option("--max-download-bps", type=SIZE, metavar="RATE", help="Bytes per second, such as 500K or 2M.")
@click.option("--max-upload-bps", type=SIZE, metavar="RATE", help="Bytes per second.")
@click.option("--queue-position", type=click.IntRange(min=0), metavar="N", help="Place in the queue, from 0.")
@click.option("--auto-managed/--no-auto-managed", default=None, help="Let the engine's queue start and stop them.")
@click.option("--seed-ratio-limit", type=click.FloatRange(min=0), metavar="RATIO", help="Seed up to this ratio.")
@click.option("--seed-time-limit", type=DURATION, metavar="TIME", help="Seed for this long, such as 12h.")
@click.option("--cleanup-ratio", type=click.FloatRange(min=0), metavar="RATIO", help="Remove from this ratio on.")
@click.option("--cleanup-time", type=DURATION, metavar="TIME", help="Remove after seeding for this long.")
@click.option("--cleanup-remove-data", is_flag=True, default=None, help="The payload goes too, when that is safe.")
@_IF_MATCH
@global_options(leading=False)
@pass_settings
def set_label(
    settings: Settings, /, *, kind: str, name: str, file: str | None, if_match: int | None, **options: Any
) -> None:
    """Replace the policy of a label.

    What is not said stays a gap, also where the policy before said something.
    """
    given = {field: value for field, value in options.items() if value is not None}
    if file is not None and given:
        raise click.UsageError("--file holds the whole policy; it does not go with other options of the policy.")
    policy = _policy(given) if file is None else read_object(file)

    async def put(client: Client) -> tuple[Mapping[str, Any], bool]:
        return await client.labels.put(KINDS[kind], name, policy, expected=if_match)

    document, is_new = converse(settings, put)
    if settings.as_json:
        terminal.show_json(document)
    else:
        terminal.say(f"{kind} {formats.visible(name)} {'has a policy' if is_new else 'has another policy'} now")


def _policy(given: Mapping[str, Any]) -> dict[str, Any]:
    policy = {field: value for field, value in given.items() if not field.startswith(_CLEANUP)}
    cleanup = {field.removeprefix(_CLEANUP): value for field, value in given.items() if field.startswith(_CLEANUP)}
    return policy | ({"cleanup": cleanup} if cleanup else {})


@labels.command()
@_KIND
@_NAME
@_IF_MATCH
@DRY_RUN
@global_options(leading=False)
@pass_settings
def rm(settings: Settings, *, kind: str, name: str, if_match: int | None, dry_run: bool) -> None:
    """Remove the policy of a label.

    Torrents keep the label.
    """
    if dry_run:
        if if_match is not None:
            raise click.UsageError("--if-match guards a change; it does not go with --dry-run.")
        policy = converse(settings, lambda client: client.labels.get(KINDS[kind], name))
        if settings.as_json:
            terminal.show_json({"dry_run": True, "kind": kind, "name": name, "policy": policy})
        else:
            terminal.say(f"{kind} {formats.visible(name)} would lose: {formats.visible(_words(policy))}")
        return
    converse(settings, lambda client: client.labels.remove(KINDS[kind], name, expected=if_match))
    if settings.as_json:
        terminal.show_json({"kind": kind, "name": name})
    else:
        terminal.say(f"{kind} {formats.visible(name)} has no policy now")
