"""Where commands write: tables and words on standard output, failures and notices on standard error.

Colours appear only on terminals. In a pipe nothing is cut to a width.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table
from rich.text import Text

from revaer.cli import formats

FLEXIBLE = frozenset(
    {"NAME", "PATH", "URL", "CLIENT", "FLAGS", "REASON", "VALUE"}
    | {"BEFORE", "AFTER", "CHANGED", "DESCRIPTION", "POLICY", "FACTS"}
)
"""Columns that may be cut on a narrow terminal."""

_PIPE_WIDTH = 1_000_000
WIDE = 110
"""Columns of a terminal from which on tables show everything."""


class Terminal(Console):
    """A console that leaves a closed pipe to `main`."""

    def on_broken_pipe(self) -> NoReturn:
        """Let the caller end quietly."""
        raise BrokenPipeError


def output() -> Terminal:
    """Standard output."""
    return Terminal(highlight=False, markup=False, emoji=False, soft_wrap=True)


def errors() -> Terminal:
    """Standard error."""
    return Terminal(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(text: str | Text) -> None:
    """Write one line of words."""
    output().print(text)


def notice(text: str) -> None:
    """Write one line about the course of things beside the output."""
    errors().print(Text(text, style="dim"))


def show_json(document: object) -> None:
    """Write a JSON value, indented."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def show_json_line(document: Mapping[str, Any]) -> None:
    """Write a document as one line, at once."""
    sys.stdout.write(json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def is_wide() -> bool:
    """Tell whether there is room for every column."""
    console = output()
    return not console.is_terminal or console.width >= WIDE


def new_table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """Make a plain table. Columns named in `right` hold numbers; those in `FLEXIBLE` give way when space is short."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        flexible = column in FLEXIBLE
        table.add_column(column, justify="right" if column in right else "left", no_wrap=not flexible)
    return table


def flexible(text: str) -> Text:
    """Make the cell of a flexible column from text of outside: cut at the end where it does not fit."""
    return Text(formats.visible(text), no_wrap=True, overflow="ellipsis")


def show_table(table: Table) -> None:
    """Write a table: fitted to a terminal, whole and without trailing blanks elsewhere."""
    console = output()
    if console.is_terminal:
        console.print(table, soft_wrap=False)
        return
    page = io.StringIO()
    Console(file=page, width=_PIPE_WIDTH, color_system=None, highlight=False, markup=False).print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines()))
