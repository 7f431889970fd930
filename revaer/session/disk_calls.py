"""Calls to the disk in a lane, each with a deadline.

A call that hangs keeps its thread, and so its place in the lane, until it returns. Until then nobody else goes where it
hangs: a mount whose server went away must not hold up the looks at every other one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

import trio

from actors import LaneExpired
from revaer.session.messages import SessionUnavailable

T = TypeVar("T")

MAX_DEVICES = 50_000
"""Of how many directories it is remembered which device they are on."""


class Lane(Protocol):
    """Runs blocking calls beside the loop; `actors.BlockingLane` is one."""

    async def run(self, fn: Callable[..., T], *args: object, within: float | None = None) -> T:
        """Run `fn(*args)`. Raises actors.LaneExpired after `within` seconds."""


@dataclass(slots=True, eq=False)
class _Call:
    """A call: where it looks, None before it began; when its time is over; whether it holds a thread."""

    deadline: float
    at: str | None = None
    is_under_way: bool = False

    @property
    def is_hanging(self) -> bool:
        """Whether it should have returned."""
        return self.is_under_way and trio.current_time() >= self.deadline

    @contextmanager
    def looking(self, at: str) -> Iterator[None]:
        """Look somewhere while the block runs; in the thread."""
        self.at, self.is_under_way = at, True
        try:
            yield
        finally:
            self.is_under_way = False


class DiskCalls:
    """Calls to the disk.

    Args:
        lane: where they run.
        within: seconds one may take; a mount that hangs is a disk that fails.
    """

    def __init__(self, lane: Lane, *, within: float) -> None:
        self._lane = lane
        self._within = within
        self._devices: dict[str, int] = {}
        self._left: dict[str | int, _Call] = {}

    def know(self, directory: str, identity: tuple[int, int]) -> None:
        """Note device and inode of a directory: when another one of the same device hangs, so does this one."""
        if len(self._devices) >= MAX_DEVICES:
            self._devices.clear()
        self._devices[directory] = identity[0]

    async def run(self, fn: Callable[..., T], *args: object, at: str) -> T:
        """Run a call that looks at or below `at`.

        Raises:
            SessionUnavailable: it did not return in time, or an earlier one still hangs there.
        """
        if self._hangs(at):
            raise self._silent()

        def look() -> T:
            with call.looking(at):
                return fn(*args)

        call = _Call(trio.current_time() + self._within)
        return await self._run(call, look)

    async def each(self, look: Callable[[str], T], directories: Sequence[str]) -> dict[str, T]:
        """Look at many directories in few calls; return what was found of those that answered."""
        found: dict[str, T] = {}
        left = list(directories)
        while left := [directory for directory in left if directory not in found and not self._hangs(directory)]:
            call = _Call(trio.current_time() + self._within)
            seen: list[tuple[str, T]] = []
            try:
                await self._walk(call, look, left, seen)
            except SessionUnavailable:
                if call.at is None:
                    break
                left.remove(call.at)
            found.update(seen[:])
        return found

    async def _walk(
        self, call: _Call, look: Callable[[str], T], directories: Sequence[str], seen: list[tuple[str, T]]
    ) -> None:
        given_up = threading.Event()

        def walk() -> None:
            for directory in directories:
                if given_up.is_set():
                    return
                with call.looking(directory):
                    seen.append((directory, look(directory)))

        try:
            await self._run(call, walk)
        finally:
            given_up.set()

    async def _run(self, call: _Call, fn: Callable[[], T]) -> T:
        try:
            return await self._lane.run(fn, within=self._within)
        except LaneExpired as error:
            raise self._silent() from error
        finally:
            if call.at is not None and call.is_under_way:
                self._left = {place: other for place, other in self._left.items() if other.is_under_way}
                self._left.setdefault(self._devices.get(call.at, call.at), call)

    def _hangs(self, directory: str) -> bool:
        calls = (self._left.get(place) for place in (directory, self._devices.get(directory, directory)))
        return any(call is not None and call.is_hanging for call in calls)

    def _silent(self) -> SessionUnavailable:
        return SessionUnavailable(f"the disk did not answer within {self._within:g} s")
