"""How a download's progress is shown: a bar on a terminal, a line now and then in a pipe, documents for programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.client import Figures

STEP_PERCENT = 10.0
"""In a pipe, a line appears when this much was added."""


class ProgressView(Protocol):
    """Where progress is shown."""

    def update(self, state: str, figures: Figures) -> None:
        """Show the newest state and numbers."""


def progress_words(state: str, figures: Figures) -> str:
    """Say state and numbers in one line."""
    done, total = formats.size(figures.bytes_downloaded), formats.size(figures.bytes_total)
    words = f"{state:<12} {formats.percent(figures.percent_complete):>7}  {done} of {total}"
    if figures.download_bps > 0:
        words += f"  {formats.rate(figures.download_bps)}"
    if figures.eta_seconds is not None and figures.percent_complete < 100:
        words += f"  ETA {formats.duration(figures.eta_seconds)}"
    return words


class Bar:
    """A bar that moves in place. It is drawn when something changes, never by a thread."""

    def __init__(self, console: Console, *, indent: str = "") -> None:
        self._progress = Progress(
            TextColumn(f"{indent}{{task.fields[state]:<12}}"),
            BarColumn(bar_width=32),
            TextColumn("{task.fields[percent]:>7}", style="bold"),
            TextColumn("{task.fields[amount]}"),
            TextColumn("{task.fields[rate]}", style="cyan"),
            TextColumn("{task.fields[eta]}", style="dim"),
            console=console,
            auto_refresh=False,
        )
        self._task = self._progress.add_task("", total=100.0, state="", percent="", amount="", rate="", eta="")

    def update(self, state: str, figures: Figures) -> None:
        """Draw the newest state and numbers."""
        self._progress.start()
        eta = f"ETA {formats.duration(figures.eta_seconds)}" if figures.eta_seconds is not None else ""
        self._progress.update(
            self._task,
            completed=figures.percent_complete,
            state=formats.visible(state),
            percent=formats.percent(figures.percent_complete),
            amount=f"{formats.size(figures.bytes_downloaded)} of {formats.size(figures.bytes_total)}",
            rate=formats.rate(figures.download_bps) if figures.download_bps > 0 else "",
            eta=eta if figures.percent_complete < 100 else "",
            refresh=True,
        )

    def stop(self) -> None:
        """Leave the bar as it is and give the cursor back."""
        self._progress.stop()


class Lines:
    """A line for each change of state and each ten percent."""

    def __init__(self, console: Console, *, indent: str = "") -> None:
        self._console = console
        self._indent = indent
        self._state = ""
        self._shown = -STEP_PERCENT

    def update(self, state: str, figures: Figures) -> None:
        """Write a line when enough has changed since the last one."""
        percent = figures.percent_complete
        finished = percent >= 100 and self._shown < 100
        if state == self._state and percent < self._shown + STEP_PERCENT and not finished:
            return
        self._state = state
        self._shown = percent if finished else percent - percent % STEP_PERCENT
        self._console.print(Text(self._indent + progress_words(formats.visible(state), figures)))


class Documents:
    """A JSON document per change, each on its line."""

    def __init__(self, torrent_id: str) -> None:
        self._torrent_id = torrent_id

    def update(self, state: str, figures: Figures) -> None:
        """Write the document."""
        terminal.show_json_line({"id": self._torrent_id, "state": state, **asdict(figures)})


@contextmanager
def progress_view(console: Console, *, indent: str = "") -> Iterator[ProgressView]:
    """Show progress on a console: a bar when it is a terminal, else lines."""
    if not console.is_terminal:
        yield Lines(console, indent=indent)
        return
    bar = Bar(console, indent=indent)
    try:
        yield bar
    finally:
        bar.stop()
