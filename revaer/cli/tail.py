"""`revaer tail`: the events as they come, across cuts and restarts, none twice and none missing."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import click

from revaer.cli import terminal
from revaer.cli.bookmark import Bookmark
from revaer.cli.completing import complete_event, complete_state, complete_torrent
from revaer.cli.event_words import event_line
from revaer.cli.invocation import converse
from revaer.cli.parameters import comma_list
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.tree import examples
from revaer.client import (
    Client,
    Event,
    EventFilter,
    EventSocket,
    EventStream,
    Interrupted,
    Lagged,
    Notice,
    Reset,
    SocketItem,
)
from revaer.types import EventId


@dataclass(frozen=True, slots=True)
class TailPlan:
    """What to read, from where, and how to write it."""

    wanted: EventFilter
    since: str | None
    bookmark: Bookmark | None
    count: int | None
    as_json: bool
    by_socket: bool


def _event_id(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else str(EventId.parse(value))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no id of an event, such as 3-1042") from None


@click.command(
    epilog=examples(
        "revaer tail",
        "revaer tail --event completed,fsops_completed --output json",
        "revaer tail --resume-file ~/.cache/revaer.place --output json | while read -r event; do ...; done",
    )
)
@click.option(
    "--torrent",
    multiple=True,
    callback=comma_list,
    shell_complete=complete_torrent,
    metavar="IDS",
    help="Only of these torrents.",
)
@click.option(
    "--event",
    "kinds",
    multiple=True,
    callback=comma_list,
    shell_complete=complete_event,
    metavar="KINDS",
    help="Only these kinds.",
)
@click.option(
    "--state",
    multiple=True,
    callback=comma_list,
    shell_complete=complete_state,
    metavar="STATES",
    help="Only in these states.",
)
@click.option("--category", multiple=True, callback=comma_list, metavar="NAMES", help="Only of these categories.")
@click.option("--tag", multiple=True, callback=comma_list, metavar="TAGS", help="Only with these tags.")
@click.option("--since", metavar="EVENT-ID", callback=_event_id, help="Start after this event instead of now.")
@click.option(
    "--resume-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the last event's id here, and go on after it the next time.",
)
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="End after so many events.")
@click.option("--ws", "by_socket", is_flag=True, help="By WebSocket instead of server-sent events.")
@global_options(leading=False)
@pass_settings
def tail(
    settings: Settings,
    *,
    torrent: tuple[str, ...],
    kinds: tuple[str, ...],
    state: tuple[str, ...],
    category: tuple[str, ...],
    tag: tuple[str, ...],
    since: str | None,
    resume_file: Path | None,
    count: int | None,
    by_socket: bool,
) -> None:
    """Follow the events.

    One line per event; with --output json one document per line. A cut connection is opened again where it broke off,
    also across restarts of the daemon: no event comes twice, and none is missed without a word.
    """
    if since is not None and resume_file is not None:
        raise click.UsageError("--since and --resume-file both say where to start; give one of them.")
    bookmark = None if resume_file is None else Bookmark(resume_file)
    start = since
    if bookmark is not None:
        start = bookmark.read()
        bookmark.prove()
    wanted = EventFilter(torrent, kinds, state, category, tag)
    plan = TailPlan(wanted, start, bookmark, count, settings.as_json, by_socket)
    converse(settings, lambda client: follow_events(client, plan))


async def follow_events(client: Client, plan: TailPlan) -> None:
    """Write events until the wanted number has come, or for ever. An event is remembered once it is written."""
    torrents = await client.resolve_all(plan.wanted.torrents)
    wanted = EventFilter(torrents, plan.wanted.kinds, plan.wanted.states, plan.wanted.categories, plan.wanted.tags)
    written = 0
    in_hand = False
    async with _open(client, wanted, plan) as stream:
        try:
            async for item in stream:
                in_hand = True
                _write(item, as_json=plan.as_json)
                in_hand = False
                if plan.bookmark is not None and stream.position is not None:
                    plan.bookmark.move(stream.position)
                written += isinstance(item, Event)
                if written == plan.count:
                    return
        finally:
            # Also without a single event the stream may know where to go on from, except after one that nobody read.
            if plan.bookmark is not None:
                plan.bookmark.keep(None if in_hand else stream.position)


def _open(
    client: Client, wanted: EventFilter, plan: TailPlan
) -> AbstractAsyncContextManager[EventStream | EventSocket]:
    # Where it begins is remembered at once: a tail that is killed before its first event goes on from there.
    move = None if plan.bookmark is None else plan.bookmark.move
    if plan.by_socket:
        return client.socket(wanted, since=plan.since, on_notice=_tell, on_position=move)
    return client.events(wanted, last_event_id=plan.since, on_notice=_tell, on_position=move)


def _write(item: SocketItem, *, as_json: bool) -> None:
    match item:
        case Event():
            if as_json:
                terminal.show_json_line(item.document)
            else:
                terminal.say(event_line(item))
        case Reset(reason=reason):
            _write_gap(f"events were missed: {reason}", {"type": "reset", "reason": reason}, as_json=as_json)
        case Lagged(count=count):
            _write_gap(f"{count} events were missed: too slow", {"type": "lagged", "count": count}, as_json=as_json)


def _write_gap(words: str, event: dict[str, object], *, as_json: bool) -> None:
    """Tell of a gap where the reader looks: programs read it among the events."""
    if as_json:
        terminal.show_json_line({"event": event})
    else:
        terminal.notice(words)


def _tell(notice: Notice) -> None:
    if isinstance(notice, Interrupted):
        terminal.notice(f"{notice.reason}; connecting again in {notice.retry_in:.1f} s")
    else:
        terminal.notice("connected again")
