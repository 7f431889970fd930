"""A small disk that fills up and can be made larger: a tmpfs where mounting is allowed, else a limit on file sizes.

With the limit the system says "file too large" instead of "no space left"; all else is the same for the daemon.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psutil


class Volume(Protocol):
    """A folder with little room for payload."""

    path: Path

    def bind(self, pid: int) -> None:
        """Say which process writes there; call it after each of its starts."""

    def grow(self) -> None:
        """Make room."""

    def protect(self) -> None:
        """Make it read-only. Nobody may have a file there open."""

    def release(self) -> None:
        """Make it writable again."""


class MountedVolume:
    """A tmpfs; needs the right to mount."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        path.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs")

    def bind(self, pid: int) -> None:
        """Nothing to do: the limit is the file system's."""

    def grow(self) -> None:
        """Make room."""
        self._mount("-o", "remount,size=1g")

    def protect(self) -> None:
        """Make it read-only."""
        self._mount("-o", "remount,ro")

    def release(self) -> None:
        """Make it writable again."""
        self._mount("-o", "remount,rw")

    def unmount(self) -> None:
        """Take it away, also while it is in use."""
        subprocess.run(["umount", "--lazy", str(self.path)], check=True, capture_output=True)

    def _mount(self, *options: str) -> None:
        subprocess.run(["mount", *options, str(self.path)], check=True, capture_output=True)


class LimitedFolder:
    """A plain folder, and a limit on the size of any file that the process writes; needs no rights."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        path.mkdir()
        self._size = size
        self._pid = 0

    def bind(self, pid: int) -> None:
        """Set the limit for the process."""
        self._pid = pid
        psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE, (self._size, psutil.RLIM_INFINITY))

    def grow(self) -> None:
        """Lift the limit."""
        psutil.Process(self._pid).rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))

    def protect(self) -> None:
        """Make it read-only."""
        self.path.chmod(0o555)

    def release(self) -> None:
        """Make it writable again."""
        self.path.chmod(0o755)


@contextmanager
def open_volume(path: Path, size: int) -> Iterator[Volume]:
    """A volume of `size` bytes at a path that does not exist yet, for the length of a block."""
    try:
        mounted = MountedVolume(path, size)
    except (OSError, subprocess.CalledProcessError):
        path.rmdir()
        yield LimitedFolder(path, size)
        return
    try:
        yield mounted
    finally:
        mounted.unmount()
