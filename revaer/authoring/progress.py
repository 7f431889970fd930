"""Telling how far a torrent is: twice a second at most, and once at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from actors import Bus
from revaer.authoring.messages import CreateTorrent
from revaer.events import AuthoringProgress, Event

INTERVAL: Final = 0.5
"""Seconds between two events of a job, at least."""


class Progress:
    """How far one torrent is.

    Args:
        bus: where it is told.
        order: what is being made.
        clock: monotonic seconds.
    """

    def __init__(self, bus: Bus[Event], order: CreateTorrent, clock: Callable[[], float]) -> None:
        self._bus = bus
        self._order = order
        self._clock = clock
        self._name = order.recipe.root_path.rstrip("/").rpartition("/")[2]
        self._began = self._told = clock()
        self._done = 0
        self._total = 0

    @property
    def seconds(self) -> float:
        """Since when it is being made."""
        return self._clock() - self._began

    def begin(self, name: str, total: int) -> None:
        """The files are known: so many bytes are to be hashed."""
        self._name, self._total = name, total
        self._began = self._clock()
        self._tell("hashing")

    def add(self, hashed: int) -> None:
        """So many more bytes are hashed."""
        self._done += hashed
        if self._clock() - self._told >= INTERVAL:
            self._tell("hashing")

    def end(self, state: Literal["completed", "failed", "cancelled"], message: str | None = None) -> None:
        """It is over."""
        self._tell(state, message)

    def _tell(self, state: Literal["hashing", "completed", "failed", "cancelled"], message: str | None = None) -> None:
        self._told = self._clock()
        left = None
        if state == "hashing" and self._done:
            left = round(self.seconds / self._done * (self._total - self._done))
        event = AuthoringProgress(self._order.job_id, self._name, state, self._done, self._total, left, message)
        self._bus.publish(event, request_id=self._order.request_id)
