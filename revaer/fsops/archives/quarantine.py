"""Tools extract into a directory of their own, watched while they write; only what was inspected leaves it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from revaer.fsops.archives.guard import Guard
from revaer.fsops.archives.trees import measure, remove_tree
from revaer.fsops.processes import ToolResult, run_tool
from revaer.fsops.types import Limits

_WATCH_SECONDS = 0.1
_WATCH_SHARE = 10
_LISTING_BYTES = 64 << 20
_LISTING_BYTES_PER_FILE = 8 << 10


class Quarantine:
    """A directory with an archive's volumes under plain names, and one for what a tool makes of them.

    The links keep a tool from seeing files beside the volumes, and names that look like options from being arguments.

    Args:
        base: An absent directory; `out` within it is where the tool writes.
        root: The directory to which the volumes' paths are relative.
        volumes: By the plain name, the path of each.
        guard: The budget.
    """

    def __init__(self, base: Path, root: Path, volumes: dict[str, str], guard: Guard) -> None:
        self._guard = guard
        self.out = base / "out"
        self.volumes = base / "in"
        self.volumes.mkdir(parents=True, mode=0o700)
        self.out.mkdir(mode=0o755)
        for name, path in volumes.items():
            (self.volumes / name).symlink_to((root / path).absolute())

    def reset(self) -> None:
        """Throw away what a tool wrote. Raises OSError."""
        remove_tree(self.out)
        self.out.mkdir(mode=0o755)

    def listing(self, argv: Sequence[str | Path], on_output: Callable[[bytes], None], *, stdin: bytes) -> ToolResult:
        """Run a tool that only prints.

        Raises:
            Cancelled, Transient, Refused: as `run_tool`.
        """
        return run_tool(
            argv,
            cwd=self.out,
            timeout=self._guard.seconds_left,
            cancelled=self._guard.cancelled,
            on_output=on_output,
            watch=self._guard.poll,
            stdin=stdin,
            max_output=_listing_bytes(self._guard.limits),
        )

    def extract(self, argv: Sequence[str | Path], *, stdin: bytes = b"") -> ToolResult:
        """Run a tool that writes into `out`.

        Raises:
            TooMuch: it wrote more than the budget has.
            Cancelled, Transient, Refused: as `run_tool`.
        """
        watch = _Watch(self.out, self._guard)
        result = run_tool(
            argv,
            cwd=self.out,
            timeout=self._guard.seconds_left,
            cancelled=self._guard.cancelled,
            watch=watch,
            writable=[self.out],
            stdin=stdin,
            max_file=self._guard.room + 1,
            max_output=_listing_bytes(self._guard.limits),
        )
        watch.measure()
        return result


class _Watch:
    """Holds a growing tree against the budget; a large tree is measured more seldom."""

    def __init__(self, tree: Path, guard: Guard) -> None:
        self._tree = tree
        self._guard = guard
        self._next = 0.0
        self._bytes = 0

    def __call__(self) -> None:
        if time.monotonic() >= self._next:
            self.measure()
        self._guard.poll(self._bytes)

    def measure(self) -> None:
        started = time.monotonic()
        entries, self._bytes = measure(self._tree)
        self._guard.announced(self._bytes, entries)
        ended = time.monotonic()
        self._next = ended + max(_WATCH_SECONDS, _WATCH_SHARE * (ended - started))


def _listing_bytes(limits: Limits) -> int:
    return _LISTING_BYTES + limits.max_files * _LISTING_BYTES_PER_FILE
