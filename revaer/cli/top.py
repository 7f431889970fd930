"""`revaer top`: the torrents in a table that keeps itself up to date."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import click
import trio
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.board import Order, Totals, Wanted, table_of
from revaer.cli.completing import complete_category, complete_state, complete_tag
from revaer.cli.invocation import converse
from revaer.cli.live import LiveList
from revaer.cli.parameters import comma_list
from revaer.cli.screen import Screen
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.together import until_first
from revaer.cli.tree import examples
from revaer.client import Client

ROWS = 50
"""How many torrents plain output shows."""


@dataclass(frozen=True, slots=True)
class TopPlan:
    """What `top` shows, and how often. `count` and `limit` are for plain output; `interval` in seconds."""

    wanted: Wanted
    order: Order
    interval: float
    count: int | None
    limit: int
    as_json: bool


def now() -> datetime:
    """The time that the head line shows."""
    return datetime.now(UTC)


def _order(_ctx: click.Context, _param: click.Parameter, value: str) -> Order:
    try:
        return Order.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(
    epilog=examples(
        "revaer top --sort -up",
        "revaer top --state downloading,checking",
        "revaer top --count 1 --output json | jq .totals",
    )
)
@click.option(
    "--state",
    multiple=True,
    callback=comma_list,
    shell_complete=complete_state,
    metavar="STATES",
    help="Only in these states.",
)
@click.option("--tracker", multiple=True, callback=comma_list, metavar="HOSTS", help="Only with such a tracker.")
@click.option(
    "--tag",
    multiple=True,
    callback=comma_list,
    shell_complete=complete_tag,
    metavar="TAGS",
    help="Only with all of these tags.",
)
@click.option("--category", shell_complete=complete_category, metavar="TEXT", help="Only of this category.")
@click.option("--name", metavar="TEXT", help="Only with this in the name.")
@click.option(
    "--sort",
    "order",
    default="-down",
    show_default=True,
    callback=_order,
    metavar="KEY",
    help="down, up, name, size, progress, ratio, added_at, eta or state; -KEY for descending.",
)
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often it is drawn.",
)
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="End after so many tables; also on a terminal.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=ROWS,
    show_default=True,
    metavar="N",
    help="How many torrents, where there is no terminal to fill.",
)
@global_options(leading=False)
@pass_settings
def top(
    settings: Settings,
    *,
    state: tuple[str, ...],
    tracker: tuple[str, ...],
    tag: tuple[str, ...],
    category: str | None,
    name: str | None,
    order: Order,
    interval: float,
    count: int | None,
    limit: int,
) -> None:
    """Watch the torrents in a table that keeps itself up to date.

    On a terminal the table fills it: q or Ctrl-C ends it, letters sort, arrows scroll. Elsewhere, or with --count, a
    plain table is written every --interval seconds; with --output json a document per line.
    """
    wanted = Wanted(frozenset(state), frozenset(tracker), frozenset(tag), category, name)
    plan = TopPlan(wanted, order, interval, count, limit, settings.as_json)
    on_screen = not plan.as_json and count is None and sys.stdin.isatty() and terminal.output().is_terminal
    converse(settings, partial(show_screen if on_screen else write_tables, plan=plan))


async def show_screen(client: Client, plan: TopPlan) -> None:
    """Show the table on the whole terminal."""
    live = LiveList(plan.wanted)
    await Screen(live, plan.order, plan.interval, now=now).run(partial(live.run, client))


async def write_tables(client: Client, plan: TopPlan) -> None:
    """Write a plain table now and then."""
    live = LiveList(plan.wanted)

    async def write() -> None:
        await live.ready.wait()
        written = 0
        while True:
            _write(live, plan)
            written += 1
            if written == plan.count:
                return
            await trio.sleep(plan.interval)

    await until_first(partial(live.run, client), write)


def _write(live: LiveList, plan: TopPlan) -> None:
    torrents = plan.order.apply(live.torrents())
    totals = Totals.of(torrents)
    shown = torrents[: plan.limit]
    if plan.as_json:
        at = now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        rows = [torrent.document for torrent in shown]
        terminal.show_json_line({"timestamp": at, "totals": totals.document(), "torrents": rows})
        return
    rates = f"  down {formats.rate(totals.download_bps)}  up {formats.rate(totals.upload_bps)}"
    terminal.say(Text.assemble(f"{now():%H:%M:%S}  ", totals.words(), rates))
    if live.remark:
        terminal.notice(live.remark)
    if shown:
        terminal.show_table(table_of(shown, plan.order, wide=terminal.is_wide()))
    sys.stdout.flush()
