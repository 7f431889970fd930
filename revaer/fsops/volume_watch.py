"""Watches the volumes of libraries: whether they are there, are the right ones, and have room."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog
import trio

from actors import LaneExpired
from revaer.fsops import volumes
from revaer.fsops.store import JobStore
from revaer.fsops.terms import Lane, Timing
from revaer.fsops.volumes import Sighting, Verdict

log = structlog.get_logger("revaer.fsops")

_T = TypeVar("_T")


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


class _Silence(OSError):
    """A library does not answer."""

    def __init__(self) -> None:
        super().__init__("it does not answer")


class _Call(Generic[_T]):
    """One call to a library, in a thread that may hang."""

    def __init__(self, fn: Callable[[Path], _T], root: Path) -> None:
        self.hangs = False
        self._fn = fn
        self._root = root

    def __call__(self) -> _T:
        self.hangs = True
        try:
            return self._fn(self._root)
        finally:
            self.hangs = False


@dataclass(slots=True)
class _Library:
    """What is known of one library."""

    gate: trio.Lock = field(default_factory=trio.Lock)
    call: _Call[Any] | None = None
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

    async def _state(self, root: Path, library: _Library) -> VolumeState:
        seen = await self._look(root, library)
        key = volumes.volume_key(seen.device) if seen.device is not None else volumes.UNKNOWN
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
        call = _Call(volumes.look, root)
        try:
            return await self._make(call, library)
        except _Silence as silence:
            return Sighting(error=str(silence))

    async def _make(self, call: _Call[_T], library: _Library) -> _T:
        """Make a call, unless an earlier one still hangs: threads must not pile up before a dead share.

        Raises _Silence.
        """
        if library.call is not None and library.call.hangs:
            raise _Silence
        library.call = call
        try:
            return await self._lane.run(call, within=self._timing.look_within)
        except LaneExpired:
            raise _Silence from None

    async def _adopt(self, root: Path, library: _Library) -> None:
        identity = await self._make(_Call(volumes.mark, root), library)
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
