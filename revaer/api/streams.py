"""Open event streams: how many a key holds, and how they end: at a stop, or when their caller may not listen on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import trio

from revaer.api.call import Call
from revaer.api.errors import NotReady, TooManyStreams
from revaer.api.settings import PING_SECONDS, STREAMS_PER_KEY

STOPPING = "the daemon is stopping"
GOODBYE_SECONDS = 1.0
"""How long a stream that must end may take to say so."""


class Source(Protocol):
    """Where a stream gets what it writes; a subscription is one."""

    def close(self) -> None:
        """Bring nothing more, and drop what waits."""

    def end(self) -> None:
        """Bring nothing more but what waits."""

    def nudge(self) -> None:
        """Wake who waits for something."""


class OpenStream:
    """One open stream.

    Attributes:
        call: what opened it.
        reason: why it ended, for its reader.
        scope: what it is written in; it runs out when its reader does not even take the goodbye.
        wants_look: tells whether its source has a reason of its own to be woken.
    """

    def __init__(self, call: Call, source: Source) -> None:
        self.call = call
        self.reason = STOPPING
        self.scope = trio.CancelScope()
        self.wants_look: Callable[[], bool] = lambda: False
        self._source = source
        self._spoke_at = trio.current_time()

    @property
    def is_ending(self) -> bool:
        """Whether it was told to end."""
        return self.scope.deadline < math.inf

    @property
    def is_silent(self) -> bool:
        """Whether nothing was written for so long that a ping is due."""
        return trio.current_time() - self._spoke_at >= PING_SECONDS

    def spoke(self) -> None:
        """Note that something was written."""
        self._spoke_at = trio.current_time()

    def nudge(self) -> None:
        """Wake its source, if there is a reason: a ping is due, or its own."""
        if self.is_silent or self.wants_look():
            self._source.nudge()

    def end(self, reason: str) -> None:
        """End it now; what waits to be written is dropped."""
        if not self.is_ending:
            self.reason = reason
            self.scope.deadline = trio.current_time() + GOODBYE_SECONDS
            self._source.close()

    def finish(self) -> None:
        """End it after what waits to be written."""
        self._source.end()


class Streams:
    """The registry of open streams."""

    def __init__(self) -> None:
        self._open: dict[OpenStream, str] = {}
        self._per_key: Counter[str] = Counter()
        self._closing = False
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def closing(self) -> bool:
        """Whether the API is stopping."""
        return self._closing

    def __len__(self) -> int:
        return len(self._open)

    def open(self) -> tuple[OpenStream, ...]:
        """Return the streams that are open and not told to end."""
        return tuple(stream for stream in self._open if not stream.is_ending)

    def check(self, key_id: str) -> None:
        """Refuse another stream of a key that holds too many.

        Raises:
            TooManyStreams: it holds as many as it may.
            NotReady: the API is stopping.
        """
        if self._closing:
            raise NotReady(STOPPING, retry_after=5.0)
        if self._per_key[key_id] >= STREAMS_PER_KEY:
            raise TooManyStreams(f"this key holds {STREAMS_PER_KEY} open streams already")

    @contextmanager
    def enter(self, source: Source, key_id: str, call: Call) -> Iterator[OpenStream]:
        """Count a stream inside the block. When the API stops, its source ends."""
        stream = OpenStream(call, source)
        self._open[stream] = key_id
        self._per_key[key_id] += 1
        if self._closing:
            stream.finish()
        try:
            yield stream
        finally:
            del self._open[stream]
            self._per_key[key_id] -= 1
            if not self._per_key[key_id]:
                del self._per_key[key_id]
            self._changed.unpark_all()

    async def close(self) -> None:
        """End every stream and wait until they have said goodbye."""
        self._closing = True
        for stream in tuple(self._open):
            stream.finish()
        while self._open:
            await self._changed.park()
