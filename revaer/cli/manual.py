"""The manual of the command line, written from the command tree: `python -m revaer.cli.manual > docs/cli.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import resources

import click

from revaer.cli.commands import ALIASES, GROUPS
from revaer.cli.main import cli
from revaer.cli.shapes import SHAPES
from revaer.cli.tree import GLOBAL_HINT, load_command

WIDTH = 100
"""Columns of the help in the manual."""


def manual() -> str:
    """Write the whole manual."""
    front = resources.files("revaer.cli").joinpath("manual.md").read_text("utf-8")
    parts = [front.rstrip(), _fenced("revaer", cli)]
    for title, commands in GROUPS.items():
        parts.append(f"## {title}")
        parts += [part for name in commands for part in _chapter(name, load_command(name), 3)]
    parts.append("## Names of earlier versions")
    parts.append(_aliases())
    return "\n\n".join(parts) + "\n"


def _chapter(name: str, command: click.Command, level: int) -> Iterator[str]:
    yield f"{'#' * level} revaer {name}"
    yield _fenced(name, command)
    if name in SHAPES:
        yield f"With `--output json`: {SHAPES[name]}"
    if isinstance(command, click.Group):
        for step, inner in command.commands.items():
            yield from _chapter(f"{name} {step}", inner, level + 1)


def _fenced(name: str, command: click.Command) -> str:
    root = click.Context(cli, info_name="revaer", terminal_width=WIDTH, **cli.context_settings)
    context = root if command is cli else click.Context(command, info_name=name, parent=root)
    text = command.get_help(context).replace(GLOBAL_HINT, "")
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(["```text", *_without_gaps(lines), "```"])


def _without_gaps(lines: list[str]) -> Iterator[str]:
    """Leave out blank lines at the end, and those that follow another."""
    text = "\n".join(lines).rstrip()
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    yield from text.splitlines()


def _aliases() -> str:
    rows = [
        f"| `revaer {group} {old}` | `revaer {new}` |" for group, names in ALIASES.items() for old, new in names.items()
    ]
    return "\n".join(["| before | now |", "|---|---|", *rows])


if __name__ == "__main__":
    sys.stdout.write(manual())
