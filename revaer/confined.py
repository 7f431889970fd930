"""Ways to files below allowed directories that no link can lead out of.

A path is resolved first, and what it resolves to is held against the directories. Then it is opened step by step
without following any link: whoever swaps a directory for a link in between is refused, not followed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_STEP: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class OutsideRoots(Exception):
    """A path lies, or leads, outside of every allowed directory."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{shown(path)} lies outside of the allowed directories")
        self.path = path


def resolve_below(path: str, roots: Iterable[str | Path]) -> str:
    """Return the real path of something that is there.

    Args:
        path: an absolute path.
        roots: directories below which, or at which, its real path must lie; their real paths count.

    Raises:
        OutsideRoots: it lies elsewhere; whether there is something is not told then.
        OSError: it is not there, or cannot be looked at.
    """
    found = os.path.realpath(path)
    if not any(is_below(found, os.path.realpath(root)) for root in roots):
        raise OutsideRoots(path)
    os.lstat(found)
    return found


def is_below(path: str, root: str) -> bool:
    """Tell whether a plain absolute path is a directory or lies below it."""
    return path == root or path.startswith(root if root.endswith("/") else f"{root}/")


@contextmanager
def opened_directory(real: str) -> Iterator[int]:
    """Open a directory by its real path, for the length of a block.

    Raises:
        OSError: it is not there, cannot be read, or a link lies on the way by now.
    """
    steps = [step for step in real.split("/") if step]
    at = os.open("/", _STEP if steps else _DIRECTORY)
    try:
        for number, step in enumerate(steps, 1):
            below = os.open(step, _DIRECTORY if number == len(steps) else _STEP, dir_fd=at)
            at, above = below, at
            os.close(above)
        yield at
    finally:
        os.close(at)


@contextmanager
def opened_file(directory: int, path: str) -> Iterator[int]:
    """Open a file below an open directory, for the length of a block; one that blocks its readers is not waited for.

    Raises:
        OSError: it is not there, cannot be read, or is a link.
    """
    with _closing(os.open(path, _FILE, dir_fd=directory)) as handle:
        yield handle


def shown(path: str) -> str:
    """Return a path as a message may show it, whatever bytes it has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def what_is_wrong(error: OSError) -> str:
    """Say for people why something cannot be looked at."""
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return "changed while it was looked at, or has a link where a directory should be"
    return (error.strerror or str(error)).lower()


@contextmanager
def _closing(handle: int) -> Iterator[int]:
    try:
        yield handle
    finally:
        os.close(handle)
