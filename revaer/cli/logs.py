"""`revaer logs`: the daemon's log as it is written, secrets left out."""

from __future__ import annotations

import json

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.following import tell_of_cuts
from revaer.cli.invocation import converse
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, Lagged, LogLine

LEVELS = ("debug", "info", "warning", "error", "critical")
STYLES = {"debug": "dim", "warning": "yellow", "error": "bold red", "critical": "bold red"}


@click.command()
@click.option(
    "--level", type=click.Choice(LEVELS), default="info", show_default=True, help="Only lines of this level and above."
)
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="End after so many lines.")
@global_options(leading=False)
@pass_settings
def logs(settings: Settings, *, level: str, count: int | None) -> None:
    """Follow the daemon's log.

    From now on, until Ctrl-C; it needs a key with the scope admin. With --output json one document per line.
    """
    converse(settings, lambda client: _follow(client, level, count, as_json=settings.as_json))


async def _follow(client: Client, level: str, count: int | None, *, as_json: bool) -> None:
    written = 0
    async with client.logs(level, on_notice=tell_of_cuts) as lines:
        async for line in lines:
            if isinstance(line, Lagged):
                terminal.notice(f"{line.count} lines were missed: too slow")
                continue
            if as_json:
                terminal.show_json_line(line.document)
            else:
                terminal.say(log_line(line))
            written += 1
            if written == count:
                return


def log_line(line: LogLine) -> Text:
    """Write one line for people: when, how grave, what, and the facts."""
    when = f"{line.timestamp:%H:%M:%S}" if line.timestamp else "--:--:--"
    level = formats.visible(line.level)
    text = Text.assemble((when, "dim"), "  ", (f"{level:<8}", STYLES.get(line.level, "")), " ")
    text.append(formats.visible(line.event), style="bold")
    for name, value in line.fields.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        text.append(f"  {formats.visible(name)}=", style="dim").append(formats.visible(shown))
    return text
