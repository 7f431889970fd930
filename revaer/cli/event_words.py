"""One event in one line, for people."""

from __future__ import annotations

import json

from rich.text import Text

from revaer.cli import formats
from revaer.cli.listing import STATE_STYLES
from revaer.client import Event, Gap

_KIND_WIDTH = 20


def event_line(event: Event) -> Text:
    """Say when, what, to which torrent, and what changed."""
    when = f"{event.timestamp:%H:%M:%S}" if event.timestamp else "--:--:--"
    about = "" if event.torrent_id is None else f"  {formats.visible(event.torrent_id)}"
    return _line(event, when, about)


def dated_line(event: Event) -> Text:
    """Say when, to the day, and what changed, of a torrent that is known."""
    return _line(event, formats.moment(event.timestamp), "")


def gap_line(gap: Gap) -> Text:
    """Say, in the columns of `dated_line`, that events may be missing."""
    when = (f"{'-':<{len('2024-05-01 10:00:00 UTC')}}", "dim")
    words = formats.visible(f"events may be missing: {gap.reason}")
    return Text.assemble(when, "  ", (f"{'gap':<{_KIND_WIDTH}}", "yellow"), "  ", words)


def _line(event: Event, when: str, about: str) -> Text:
    kind = (f"{formats.visible(event.kind):<{_KIND_WIDTH}}", "bold")
    line = Text.assemble((when, "dim"), "  ", kind, (about, "cyan"), "  ", _words(event))
    line.rstrip()
    return line


def _words(event: Event) -> Text:
    match event.kind:
        case "progress":
            return _progress(event)
        case "fsops_progress":
            return _job_progress(event)
        case "fsops_failed":
            return _job_failure(event)
        case "state_changed":
            return _state(event)
        case "health_changed":
            return _health(event)
        case "torrent_added":
            return Text(formats.visible(_added_name(event)) + (" (listed again)" if event.body.get("restored") else ""))
        case "metadata_updated":
            return Text(formats.visible(_changed(event)))
        case "files_discovered":
            return Text(formats.visible(_files(event)))
        case "authoring_progress":
            return _authoring(event)
        case _:
            return Text(formats.visible(_rest(event)))


def _progress(event: Event) -> Text:
    figures = event.figures()
    assert figures is not None, "a progress event has figures"
    words = f"{formats.percent(figures.percent_complete):>7}  {formats.size(figures.bytes_downloaded)}"
    words += f" of {formats.size(figures.bytes_total)}"
    return Text(words if figures.download_bps <= 0 else f"{words}  {formats.rate(figures.download_bps)}")


def _job_progress(event: Event) -> Text:
    done, total = event.body.get("bytes_done"), event.body.get("bytes_total")
    words = str(event.body.get("step", "?"))
    if isinstance(done, int) and isinstance(total, int):
        words += f"  {formats.size(done)} of {formats.size(total)}"
    return Text(formats.visible(words))


def _job_failure(event: Event) -> Text:
    body = event.body
    where = f" ({body['path']})" if body.get("path") else ""
    again = "; it is tried again" if body.get("will_retry") else ""
    return Text(formats.visible(f"{body.get('step')}: {body.get('message')}{where}{again}"), style="red")


def _state(event: Event) -> Text:
    state = event.body.get("state")
    kind, message = (state.get("kind"), state.get("message")) if isinstance(state, dict) else (state, None)
    line = Text.assemble(
        formats.visible(str(event.body.get("previous", "?"))),
        " → ",
        (formats.visible(str(kind)), STATE_STYLES.get(str(kind), "")),
    )
    if event.body.get("library_path"):
        line.append(f" in {formats.visible(str(event.body['library_path']))}")
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


def _changed(event: Event) -> str:
    """Name what changed, with its new value where that is short."""
    changed, torrent = event.body.get("changed"), event.body.get("torrent")
    if not isinstance(changed, list) or not isinstance(torrent, dict):
        return _rest(event)
    return " ".join(f"{name}={_plain(torrent.get(name))}" for name in changed)


def _files(event: Event) -> str:
    body = event.body
    if not all(isinstance(body.get(name), int) for name in ("files", "selected", "bytes_total", "bytes_selected")):
        return _rest(event)
    wanted, total = formats.size(body["bytes_selected"]), formats.size(body["bytes_total"])
    return f"{body['selected']} of {body['files']} files selected, {wanted} of {total}"


def _authoring(event: Event) -> Text:
    body = event.body
    line = Text(formats.visible(f"{body.get('name')}: {body.get('state')}"))
    done, total = body.get("bytes_done"), body.get("bytes_total")
    if body.get("state") == "hashing" and isinstance(done, int) and isinstance(total, int):
        line.append(f"  {formats.size(done)} of {formats.size(total)}")
    return line.append(f" ({formats.visible(str(body['message']))})", style="red") if body.get("message") else line


def _rest(event: Event) -> str:
    """Every field of the event's own, as `name=value`."""
    fields = {key: value for key, value in event.body.items() if key not in ("type", "torrent_id")}
    return " ".join(f"{key}={_plain(value)}" for key, value in fields.items())


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
