"""How the demonstration tells what it does: a labelled line per step, a bar for the download.

On a terminal there are colours and something moves while one waits; in a pipe there are the same lines, plain.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.text import Text

from revaer.cli.progress import ProgressView, progress_view

LABEL_WIDTH = 10
INDENT = " " * (LABEL_WIDTH + 2)


class Story:
    """Writes to one console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def headline(self, words: str) -> None:
        """Begin."""
        self._console.print(Text(words, style="bold"))
        self._console.print()

    def tell(self, label: str, words: str, *, style: str = "bold green") -> None:
        """Write one step: what kind, and what happened. Further lines of `words` stand below its first."""
        first, *others = words.splitlines()
        self._console.print(Text.assemble((f"{label:>{LABEL_WIDTH}}", style), "  ", first))
        for line in others:
            self._console.print(Text(INDENT + line, style="dim"))

    def blow(self, label: str, words: str) -> None:
        """Write a step that hurts."""
        self.tell(label, words, style="bold red")

    def result(self, label: str, words: str) -> None:
        """Write how it ended."""
        self._console.print()
        self.tell(label, words)

    def progress(self) -> AbstractContextManager[ProgressView]:
        """Show a download's progress below the last step."""
        return progress_view(self._console, indent=INDENT)

    @contextmanager
    def busy(self, words: str) -> Iterator[None]:
        """Show that something is going on, on a terminal, for the length of a block."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(Text(words, style="dim")):
            yield
