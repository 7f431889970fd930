"""`revaer dashboard`: the whole node in one look."""

from __future__ import annotations

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.health import HEALTH_STYLES
from revaer.cli.invocation import converse
from revaer.cli.listing import STATE_STYLES
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, Dashboard


@click.command()
@global_options(leading=False)
@pass_settings
def dashboard(settings: Settings) -> None:
    """Look at the whole node.

    What it does, how full its volumes are, and what is not as it should be.
    """
    found = converse(settings, Client.dashboard)
    if settings.as_json:
        terminal.show_json(found.document)
        return
    _show_node(found)
    _show_volumes(found)
    _show_troubles(found)


def _show_node(found: Dashboard) -> None:
    states = [(state, count) for state, count in found.states.items() if count]
    line = Text(f"{found.torrents} torrent{'s' if found.torrents != 1 else ''}")
    for state, count in states:
        line.append(f"  {count} ").append(formats.visible(state), style=STATE_STYLES.get(state, ""))
    up = formats.duration(found.uptime)
    facts: dict[str, Text] = {
        "Node": Text(formats.visible(f"{found.instance_name}, revaer {found.version}, up {up}")),
        "Health": Text(formats.visible(found.status), style=HEALTH_STYLES.get(found.status, "")),
        "Revision": Text(str(found.revision)),
        "Torrents": line,
        "Down": Text(_rate(found.download_bps, found.download_limit)),
        "Up": Text(_rate(found.upload_bps, found.upload_limit)),
    }
    for name, words in facts.items():
        terminal.say(Text.assemble((f"{name:<10} ", "bold"), words))


def _rate(now: int, limit: int | None) -> str:
    return f"{formats.rate(now)}, {'no limit' if not limit else f'at most {formats.rate(limit)}'}"


def _show_volumes(found: Dashboard) -> None:
    if not found.volumes:
        return
    table = terminal.new_table("VOLUME OF", "FREE", "SIZE", "REASON", right=("FREE", "SIZE"))
    for volume in found.volumes:
        names = ", ".join(name.removesuffix("_root") for name in volume.roots)
        sizes = ("-" if size is None else formats.size(size) for size in (volume.free_bytes, volume.total_bytes))
        table.add_row(formats.visible(names), *sizes, terminal.flexible(volume.problem))
    terminal.show_table(table)


def _show_troubles(found: Dashboard) -> None:
    rows = [(part.name, part.state, part.reason) for part in found.troubles]
    rows += [("guard rail", "tripped", words) for words in found.guardrails]
    rows += [(f"torrent {torrent.name or torrent.id}", "failed", torrent.message) for torrent in found.failures]
    if not rows:
        return
    table = terminal.new_table("NAME", "STATE", "REASON")
    for name, state, reason in rows:
        style = HEALTH_STYLES.get(state, STATE_STYLES.get(state, "yellow"))
        table.add_row(terminal.flexible(name), Text(formats.visible(state), style=style), terminal.flexible(reason))
    terminal.show_table(table)
