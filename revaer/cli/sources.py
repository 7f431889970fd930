"""Where torrents to add come from: magnet links, `.torrent` files, patterns of files, and standard input."""

from __future__ import annotations

import glob
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from revaer.types import METAINFO_BYTES

LARGEST_LIST = 64 * 1024 * 1024
"""Bytes of a list on standard input."""


@dataclass(frozen=True, slots=True)
class Source:
    """One torrent to add. Exactly one of `magnet` and `metainfo` is set.

    Attributes:
        label: the words that name it in messages.
        magnet: a magnet link.
        metainfo: the bytes of a `.torrent`.
        is_listed: whether a pattern or a list named it, which might have named more.
    """

    label: str
    magnet: str | None = None
    metainfo: bytes | None = None
    is_listed: bool = False


def read_sources(arguments: tuple[str, ...]) -> list[Source]:
    """Read every source before anything is sent.

    Raises:
        click.UsageError: a file cannot be read, is too large, or is something else; the message names it.
    """
    if arguments.count("-") > 1:
        raise click.UsageError("standard input can be read once; give - once.")
    return [source for argument in arguments for source in _read(argument)]


def _read(argument: str) -> list[Source]:
    if argument == "-":
        return _from_stdin(sys.stdin.buffer.read(LARGEST_LIST + 1))
    if _is_magnet(argument):
        return [Source(_shorten(argument), magnet=argument)]
    _refuse_address(argument)
    if glob.has_magic(argument) and not Path(argument).exists():
        return _from_pattern(argument)
    return [_from_file(Path(argument))]


def _from_pattern(pattern: str) -> list[Source]:
    """Expand a pattern that the shell left alone; `**` crosses directories."""
    whole = str(Path(pattern).expanduser())
    found = glob.glob(whole, recursive=True)  # noqa: PTH207 (a Path refuses absolute patterns)
    paths = sorted(path for path in map(Path, found) if path.is_file())
    if not paths:
        raise click.UsageError(f"{pattern}: no file matches this pattern.")
    return [_from_file(path, is_listed=True) for path in paths]


def _from_file(path: Path, *, is_listed: bool = False) -> Source:
    try:
        with path.open("rb") as stream:
            content = stream.read(METAINFO_BYTES + 1)
    except FileNotFoundError:
        raise click.UsageError(f"{path}: no such file, and no magnet link either.") from None
    except OSError as error:
        raise click.UsageError(f"{path}: cannot be read: {error.strerror}.") from error
    return Source(str(path), metainfo=_checked(str(path), content), is_listed=is_listed)


def _from_stdin(content: bytes) -> list[Source]:
    if not content.strip():
        raise click.UsageError(
            "standard input is empty; it should hold a .torrent, or magnet links and files by lines."
        )
    if content[:1] == b"d" and content[1:2] in b"0123456789e":
        return [Source("standard input", metainfo=_checked("standard input", content))]
    if len(content) > LARGEST_LIST:
        raise click.UsageError(f"standard input is too long for a list (over {LARGEST_LIST // 1024**2} MiB).")
    lines = [line.strip() for line in _text(content).splitlines()]
    return [_from_line(number, line) for number, line in enumerate(lines, 1) if line]


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise click.UsageError("standard input: this is no .torrent, and no list of magnet links and files either.")
    return text


def _from_line(number: int, line: str) -> Source:
    if _is_magnet(line):
        return Source(_shorten(line), magnet=line, is_listed=True)
    try:
        _refuse_address(line)
        return _from_file(Path(line), is_listed=True)
    except click.UsageError as error:
        raise click.UsageError(f"standard input, line {number}: {error.message}") from error


def _is_magnet(text: str) -> bool:
    return text.lower().startswith("magnet:")


def _refuse_address(text: str) -> None:
    if text.lower().startswith(("http://", "https://")):
        raise click.UsageError(f"{text}: addresses are not fetched; download the .torrent and add the file.")


def _checked(label: str, content: bytes) -> bytes:
    if len(content) > METAINFO_BYTES:
        limit = METAINFO_BYTES // 1024**2
        raise click.UsageError(f"{label}: too large, the daemon takes a .torrent of up to {limit} MiB; leave it out.")
    if not content.startswith(b"d"):
        raise click.UsageError(f"{label}: this is no .torrent; those begin with a bencoded dictionary.")
    return content


def _shorten(text: str) -> str:
    return text if len(text) <= 72 else f"{text[:71]}…"
