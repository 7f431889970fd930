"""How changes of the configuration are shown: what differs, and what that reaches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from revaer.cli import formats, terminal
from revaer.client import Change, ConfigSnapshot, Impact, Listener, Validation


def compact(value: Any) -> str:
    """Write a JSON value on one line."""
    return json.dumps(value, ensure_ascii=False)


def show_validation(validation: Validation) -> None:
    """Write what a change would do."""
    if not validation.changes:
        terminal.notice("Nothing would change.")
        return
    show_changes(validation.changes)
    for line in impact_lines(validation.impact):
        terminal.say(line)


def show_changes(changes: Sequence[Change]) -> None:
    """Write a table of what differs; an absent value is null."""
    table = terminal.new_table("POINTER", "BEFORE", "AFTER")
    for change in changes:
        before, after = compact(change.before), compact(change.after)
        table.add_row(Text(formats.visible(change.pointer)), terminal.flexible(before), terminal.flexible(after))
    terminal.show_table(table)


def impact_lines(impact: Impact) -> list[str]:
    """Say what a change would reach, one fact per line."""
    lines = []
    if impact.consumers:
        lines.append(f"applied by: {', '.join(impact.consumers)}")
    if impact.torrents is not None:
        lines.append(f"torrents touched: {impact.torrents}")
    if impact.rebind:
        lines.append("the API's listener moves")
    if impact.restart:
        lines.append(f"from the next start only: {', '.join(impact.restart)}")
    return [formats.visible(line) for line in lines]


def show_applied(snapshot: ConfigSnapshot) -> None:
    """Say that a change is in force."""
    terminal.say(f"revision {snapshot.revision} is in force")
    if snapshot.rebind:
        terminal.notice(moved(snapshot.listener))
    if snapshot.restart:
        terminal.notice(formats.visible(f"From the next start only: {', '.join(snapshot.restart)}."))


def moved(listener: Listener | None) -> str:
    """Say where the API listens after a move."""
    if listener is None:
        return "The API's listener moves to its new address."
    where = f"at {formats.visible(listener.url)}" if listener.url else "nowhere"
    if listener.problem is not None:
        problem = formats.visible(listener.problem).rstrip(".")
        return f"The API's listener could not move: {problem}. It listens {where}."
    return f"The API listens {where} now."
