"""Words that nobody else may see: read from standard input or from a hidden prompt, never from the command line."""

from __future__ import annotations

import sys

import click

EXTRA = {"allow_extra_args": True}
"""How a command is declared whose arguments `refuse_extra` looks at."""

LONGEST = 65_536
"""Bytes that are read at most; nothing private is that long."""


def refuse_extra(ctx: click.Context) -> None:
    """Refuse further arguments without repeating them: someone may have typed the private words there.

    Raises:
        click.UsageError: there are some.
    """
    if ctx.args:
        raise click.UsageError("this takes no further argument; what nobody may see comes from standard input.")


def read_private(what: str, *, twice: bool = False) -> str:
    """Ask for private words: at a terminal by a hidden prompt, otherwise from standard input.

    One line break at the end of standard input belongs to the tool that wrote it and is left out.

    Args:
        what: what is asked for, for messages.
        twice: whether a person must type it twice.

    Raises:
        click.UsageError: nothing came, too much, or something that is no text.
        click.Abort: the person gave up.
    """
    if sys.stdin.isatty():
        words: str = click.prompt(what, hide_input=True, confirmation_prompt=twice, err=True)
        return words
    content = sys.stdin.buffer.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise click.UsageError(f"standard input is too long for a {what.lower()} (over {LONGEST // 1024} KiB).")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise click.UsageError("standard input is no UTF-8 text.") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise click.UsageError(f"standard input is empty; it should hold the {what.lower()}.")
    return text
