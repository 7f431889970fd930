"""The real look at the file system. Every call may block."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path


class SystemPaths:
    """Looks at the paths of this node, with the rights of this process."""

    def exists(self, path: str) -> bool:
        """Tell whether the path is a directory."""
        return Path(path).is_dir()

    def writable(self, path: str) -> bool:
        """Tell whether this process can make files in the directory, by making one."""
        try:
            with tempfile.NamedTemporaryFile(prefix=".revaer-probe-", dir=path):
                return True
        except OSError:
            return False

    def inside(self, path: str, roots: Sequence[str]) -> bool:
        """Tell whether the path is one of the roots or lies below one, links followed."""
        real = Path(os.path.realpath(path))
        return any(real == root or root in real.parents for root in map(Path, map(os.path.realpath, roots)))

    def readable(self, path: str) -> bool:
        """Tell whether the path is a file that this process can read."""
        try:
            with Path(path).open("rb") as file:
                file.read(1)
        except OSError:
            return False
        return True
