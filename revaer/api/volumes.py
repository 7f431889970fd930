"""How full the disks are: asked of the system in a worker, and remembered for some seconds.

A network file system that does not answer holds up one worker and nobody else: what was last known is shown, and that
it is old.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trio

from actors import BlockingLane, LaneExpired
from revaer.confined import what_is_wrong

FRESH_SECONDS: Final = 10.0
WITHIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Volume:
    """A file system that directories of the node are on.

    Attributes:
        roots: those directories, by what they are for.
        total_bytes: its size; None when that is not known.
        free_bytes: what this daemon may still write; None when that is not known.
        problem: why that is not known, or is old; empty when all is well.
        at: when that was found out, Unix seconds.
    """

    roots: Mapping[str, str]
    total_bytes: int | None = None
    free_bytes: int | None = None
    problem: str = ""
    at: float = field(default_factory=time.time)


class Volumes:
    """Knows how full the disks are.

    Args:
        lane: where the system is asked.
        measure: asks it.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        lane: BlockingLane,
        measure: Callable[[Mapping[str, Path]], tuple[Volume, ...]] | None = None,
        clock: Callable[[], float] = trio.current_time,
    ) -> None:
        self._lane = lane
        self._clock = clock
        self._measure = measure_volumes if measure is None else measure
        self._newest: tuple[Volume, ...] = ()
        self._roots: dict[str, Path] = {}
        self._asked_at = -FRESH_SECONDS
        self._lock = trio.Lock()

    async def look(self, roots: Mapping[str, Path]) -> tuple[Volume, ...]:
        """Return the volumes of some directories, by what these are for."""
        async with self._lock:
            is_same = dict(roots) == self._roots
            if is_same and self._clock() - self._asked_at < FRESH_SECONDS:
                return self._newest
            if not is_same:
                self._roots, self._newest = dict(roots), ()
            self._asked_at = self._clock()
            self._newest = await self._ask() or self._unanswered()
        return self._newest

    async def _ask(self) -> tuple[Volume, ...]:
        """Return what the system says; nothing while it does not answer."""
        if self._lane.statistics().running:  # the last question is still with it
            return ()
        try:
            return await self._lane.run(self._measure, self._roots, within=WITHIN_SECONDS)
        except LaneExpired:
            return ()

    def _unanswered(self) -> tuple[Volume, ...]:
        told = "the system does not answer; these figures are old" if self._newest else "the system does not answer"
        known = self._newest or tuple(Volume({name: str(path)}) for name, path in self._roots.items())
        return tuple(Volume(volume.roots, volume.total_bytes, volume.free_bytes, told, volume.at) for volume in known)


def measure_volumes(roots: Mapping[str, Path]) -> tuple[Volume, ...]:
    """Ask the system how full the volumes of some directories are. Blocks."""
    found: dict[int, tuple[dict[str, str], os.statvfs_result]] = {}
    unknown: list[Volume] = []
    for name, path in roots.items():
        try:
            device, figures = os.stat(path).st_dev, os.statvfs(path)  # noqa: PTH116  # the two belong together
        except OSError as error:
            unknown.append(Volume({name: str(path)}, problem=what_is_wrong(error)))
            continue
        found.setdefault(device, ({}, figures))[0][name] = str(path)
    known = [
        Volume(names, figures.f_blocks * figures.f_frsize, figures.f_bavail * figures.f_frsize)
        for names, figures in found.values()
    ]
    return (*known, *unknown)
