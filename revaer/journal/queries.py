"""The statements of this slice, each from its own file in `sql/`, and the arguments they take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Final

from revaer.journal.entries import Entry
from revaer.journal.messages import Gap, Selection


def _load(name: str) -> str:
    return files("revaer.journal").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


APPEND_EVENTS: Final = _load("append_events")
NOTE_GAPS: Final = _load("note_gaps")
NEWEST_RUN: Final = _load("newest_run")
NEWEST_EPOCH: Final = _load("newest_epoch")
LAST_OF_EPOCH: Final = _load("last_of_epoch")
BEGIN_RUN: Final = _load("begin_run")
END_RUN: Final = _load("end_run")
RUN_BY_EPOCH: Final = _load("run_by_epoch")
ALL_GAPS: Final = _load("all_gaps")
FLOOR: Final = _load("floor")
SET_FLOOR: Final = _load("set_floor")
COUNT_EVENTS: Final = _load("count_events")
SCAN: Final = _load("scan")
TIMELINE: Final = {False: _load("timeline_oldest_first"), True: _load("timeline_newest_first")}
"""By whether the newest comes first."""

PRUNE_EVENTS: Final = _load("prune_events")
PRUNE_GAPS: Final = _load("prune_gaps")
PRUNE_RUNS: Final = _load("prune_runs")


def event_columns(entries: Sequence[Entry]) -> tuple[object, ...]:
    """Return the arguments of `APPEND_EVENTS` after the epoch: one array per column."""
    return (
        [entry.id.seq for entry in entries],
        [entry.at for entry in entries],
        [entry.kind for entry in entries],
        [entry.request_id for entry in entries],
        [entry.torrent_id for entry in entries],
        [_array(entry.hashes) for entry in entries],
        [entry.state for entry in entries],
        [None if entry.category is None else _storable(entry.category) for entry in entries],
        [_array(entry.tags) for entry in entries],
        [entry.is_origin for entry in entries],
        [entry.envelope.decode() for entry in entries],
    )


def gap_columns(gaps: Sequence[Gap]) -> tuple[object, ...]:
    """Return the arguments of `NOTE_GAPS` after the node: one array per column."""
    return (
        [gap.first.epoch for gap in gaps],
        [gap.first.seq for gap in gaps],
        [gap.last.epoch for gap in gaps],
        [gap.last.seq for gap in gaps],
        [_storable(gap.reason) for gap in gaps],
    )


def selection_columns(selection: Selection) -> tuple[object, ...]:
    """Return the arguments of `SCAN` that say what is wanted."""
    return (
        sorted(selection.kinds),
        selection.is_about_torrents,
        sorted(selection.torrent_ids),
        sorted(selection.hashes),
        sorted(map(str, selection.states)),
        list(map(_storable, sorted(selection.categories))),
        list(map(_storable, sorted(selection.tags))),
    )


def _storable(text: str) -> str:
    """Replace the one character that a text in the database cannot have."""
    return text.replace("\0", "\ufffd")


def _array(texts: Iterable[str]) -> str:
    """Write texts as PostgreSQL writes an array of them: an array of arrays must be rectangular."""
    escaped = (_storable(text).replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in escaped) + "}"
