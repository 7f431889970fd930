"""Where a torrent to add comes from: a magnet link, a `.torrent` file, or standard input."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import click

LARGEST_FILE = 32 * 1024 * 1024
"""Bytes; no daemon takes more, so no more is read."""


@dataclass(frozen=True, slots=True)
class Source:
    """One torrent to add, with the words that name it in messages. Exactly one of `magnet` and `metainfo` is set."""

    label: str
    magnet: str | None = None
    metainfo: bytes | None = None


def read_sources(arguments: tuple[str, ...]) -> list[Source]:
    """Read every source before anything is sent.

    Raises:
        click.UsageError: a file cannot be read, is too large, or is something else; the message names it.
    """
    return [source for argument in arguments for source in _read(argument)]


def _read(argument: str) -> list[Source]:
    if argument == "-":
        return _from_stdin(sys.stdin.buffer.read(LARGEST_FILE + 1))
    if argument.lower().startswith("magnet:"):
        return [Source(_shorten(argument), magnet=argument)]
    if argument.lower().startswith(("http://", "https://")):
        raise click.UsageError(f"{argument}: addresses are not fetched; download the .torrent and add the file.")
    return [_from_file(Path(argument))]


def _from_file(path: Path) -> Source:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise click.UsageError(f"{path}: no such file, and no magnet link either.") from None
    except OSError as error:
        raise click.UsageError(f"{path}: cannot be read: {error.strerror}.") from error
    return Source(str(path), metainfo=_checked(str(path), content))


def _from_stdin(content: bytes) -> list[Source]:
    if not content.strip():
        raise click.UsageError("standard input is empty; it should hold a .torrent or magnet links.")
    if not content.lstrip().lower().startswith(b"magnet:"):
        return [Source("standard input", metainfo=_checked("standard input", content))]
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines() if line.strip()]
    for number, line in enumerate(lines, 1):
        if not line.lower().startswith("magnet:"):
            raise click.UsageError(f"standard input: item {number} is no magnet link: {_shorten(line)}")
    return [Source(_shorten(line), magnet=line) for line in lines]


def _checked(label: str, content: bytes) -> bytes:
    if len(content) > LARGEST_FILE:
        raise click.UsageError(f"{label}: too large to be a .torrent (over {LARGEST_FILE // 1024**2} MiB).")
    if not content.startswith(b"d"):
        raise click.UsageError(f"{label}: this is no .torrent; those begin with a bencoded dictionary.")
    return content


def _shorten(text: str) -> str:
    return text if len(text) <= 72 else f"{text[:71]}…"
