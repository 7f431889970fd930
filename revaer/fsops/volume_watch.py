"""Watches the volumes of libraries: whether they are there, are the right ones, and have room."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog
import trio

from actors import LaneExpired
from revaer.fsops import volumes
from revaer.fsops.store import JobStore
from revaer.fsops.terms import Lane, Timing
from revaer.fsops.volumes import Sighting, Verdict

log = structlog.get_logger("revaer.fsops")

_UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class VolumeState:
    """Whether jobs may write to a library.

    Attributes:
        key: What names its volume for counting.
        reason: Why they may not, a sentence; None when they may.
        is_absent: Whether the library cannot be read either.
    """

    key: str
    reason: str | None = None
    is_absent: bool = False


class _Look:
    """One look at a library, in a thread that may hang."""

    def __init__(self, root: Path) -> None:
        self.hangs = False
        self._root = root

    def __call__(self) -> Sighting:
        self.hangs = True
        try:
            return volumes.look(self._root)
        finally:
            self.hangs = False


@dataclass(slots=True)
class _Library:
    """What is known of one library."""

    gate: trio.Lock = field(default_factory=trio.Lock)
    look: _Look | None = None
    known: str | None = None
    state: VolumeState | None = None
    at: float = -math.inf
    is_short: bool = False


class VolumeWatch:
    """Looks at libraries, at most as often as it is useful.

    Args:
        store: Where it is noted which volume a library is on.
        lane: Where disks are looked at; calls to a dead network share stay in it.
        timing: Intervals and deadlines.
        clock: Monotonic seconds.
    """

    def __init__(self, store: JobStore, lane: Lane, timing: Timing, clock: Callable[[], float]) -> None:
        self._store = store
        self._lane = lane
        self._timing = timing
        self._clock = clock
        self._libraries: dict[Path, _Library] = {}

    async def check(self, root: Path) -> VolumeState:
        """Tell whether jobs may write to a library. The first time, its volume is noted, and marked if need be.

        Raises:
            DatabaseError: It cannot be told whether it is the right one.
        """
        library = self._libraries.setdefault(root, _Library())
        async with library.gate:
            if library.state is None or self._clock() - library.at >= self._timing.watch / 2:
                library.state = await self._state(root, library)
                library.at = self._clock()
            return library.state

    async def source_key(self, path: str) -> str:
        """Return what names the volume of a source, for counting."""
        return (await self.source_keys([path]))[path]

    async def source_keys(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the same for many sources. One that does not answer counts as unknown, with the others."""
        unique = {*paths}
        try:
            return await self._lane.run(_keys_of, unique, within=self._timing.look_within)
        except LaneExpired:
            return dict.fromkeys(unique, _UNKNOWN)

    async def _state(self, root: Path, library: _Library) -> VolumeState:
        seen = await self._look(root, library)
        key = volumes.volume_key(seen.device) if seen.device is not None else _UNKNOWN
        try:
            if library.known is None:
                library.known = await self._store.volume_of(str(root))
            verdict = volumes.judge(root, seen, library.known, was_short=library.is_short)
            if verdict.adopt:
                await self._adopt(root, library)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            return VolumeState(key, f"the library {root} cannot be marked: {why}", is_absent=True)
        self._note(root, library, verdict)
        return VolumeState(key, verdict.reason, is_absent=verdict.reason is not None and not verdict.short)

    async def _look(self, root: Path, library: _Library) -> Sighting:
        """Look, unless an earlier look still hangs: threads must not pile up before a dead share."""
        silence = Sighting(error="it does not answer")
        if library.look is not None and library.look.hangs:
            return silence
        library.look = _Look(root)
        try:
            return await self._lane.run(library.look, within=self._timing.look_within)
        except LaneExpired:
            return silence

    async def _adopt(self, root: Path, library: _Library) -> None:
        identity = await self._lane.run(volumes.mark, root)
        await self._store.note_volume(str(root), identity)
        library.known = identity
        log.info("fsops_volume_noted", library=str(root), volume=identity)

    def _note(self, root: Path, library: _Library, verdict: Verdict) -> None:
        before = None if library.state is None else library.state.reason
        library.is_short = verdict.short
        if verdict.reason is not None and before is None:
            log.warning("fsops_library_unusable", library=str(root), reason=verdict.reason)
        elif verdict.reason is None and before is not None:
            log.info("fsops_library_usable", library=str(root))


def _keys_of(paths: set[str]) -> dict[str, str]:
    # Thousands of jobs share few volumes: one text for each.
    return {path: sys.intern(volumes.key_of(path)) for path in paths}
