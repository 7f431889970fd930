"""How a command fails: what a person reads on standard error, and the exit code a script reads.

0 done; 2 the request was wrong; 3 everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import click
from rich.text import Text

from revaer.cli import formats, terminal

WRONG_STATUSES = frozenset({400, 409, 412, 413, 415, 422})
"""The HTTP statuses that mean: ask differently."""


class Failure(click.ClickException):
    """A command's bad end, with exit code 3.

    Args:
        title: what is wrong, in a few words.
        detail: what happened this time.
        lines: further facts and advice, one per line.
        request_id: under which the daemon's log tells more.
    """

    exit_code = 3

    def __init__(self, title: str, *, detail: str = "", lines: Sequence[str] = (), request_id: str = "") -> None:
        super().__init__(title)
        self.detail = detail
        self.lines = tuple(lines)
        self.request_id = request_id

    def show(self, file: IO[Any] | None = None) -> None:
        """Write it to standard error."""
        console = terminal.errors()
        if file is not None:
            console.file = file
        console.print(Text.assemble(("error: ", "bold red"), (formats.visible(self.message), "bold")))
        if self.detail:
            for line in self.detail.splitlines():
                console.print(Text(f"  {formats.visible(line)}"))
        for line in self.lines:
            console.print(Text(f"  {formats.visible(line)}"))
        if self.request_id:
            console.print(Text(f"  request id: {formats.visible(self.request_id)}", style="dim"))


class WrongRequest(Failure):
    """The request was wrong and must be asked differently; exit code 2."""

    exit_code = 2
