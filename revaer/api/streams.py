"""Open event streams: how many a key holds, and how all of them end when the API stops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from actors import Subscription
from revaer.api.errors import NotReady, TooManyStreams
from revaer.api.settings import STREAMS_PER_KEY
from revaer.events import Event


class Streams:
    """The registry of open streams."""

    def __init__(self) -> None:
        self._open: dict[Subscription[Event], str] = {}
        self._per_key: Counter[str] = Counter()
        self._closing = False
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def closing(self) -> bool:
        """Whether the API is stopping."""
        return self._closing

    def check(self, key_id: str) -> None:
        """Refuse another stream of a key that holds too many.

        Raises:
            TooManyStreams: it holds as many as it may.
            NotReady: the API is stopping.
        """
        if self._closing:
            raise NotReady("the daemon is stopping", retry_after=5.0)
        if self._per_key[key_id] >= STREAMS_PER_KEY:
            raise TooManyStreams(f"this key holds {STREAMS_PER_KEY} open streams already")

    @contextmanager
    def enter(self, subscription: Subscription[Event], key_id: str) -> Iterator[None]:
        """Count a stream inside the block. When the API stops, its subscription ends."""
        self._open[subscription] = key_id
        self._per_key[key_id] += 1
        if self._closing:
            subscription.end()
        try:
            yield
        finally:
            del self._open[subscription]
            self._per_key[key_id] -= 1
            if not self._per_key[key_id]:
                del self._per_key[key_id]
            self._changed.unpark_all()

    async def close(self) -> None:
        """End every stream and wait until they have said goodbye."""
        self._closing = True
        for subscription in tuple(self._open):
            subscription.end()
        while self._open:
            await self._changed.park()
