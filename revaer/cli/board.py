"""What `revaer top` shows: which torrents, in which order, and how they look. No terminal, no clock, no connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from rich.table import Table
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.listing import STATE_STYLES, short_ids
from revaer.client import Torrent
from revaer.types import TorrentState

_STATES = {state.value: place for place, state in enumerate(TorrentState)}
_NEVER = float("inf")

SORTS: Mapping[str, Callable[[Torrent], Any]] = {
    "down": lambda torrent: torrent.figures.download_bps,
    "up": lambda torrent: torrent.figures.upload_bps,
    "name": lambda torrent: (torrent.name or torrent.info_hash).casefold(),
    "size": lambda torrent: torrent.figures.bytes_total,
    "progress": lambda torrent: torrent.figures.percent_complete,
    "ratio": lambda torrent: torrent.figures.ratio,
    "added_at": lambda torrent: torrent.added_at.timestamp() if torrent.added_at else 0.0,
    "eta": lambda torrent: _NEVER if torrent.figures.eta_seconds is None else torrent.figures.eta_seconds,
    "state": lambda torrent: _STATES.get(torrent.state, len(_STATES)),
}
"""What the table can be sorted by."""

_TITLES = {"progress": "done"}

DESCENDING_FIRST = frozenset({"down", "up", "size", "progress", "ratio", "added_at"})
"""Where the largest is what one looks for."""

KEYS: Mapping[str, str] = {
    "d": "down",
    "u": "up",
    "n": "name",
    "s": "size",
    "p": "progress",
    "r": "ratio",
    "a": "added_at",
    "e": "eta",
    "t": "state",
}
"""The keys that sort."""

LEGEND = "q quit  d down  u up  n name  s size  p progress  r ratio  a added  e eta  t state  ↑↓ scroll"

STEADY = {"STATE": 11, "DONE": 7, "SIZE": 10, "DOWN": 12, "UP": 12, "RATIO": 5, "ETA": 11}
"""How wide columns are at least on a terminal, so that they do not jump about with every figure."""

HEAD_LINES = 3
"""Lines above the rows: two of words, one of column titles. Below them is the legend."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which torrents are shown. Empty fields let everything pass; tags must all be there."""

    states: frozenset[str] = frozenset()
    trackers: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    category: str | None = None
    name: str | None = None

    def accepts(self, torrent: Torrent) -> bool:
        """Tell whether a torrent is shown."""
        return (
            (not self.states or torrent.state in self.states)
            and (not self.trackers or any(_host(url) in self.trackers for url in torrent.trackers))
            and self.tags.issubset(torrent.tags)
            and (self.category is None or torrent.category == self.category)
            and (self.name is None or self.name.casefold() in (torrent.name or "").casefold())
        )


@dataclass(frozen=True, slots=True)
class Order:
    """How the table is sorted."""

    key: str = "down"
    descending: bool = True

    @classmethod
    def parse(cls, text: str) -> Order:
        """Read a key, with `-` in front for descending. Raises ValueError."""
        key = text.removeprefix("-")
        if key not in SORTS:
            raise ValueError(f"{key!r} is none of {', '.join(SORTS)}; put - in front for descending")
        return cls(key, text.startswith("-"))

    def by(self, key: str) -> Order:
        """Sort by another key, or the other way round by the same."""
        return replace(self, descending=not self.descending) if key == self.key else Order(key, key in DESCENDING_FIRST)

    def apply(self, torrents: Iterable[Torrent]) -> list[Torrent]:
        """Sort; equal torrents are in the order of their ids."""
        by_id = sorted(torrents, key=lambda torrent: torrent.id)
        return sorted(by_id, key=SORTS[self.key], reverse=self.descending)


@dataclass(frozen=True, slots=True)
class Totals:
    """All shown torrents together. Rates in bytes per second."""

    torrents: int
    states: Mapping[str, int]
    download_bps: int
    upload_bps: int

    @classmethod
    def of(cls, torrents: Sequence[Torrent]) -> Totals:
        """Add them up."""
        states = Counter(torrent.state for torrent in torrents)
        return cls(
            torrents=len(torrents),
            states={state: states[state] for state in sorted(states, key=lambda one: _STATES.get(one, len(_STATES)))},
            download_bps=sum(torrent.figures.download_bps for torrent in torrents),
            upload_bps=sum(torrent.figures.upload_bps for torrent in torrents),
        )

    def words(self) -> Text:
        """Say it in a line."""
        line = Text(f"{self.torrents} torrent{'s' if self.torrents != 1 else ''}", style="bold")
        for state, count in self.states.items():
            line.append(f"  {count} ", style="not bold")
            line.append(formats.visible(state), style=f"not bold {STATE_STYLES.get(state, '')}".strip())
        return line

    def document(self) -> dict[str, Any]:
        """Write it for programs."""
        rates = {"download_bps": self.download_bps, "upload_bps": self.upload_bps}
        return {"torrents": self.torrents, "states": dict(self.states), **rates}


@dataclass(frozen=True, slots=True)
class View:
    """What part of the table a person looks at: its order, and the first row."""

    order: Order = Order()
    first: int = 0

    def scrolled(self, rows: int, *, total: int, height: int) -> View:
        """Move by some rows, within the table."""
        last = max(0, total - height)
        return replace(self, first=min(last, max(0, self.first + rows)))


def table_of(torrents: Sequence[Torrent], order: Order, *, wide: bool, steady: bool = False) -> Table:
    """Make the table of some torrents.

    Args:
        torrents: in the order in which they are shown.
        order: how they are sorted, for the mark at the title.
        wide: whether there is room for every column.
        steady: whether it fills the width, with columns that stay where they are.
    """
    numbers = ("DONE", "SIZE", "DOWN", "UP", "RATIO") if wide else ("DONE", "DOWN", "UP")
    last = ("ETA",) if wide else ()
    table = terminal.new_table("ID", "NAME", "STATE", *numbers, *last, right=numbers)
    table.expand = steady
    for column in table.columns:
        title = str(column.header)
        if steady:
            column.min_width = STEADY.get(title)
            column.ratio = 1 if title == "NAME" else None
        if title.lower() == _TITLES.get(order.key, order.key):
            column.header = Text(f"{title}{'▼' if order.descending else '▲'}", style="bold reverse")
    for torrent, short in zip(torrents, short_ids([torrent.info_hash for torrent in torrents]), strict=True):
        figures = torrent.figures
        cells = {
            "DONE": formats.percent(figures.percent_complete),
            "SIZE": formats.size(figures.bytes_total) if figures.bytes_total else "-",
            "DOWN": formats.rate(figures.download_bps),
            "UP": formats.rate(figures.upload_bps),
            "RATIO": f"{figures.ratio:.2f}",
            "ETA": formats.duration(figures.eta_seconds),
        }
        table.add_row(
            short,
            terminal.flexible(torrent.name or torrent.info_hash),
            Text(formats.visible(torrent.state), style=STATE_STYLES.get(torrent.state, "")),
            *(cells[name] for name in (*numbers, *last)),
        )
    return table


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
