"""Types of command-line values: sizes, rates, comma lists, file priorities, directories."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import click

from revaer.cli import formats
from revaer.types import Priority

PRIORITIES = tuple(priority.name.lower() for priority in Priority)


class Size(click.ParamType[int]):
    """A number of bytes, with K, M, G or T as factors of 1024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the text; fails as a usage error."""
        try:
            return value if isinstance(value, int) else formats.parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class RateOrUnlimited(click.ParamType[int]):
    """Bytes per second as a size, or the word `unlimited`, which becomes -1 here and null on the wire."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the text; fails as a usage error."""
        if value in ("unlimited", -1):
            return -1
        try:
            return value if isinstance(value, int) else formats.parse_size(value.removesuffix("/s"))
        except ValueError:
            self.fail(f"{value!r} is no rate; write bytes per second such as 500K or 2M, or `unlimited`", param, ctx)


class FilePriority(click.ParamType[tuple[int, str]]):
    """`INDEX=PRIORITY`, as `files` shows the index."""

    name = "index=priority"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, str]:
        """Read the text; fails as a usage error."""
        if isinstance(value, tuple):
            return value
        index, _, priority = str(value).partition("=")
        if not (index.isascii() and index.isdigit()) or priority not in PRIORITIES:
            self.fail(f"{value!r} should be INDEX=PRIORITY with one of {', '.join(PRIORITIES)}", param, ctx)
        return int(index), priority


class QueuePosition(click.ParamType[int | str]):
    """A place in the queue: a number from 0, or `top`, `bottom`, `up`, `down`."""

    name = "position"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Read the text; fails as a usage error."""
        text = str(value)
        if text in ("top", "bottom", "up", "down"):
            return text
        if not (text.isascii() and text.isdigit()):
            self.fail(f"{text!r} should be a number from 0, or top, bottom, up or down", param, ctx)
        return int(text)


class Duration(click.ParamType[int]):
    """Seconds, with m, h, d or w as factors. With `endless` the word `never` is taken too, and becomes -1 here."""

    name = "duration"

    def __init__(self, *, endless: bool = False) -> None:
        self._endless = endless

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the text; fails as a usage error."""
        if self._endless and value in ("never", -1):
            return -1
        try:
            return value if isinstance(value, int) else formats.parse_duration(value)
        except ValueError as error:
            self.fail(f"{error}{', or `never`' if self._endless else ''}", param, ctx)


class CallLimit(click.ParamType[Any]):
    """`CALLS/SECONDS`, or the word `none`, which becomes an empty tuple."""

    name = "limit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the text; fails as a usage error."""
        if value == "none":
            return ()
        if isinstance(value, tuple):
            return value
        calls, _, seconds = str(value).partition("/")
        try:
            return int(calls), formats.parse_duration(seconds)
        except ValueError:
            self.fail(f"{value!r} should be CALLS/TIME such as 100/60 or 1000/1h, or `none`", param, ctx)


SIZE = Size()
RATE = RateOrUnlimited()
FILE_PRIORITY = FilePriority()
QUEUE_POSITION = QueuePosition()
DURATION = Duration()
LIFETIME = Duration(endless=True)
CALL_LIMIT = CallLimit()


def comma_list(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Take repeated options and comma lists alike."""
    return tuple(item for value in values for part in value.split(",") if (item := part.strip()))


def absolute(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> str | None:
    """Make a directory absolute from here: the daemon runs elsewhere."""
    return None if value is None else str(value.expanduser().absolute())


DRY_RUN = click.option("--dry-run", is_flag=True, help="Only show what would go.")
"""The option of commands that destroy something."""


def _pairs(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[PurePosixPath, PurePosixPath], ...]:
    return tuple(_pair(value) for value in values)


def _pair(text: str) -> tuple[PurePosixPath, PurePosixPath]:
    old, separator, new = text.partition("=")
    if not separator or not old.startswith("/") or not new.startswith("/"):
        raise click.BadParameter(f"{text!r} is not two absolute paths with = between them")
    return PurePosixPath(old), PurePosixPath(new)


PATH_MAP = click.option(
    "--map",
    "pairs",
    metavar="OLD=NEW",
    callback=_pairs,
    multiple=True,
    help="A directory that is another one here; may be repeated.",
)
"""The option of commands that carry paths from elsewhere."""
