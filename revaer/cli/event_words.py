"""One event in one line, for people."""

from __future__ import annotations

import json

from rich.text import Text

from revaer.cli import formats
from revaer.cli.listing import STATE_STYLES
from revaer.client import Event

_ID_DIGITS = 8


def event_line(event: Event) -> Text:
    """Say when, what, to which torrent, and what changed."""
    when = f"{event.timestamp:%H:%M:%S}" if event.timestamp else "--:--:--"
    line = Text.assemble((when, "dim"), "  ", (f"{formats.visible(event.kind):<18}", "bold"))
    if event.torrent_id is not None:
        line.append(f" {formats.visible(event.torrent_id[-_ID_DIGITS:])}", style="cyan")
    words = _words(event)
    if words:
        line.append("  ").append_text(words)
    return line


def _words(event: Event) -> Text:
    match event.kind:
        case "progress":
            return _progress(event)
        case "state_changed":
            return _state(event)
        case "health_changed":
            return _health(event)
        case "torrent_added":
            return Text(formats.visible(_added_name(event)))
        case _:
            return Text(formats.visible(_rest(event)))


def _progress(event: Event) -> Text:
    figures = event.figures()
    assert figures is not None, "a progress event has figures"
    words = f"{formats.percent(figures.percent_complete):>7}  {formats.size(figures.bytes_downloaded)}"
    words += f" of {formats.size(figures.bytes_total)}"
    return Text(words if figures.download_bps <= 0 else f"{words}  {formats.rate(figures.download_bps)}")


def _state(event: Event) -> Text:
    state = event.body.get("state")
    kind, message = (state.get("kind"), state.get("message")) if isinstance(state, dict) else (state, None)
    line = Text.assemble(
        formats.visible(str(event.body.get("previous", "?"))),
        " → ",
        (formats.visible(str(kind)), STATE_STYLES.get(str(kind), "")),
    )
    return line.append(f": {formats.visible(str(message))}") if message else line


def _health(event: Event) -> Text:
    body = event.body
    words = f"{body.get('component')}: {body.get('previous')} → {body.get('state')}"
    return Text(formats.visible(f"{words} ({body['reason']})" if body.get("reason") else words))


def _added_name(event: Event) -> str:
    for holder in (event.body, event.body.get("torrent"), event.body.get("view")):
        if isinstance(holder, dict) and isinstance(holder.get("name"), str):
            return str(holder["name"])
    return _rest(event)


def _rest(event: Event) -> str:
    """Every field of the event's own, as `name=value`."""
    fields = {key: value for key, value in event.body.items() if key not in ("type", "torrent_id")}
    return " ".join(f"{key}={_plain(value)}" for key, value in fields.items())


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
