"""Looking into a directory, a page at a time. Blocks; belongs into a worker thread."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Final, Literal

from revaer.confined import opened_directory, resolve_below

Kind = Literal["file", "directory", "symlink", "other"]

_KINDS: Final[dict[int, Kind]] = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}
_DIGEST_BYTES: Final = 6
MAX_CURSOR_CHARS: Final = 400


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be looked at.

    Attributes:
        path: the directory, absolute.
        roots: directories below which its real path must lie.
        limit: how many entries at most.
        after: name behind which to go on, as the system has it; None from the beginning.
        dirs_only: whether only directories are wanted.
    """

    path: str
    roots: tuple[str, ...]
    limit: int
    after: bytes | None = None
    dirs_only: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. Links are told, not followed. Size and time are None where the system did not tell them.

    Attributes:
        name: as the system has it.
        kind: what it is.
        size: of a file, in bytes.
        modified_at: Unix seconds.
    """

    name: str
    kind: Kind
    size: int | None
    modified_at: float | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a directory, in the order of the bytes of names; `next` is the name to go on behind, or None."""

    path: str
    entries: tuple[Entry, ...]
    next: bytes | None


def list_directory(look: Look) -> Listing:
    """Look into a directory.

    Raises:
        OutsideRoots: it lies, or leads, elsewhere.
        OSError: it is not there, is none, or cannot be read.
    """
    real = resolve_below(look.path, look.roots)
    with opened_directory(real) as directory:
        names = nsmallest(look.limit + 1, _names(directory, look))
        page = names[: look.limit]
        entries = tuple(_entry(directory, os.fsdecode(name)) for name in page)
    return Listing(real, entries, page[-1] if len(names) > look.limit else None)


def list_roots(roots: Sequence[str]) -> tuple[Entry, ...]:
    """Return the directories that may be looked into, by their whole paths; those that are there."""
    here = sorted({root for root in roots if os.path.isdir(root)})  # noqa: PTH112  # a plain string stays one
    return tuple(_stated(root, os.stat(root)) for root in here)  # noqa: PTH116  # as above


def encode_cursor(look: Look, name: bytes) -> str:
    """Write where a walk through a directory stands."""
    return base64.urlsafe_b64encode(_mark(look) + name).rstrip(b"=").decode()


def decode_cursor(look: Look, text: str) -> bytes:
    """Read where a walk through a directory stands.

    Raises:
        ValueError: it is no cursor of this directory.
    """
    if len(text) > MAX_CURSOR_CHARS:
        raise ValueError("this is no cursor of this directory")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("this is no cursor of this directory") from error
    if raw[:_DIGEST_BYTES] != _mark(look) or len(raw) <= _DIGEST_BYTES:
        raise ValueError("this is no cursor of this directory")
    return raw[_DIGEST_BYTES:]


def _mark(look: Look) -> bytes:
    return hashlib.blake2s(f"{look.dirs_only}{look.path}".encode(), digest_size=_DIGEST_BYTES).digest()


def _names(directory: int, look: Look) -> Iterator[bytes]:
    with os.scandir(directory) as listed:
        for entry in listed:
            name = os.fsencode(entry.name)
            if look.after is not None and name <= look.after:
                continue
            if not look.dirs_only or entry.is_dir(follow_symlinks=False):
                yield name


def _entry(directory: int, name: str) -> Entry:
    try:
        return _stated(name, os.stat(name, dir_fd=directory, follow_symlinks=False))
    except OSError:
        return Entry(name, "other", None, None)


def _stated(name: str, status: os.stat_result) -> Entry:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "other")
    return Entry(name, kind, status.st_size if kind == "file" else None, status.st_mtime)
