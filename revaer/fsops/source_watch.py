"""Tells which volumes the sources of jobs are on, for counting, though any of their disks may be dead."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from actors import LaneExpired
from revaer.fsops import volumes
from revaer.fsops.terms import Lane

_MOUNTS: Final = Path("/proc/self/mountinfo")
_MOUNT_POINT: Final = 4
_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")


def mount_points() -> list[str]:
    """Return where volumes are mounted, without touching any of them; nothing where the system does not tell."""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return []
    return [os.fsdecode(_ESCAPED.sub(_plain, line.split(b" ")[_MOUNT_POINT])) for line in lines]


class _Look:
    """One look at sources, in a thread that may hang at one of them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.found: dict[str, str] = {}
        self.at: str | None = None
        self._paths = paths

    def __call__(self) -> None:
        try:
            for path in self._paths:
                self.at = path
                # Thousands of jobs share few volumes: one text for each.
                self.found[path] = sys.intern(volumes.key_of(path))
        finally:
            self.at = None


class SourceWatch:
    """Looks at sources. Where a look hangs, nothing more is looked at: threads must not pile up before a dead share.

    Args:
        lane: Where disks are looked at; calls to a dead network share stay in it.
        within: Seconds that one look may take.
        mounts: Tells where volumes are mounted, without touching them.
    """

    def __init__(self, lane: Lane, within: float, mounts: Callable[[], Sequence[str]] = mount_points) -> None:
        self._lane = lane
        self._within = within
        self._mounts = mounts
        self._hanging: list[_Look] = []

    async def key(self, path: str) -> str:
        """Return what names the volume of a source, for counting."""
        return (await self.keys([path]))[path]

    async def keys(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the same for many sources. Those that do not answer count as one unknown volume."""
        unique = {*paths}
        alive = self._alive(unique)
        look = _Look(alive)
        if alive:
            try:
                await self._lane.run(look, within=self._within)
            except LaneExpired:
                self._hanging.append(look)
        return {path: look.found.get(path, volumes.UNKNOWN) for path in unique}

    def _alive(self, paths: set[str]) -> list[str]:
        """Leave out what is on a volume where a look hangs."""
        self._hanging = [look for look in self._hanging if look.at is not None]
        stuck = [look.at or "" for look in self._hanging]
        if not stuck:
            return sorted(paths)
        mounts = self._mounts()
        dead = {_mount_of(path, mounts) for path in stuck}
        return sorted(path for path in paths if _mount_of(path, mounts) not in dead)


def _mount_of(path: str, mounts: Iterable[str]) -> str:
    return max((each for each in mounts if f"{path}/".startswith(f"{each.rstrip('/')}/")), key=len, default="/")


def _plain(escaped: re.Match[bytes]) -> bytes:
    return bytes([int(escaped[1], 8)])
