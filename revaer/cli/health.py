"""`revaer health` and `revaer metrics`: how the daemon is."""

from __future__ import annotations

import math
import sys
from http import HTTPStatus
from typing import Any

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.failures import Failure
from revaer.cli.invocation import converse
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.target import public_target
from revaer.client import Client, Health, Problem

HEALTH_STYLES = {"ok": "green", "up": "green", "starting": "yellow", "degraded": "yellow", "down": "bold red"}


@click.command()
@click.option("--live", is_flag=True, help="Only ask whether the process answers, for probes; needs no key.")
@global_options(leading=False)
@click.pass_context
@pass_settings
def health(settings: Settings, ctx: click.Context, *, live: bool) -> None:
    """Ask the daemon how it is.

    Ends with 3 when the daemon cannot serve; a degraded one still serves. When the key of the credentials file is not
    valid any more, as after a factory reset, it shows what everybody may see. With --live it ends with 0 as soon as the
    process answers, whatever state it is in: restart what does not.
    """
    if live:
        _show_life(settings)
        return
    report = _report(settings)
    if settings.as_json:
        terminal.show_json(report.document)
    else:
        show_health(report)
    ctx.exit(0 if report.serving else Failure.exit_code)


def _report(settings: Settings) -> Health:
    """Ask with the key of this node; when that is not valid any more, as everybody may."""

    async def ask(client: Client) -> Health | None:
        try:
            return await client.health()
        except Problem as problem:
            if problem.status == HTTPStatus.UNAUTHORIZED and settings.api_key is None:
                return None
            raise

    report = converse(settings, ask)
    if report is None:
        terminal.notice("The key of the credentials file is not valid here: this is what everybody may see.")
        report = converse(settings, Client.health, target=public_target(settings))
    return report


def _show_life(settings: Settings) -> None:
    uptime = converse(settings, Client.live, target=public_target(settings))
    if settings.as_json:
        terminal.show_json({"status": "live", "uptime": uptime})
    else:
        terminal.say(f"live, up {formats.duration(uptime)}")


def show_health(report: Health) -> None:
    """Write the state of the whole and of each component, and which guard rails are tripped."""
    version = str(report.document.get("version") or "")
    words = Text.assemble("revaer ", f"{formats.visible(version)} is " if version else "is ", _styled(report.status))
    terminal.say(words)
    if report.components:
        _show_components(report)
    for message in report.guardrails:
        terminal.say(Text(f"guard rail tripped: {formats.visible(message)}", style="yellow"))


def _show_components(report: Health) -> None:
    table = terminal.new_table("COMPONENT", "STATE", "SINCE", "REASON")
    for component in report.components:
        since = formats.visible(component.since)[:19].replace("T", " ")
        table.add_row(Text(component.name), _styled(component.state), Text(since), terminal.flexible(component.reason))
    terminal.show_table(table)


def _styled(state: str) -> Text:
    return Text(formats.visible(state), style=HEALTH_STYLES.get(state, ""))


@click.command()
@global_options(leading=False)
@pass_settings
def metrics(settings: Settings) -> None:
    """Print the daemon's metrics.

    They come in Prometheus' text format; with --output json as documents of the same families and samples.
    """
    text = converse(settings, Client.metrics)
    if settings.as_json:
        terminal.show_json({"metrics": families(text)})
    else:
        sys.stdout.write(text)


def families(text: str) -> list[dict[str, Any]]:
    """Read Prometheus' text format into documents; values that JSON has no number for stay text.

    Raises:
        Failure: it is no such text.
    """
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415 (only documents need it)

    try:
        found = list(text_string_to_metric_families(text))
    except ValueError as error:
        raise Failure("the answer makes no sense", detail=f"these are no metrics: {error}") from error
    return [
        {
            "name": family.name,
            "type": family.type,
            "help": family.documentation,
            "samples": [
                {
                    "name": sample.name,
                    "labels": dict(sample.labels),
                    "value": sample.value if math.isfinite(sample.value) else str(sample.value),
                }
                for sample in family.samples
            ],
        }
        for family in found
    ]
