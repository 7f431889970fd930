"""`revaer config get`, `history` and `schema`: looking at the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.changes import compact, show_changes
from revaer.cli.failures import Failure
from revaer.cli.invocation import converse
from revaer.cli.rollback_plan import DOCUMENTS
from revaer.cli.schema_table import schema_rows
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, HistoryPage, Revision
from revaer.config.pointers import escape, split


def _pointer(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...]:
    try:
        return split((value or "").rstrip("/"))
    except ValueError as error:
        raise click.BadParameter(f"{error}, such as /engine_profile/listen_port") from None


@click.command()
@click.argument("pointer", required=False, metavar="[POINTER]", callback=_pointer)
@click.option("--effective", is_flag=True, help="With defaults and derived values filled in, as the daemon works.")
@global_options(leading=False)
@pass_settings
def get(settings: Settings, *, pointer: tuple[str, ...], effective: bool) -> None:
    """Read the configuration.

    POINTER leads to a part of it; the values are JSON, as `config set` takes them. A single text is written bare.
    """
    snapshot = converse(settings, lambda client: client.config.read())
    whole = snapshot.effective if effective else snapshot.document
    value = _find(whole, pointer)
    if settings.as_json:
        terminal.show_json(value)
        return
    if isinstance(value, str):
        terminal.say(formats.visible(value))
    elif not isinstance(value, Mapping):
        terminal.say(formats.visible(compact(value)))
    elif pointer or effective:
        _show_values(value, pointer)
    else:
        terminal.say(f"revision {snapshot.revision}, made {formats.moment(snapshot.changed_at)}")
        _show_values({name: value[name] for name in DOCUMENTS if name in value}, pointer)


def _find(value: Any, pointer: Sequence[str]) -> Any:
    """Follow a pointer. Raises Failure when it leads nowhere."""
    for depth, step in enumerate(pointer, 1):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isascii() and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            place = "".join(f"/{escape(part)}" for part in pointer[:depth])
            raise Failure(f"there is nothing at {place}", lines=["`revaer config get` shows what is there."])
    return value


def _show_values(value: Mapping[str, Any], pointer: Sequence[str]) -> None:
    table = terminal.new_table("POINTER", "VALUE")
    above = "".join(f"/{escape(step)}" for step in pointer)
    for place, leaf in _leaves(value, above):
        table.add_row(Text(formats.visible(place)), terminal.flexible(compact(leaf)))
    terminal.show_table(table)


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Walk the values of an object; a list and an empty object are one value each."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{place}/{escape(name)}")
    else:
        yield place, value


@click.command()
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="How many revisions.  [default: 50]")
@click.option("--before", type=click.IntRange(min=1), metavar="REVISION", help="Only revisions below this one.")
@click.option("--changes", is_flag=True, help="With the values before and after.")
@global_options(leading=False)
@pass_settings
def history(settings: Settings, *, limit: int | None, before: int | None, changes: bool) -> None:
    """List the revisions of the configuration.

    The newest comes first. Secrets are masked.
    """

    async def fetch(client: Client) -> HistoryPage:
        return await client.config.history(limit=limit, before=before)

    page = converse(settings, fetch)
    if settings.as_json:
        terminal.show_json(page.document)
        return
    if not page.revisions:
        terminal.notice("No revisions.")
    elif changes:
        _show_in_full(page.revisions)
    else:
        _show_revisions(page.revisions)
    if page.next is not None:
        terminal.notice(f"There are more: --before {page.next}")


def _show_revisions(revisions: Sequence[Revision]) -> None:
    table = terminal.new_table("REVISION", "MADE", "BY", "OPERATION", "CHANGED", right=("REVISION",))
    for revision in revisions:
        table.add_row(
            str(revision.revision),
            formats.moment(revision.at),
            Text(formats.visible(revision.author)),
            Text(formats.visible(revision.operation)),
            terminal.flexible(", ".join(change.pointer for change in revision.changes)),
        )
    terminal.show_table(table)


def _show_in_full(revisions: Sequence[Revision]) -> None:
    for number, revision in enumerate(revisions):
        if number:
            terminal.say("")
        words = (
            f"revision {revision.revision}: {revision.operation} by {revision.author}, {formats.moment(revision.at)}"
        )
        if revision.request_id:
            words += f", request {revision.request_id}"
        terminal.say(Text(formats.visible(words), style="bold"))
        if revision.changes:
            show_changes(revision.changes)


@click.command()
@click.argument("document", required=False, metavar="[DOCUMENT]")
@global_options(leading=False)
@pass_settings
def schema(settings: Settings, *, document: str | None) -> None:
    """Describe the fields of a document.

    Without DOCUMENT it lists the documents. With --output json it is the JSON Schema.
    """
    if document is None:
        _list_schemas(settings)
        return
    found = converse(settings, lambda client: client.config.schema(document))
    if settings.as_json:
        terminal.show_json(found)
        return
    table = terminal.new_table("POINTER", "TYPE", "DEFAULT", "DESCRIPTION")
    for row in schema_rows(document, found):
        words = [Text(formats.visible(word)) for word in (row.pointer, row.kind, row.default)]
        table.add_row(*words, terminal.flexible(row.description))
    terminal.show_table(table)


def _list_schemas(settings: Settings) -> None:
    names = converse(settings, lambda client: client.config.schemas())
    if settings.as_json:
        terminal.show_json({"documents": list(names)})
        return
    for name in names:
        terminal.say(formats.visible(name))
