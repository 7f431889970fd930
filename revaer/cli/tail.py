"""`revaer tail`: the events as they come, across cuts and restarts, none twice and none missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from revaer.cli import terminal
from revaer.cli.bookmark import Bookmark
from revaer.cli.event_words import event_line
from revaer.cli.invocation import converse
from revaer.cli.parameters import comma_list
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, Event, EventFilter, Interrupted, Lagged, Notice, Reset, StreamItem


@dataclass(frozen=True, slots=True)
class TailPlan:
    """What to read, from where, and how to write it."""

    wanted: EventFilter
    since: str | None
    bookmark: Bookmark | None
    count: int | None
    as_json: bool


@click.command()
@click.option("--torrent", multiple=True, callback=comma_list, metavar="IDS", help="Only of these torrents.")
@click.option("--event", "kinds", multiple=True, callback=comma_list, metavar="KINDS", help="Only these kinds.")
@click.option("--state", multiple=True, callback=comma_list, metavar="STATES", help="Only in these states.")
@click.option("--category", multiple=True, callback=comma_list, metavar="NAMES", help="Only of these categories.")
@click.option("--tag", multiple=True, callback=comma_list, metavar="TAGS", help="Only with these tags.")
@click.option("--since", metavar="EVENT-ID", help="Start after this event instead of now.")
@click.option(
    "--resume-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the last event's id here, and go on after it the next time.",
)
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="End after so many events.")
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
) -> None:
    """Follow the events.

    One line per event; with --output json one document per line. A cut connection is opened again where it broke off.
    """
    if since is not None and resume_file is not None:
        raise click.UsageError("--since and --resume-file both say where to start; give one of them.")
    bookmark = None if resume_file is None else Bookmark(resume_file)
    start = since if bookmark is None else bookmark.read()
    wanted = EventFilter(torrent, kinds, state, category, tag)
    plan = TailPlan(wanted, start, bookmark, count, settings.as_json)
    converse(settings, lambda client: follow_events(client, plan))


async def follow_events(client: Client, plan: TailPlan) -> None:
    """Write events until the wanted number has come, or for ever. An event is remembered once it is written."""
    torrents = [await client.resolve(torrent) for torrent in plan.wanted.torrents]
    wanted = EventFilter(torrents, plan.wanted.kinds, plan.wanted.states, plan.wanted.categories, plan.wanted.tags)
    written = 0
    try:
        async with client.events(wanted, last_event_id=plan.since, on_notice=_tell) as stream:
            async for item in stream:
                _write(item, as_json=plan.as_json)
                if plan.bookmark is not None and stream.position is not None:
                    plan.bookmark.move(stream.position)
                written += isinstance(item, Event)
                if written == plan.count:
                    return
    finally:
        if plan.bookmark is not None:
            plan.bookmark.keep()


def _write(item: StreamItem, *, as_json: bool) -> None:
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
