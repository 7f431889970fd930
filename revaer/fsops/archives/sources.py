"""Reading the volumes of archives: without following links, several as one."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from revaer.fsops.archives.errors import BadArchive

CHUNK: Final = 1 << 20
"""Bytes that are read or written at a time."""


def open_source(path: Path, shown: str) -> int:
    """Open a regular file for reading and return its descriptor.

    Args:
        path: The file.
        shown: Its path as the user knows it.

    Raises:
        BadArchive: it is no regular file.
        OSError: it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadArchive("it is no regular file", path=shown)
    return descriptor


class Source:
    """The volumes of an archive as one file, which is read only. Closes them when left.

    Args:
        root: The directory to which the paths are relative.
        volumes: Paths in the order of their content.

    Raises:
        BadArchive: one is no regular file.
        OSError: one cannot be opened.
    """

    def __init__(self, root: Path, volumes: Sequence[str]) -> None:
        self._position = 0
        self._descriptors: list[int] = []
        self._starts = [0]
        try:
            for volume in volumes:
                self._descriptors.append(open_source(root / volume, volume))
                self._starts.append(self._starts[-1] + os.fstat(self._descriptors[-1]).st_size)
        except BaseException:
            self.close()
            raise
        self.size = self._starts[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every volume."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def read(self, size: int = -1) -> bytes:
        """Read from the present position: fewer bytes than asked for only at the end. Raises OSError."""
        wanted = self.size - self._position if size < 0 else min(size, self.size - self._position)
        pieces = []
        while wanted > 0:
            piece = self.read_at(self._position, wanted)
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece)
            self._position += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position, as for any file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(22, "negative seek position")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seekable(self) -> bool:
        """Tell that the position can be moved."""
        return True

    def read_at(self, offset: int, size: int) -> bytes:
        """Read at most this many bytes at a place, from one volume. Raises OSError."""
        descriptor, inner, available = self.locate(offset)
        return os.pread(descriptor, min(size, available), inner) if available else b""

    def locate(self, offset: int) -> tuple[int, int, int]:
        """Return the descriptor, the offset in its file, and the bytes from there on; past the end none."""
        for index, descriptor in enumerate(self._descriptors):
            if offset < self._starts[index + 1]:
                return descriptor, offset - self._starts[index], self._starts[index + 1] - offset
        return -1, 0, 0
