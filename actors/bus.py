"""Fan-out of events: publishing never waits, and nobody misses anything without being told."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import trio

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Stamped(Generic[E]):
    """An event as published.

    Attributes:
        seq: its number, from 1, without gaps over the bus.
        at: when it was published, Unix seconds.
        event: the event; for a coalesced one the merge of all it stands for.
        request_id: the request that caused it, if any.
        note: what the bus's `annotate` said of it; None without one.
    """

    seq: int
    at: float
    event: E
    request_id: str | None = None
    note: Any = None


@dataclass(frozen=True, slots=True)
class Lagged:
    """Tells a subscriber that its buffer overflowed before the next event.

    Attributes:
        missed: how many events were dropped since the last `Lagged`.
    """

    missed: int


@dataclass(frozen=True, slots=True)
class SubscriberStatistics:
    """The figures of one subscriber.

    Attributes:
        name: name of the subscriber.
        depth: events buffered now.
        peak: the highest depth ever.
        capacity: how many events fit.
        lagged: events dropped so far.
    """

    name: str
    depth: int
    peak: int
    capacity: int
    lagged: int


class Subscription(Generic[E]):
    """One subscriber's view of the bus: an async iterator of `Stamped` events and `Lagged` marks.

    Made by `Bus.subscribe`; for one consumer. Use it as a context manager, or close it.

    Attributes:
        complete: False when a replay was asked for that the bus cannot give without gaps; nothing is replayed then.
        lagged: events dropped so far.
    """

    def __init__(
        self,
        name: str,
        *,
        capacity: int,
        replay: deque[Stamped[E]] | None,
        merge: Callable[[E, E], E],
        wants: Callable[[E], bool] | None,
        leave: Callable[["Subscription[E]"], None],
    ) -> None:
        self.complete = replay is not None
        self.lagged = 0
        self._name = name
        self._capacity = capacity
        self._replay = replay or deque()
        self._merge = merge
        self._wants = wants
        self._leave = leave
        self._buffer: OrderedDict[Hashable, Stamped[E]] = OrderedDict()
        self._fences = 0
        self._missed = 0
        self._peak = 0
        self._closed = False
        self._error: Exception | None = None
        self._lot = trio.lowlevel.ParkingLot()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Stamped[E] | Lagged:
        await trio.lowlevel.checkpoint()
        while (item := self.try_next()) is None:
            if self._error is not None:
                raise self._error
            if self._closed:
                raise StopAsyncIteration
            await self._lot.park()
        return item

    def try_next(self) -> Stamped[E] | Lagged | None:
        """Return the next item, or None when there is none now."""
        if self._replay:
            return self._replay.popleft()
        if self._missed:
            lagged, self._missed = Lagged(self._missed), 0
            return lagged
        if self._buffer:
            return self._buffer.popitem(last=False)[1]
        return None

    @property
    def is_replaying(self) -> bool:
        """Whether the next item comes from the ring."""
        return bool(self._replay)

    @property
    def has_next(self) -> bool:
        """Whether `try_next` has something now."""
        return bool(self._replay or self._missed or self._buffer)

    async def wait(self) -> bool:
        """Wait until there is an item or the end, or somebody calls `nudge`; for who takes items by `try_next`.

        Does not yield to other tasks when there is something already.

        Returns:
            False when nothing is left and nothing more will come.

        Raises:
            Exception: what a faulty filter or merge raised; it ended the subscription.
        """
        if not (self.has_next or self._closed):
            await self._lot.park()
        if self.has_next:
            return True
        if self._error is not None:
            raise self._error
        return not self._closed

    def nudge(self) -> None:
        """Wake who waits, though there may be nothing."""
        self._lot.unpark_all()

    def close(self) -> None:
        """Leave the bus and drop what is buffered; iteration ends. May be called again."""
        self._replay.clear()
        self._buffer.clear()
        self._missed = 0
        self.end()

    def end(self) -> None:
        """Take nothing more; iteration ends after what is buffered. The bus calls it when it closes."""
        self._closed = True
        self._leave(self)
        self._lot.unpark_all()

    def push(self, stamped: Stamped[E], key: Hashable | None, *, fences: bool = False) -> None:
        """Buffer an event; the bus calls it.

        Args:
            stamped: the event.
            key: events of one key coalesce while buffered; None coalesces nothing.
            fences: whether no earlier event coalesces with a later one.
        """
        try:
            if fences:
                self._fences += 1
            if self._wants is None or self._wants(stamped.event):
                self._take_in(stamped, key)
        except Exception as error:  # noqa: BLE001  # a subscriber's fault ends its subscription, not the publisher
            self.close()
            self._error = error

    def _take_in(self, stamped: Stamped[E], key: Hashable | None) -> None:
        slot: Hashable = stamped.seq if key is None else (self._fences, key)
        older = None if key is None else self._buffer.get(slot)
        if older is not None:
            event = self._merge(older.event, stamped.event)
            stamped = Stamped(stamped.seq, stamped.at, event, stamped.request_id, stamped.note)
            del self._buffer[slot]
        elif len(self._buffer) >= self._capacity:
            self._buffer.popitem(last=False)
            self._missed += 1
            self.lagged += 1
        self._buffer[slot] = stamped
        self._peak = max(self._peak, len(self._buffer))
        if self._lot:
            self._lot.unpark_all()

    def statistics(self) -> SubscriberStatistics:
        """Return the figures of this moment."""
        return SubscriberStatistics(
            self._name, len(self._replay) + len(self._buffer), self._peak, self._capacity, self.lagged
        )


class Bus(Generic[E]):
    """One publishing side, many subscribers, and a ring of recent events for replay.

    Args:
        ring: how many events are retained for replay.
        key: the coalescing key of an event, None for events that must all arrive.
        merge: what stands for an older and a newer buffered event of one key; the newer by default.
        fences: whether an event is a fence, across which nothing coalesces: what was published before it is about
            something that it began or ended. None is by default.
        clock: Unix seconds.
        retain: whether an event goes into the ring; by default when its key is None.
        annotate: called once with each event, in the order of publication; what it returns is stamped on the event as
            its `note`: facts that hold at this event and may not a moment later.
    """

    def __init__(
        self,
        *,
        ring: int = 10_000,
        key: Callable[[E], Hashable | None] = lambda _: None,
        merge: Callable[[E, E], E] = lambda _, newer: newer,
        fences: Callable[[E], bool] = lambda _: False,
        clock: Callable[[], float] = time.time,
        retain: Callable[[E], bool] | None = None,
        annotate: Callable[[E], Any] = lambda _: None,
    ) -> None:
        self.seq = 0
        self._key = key
        self._merge = merge
        self._fences = fences
        self._clock = clock
        self._retain = retain
        self._annotate = annotate
        self._lagged = 0
        self._ring: deque[Stamped[E]] = deque()
        self._ring_size = ring
        self._forgotten = 0
        self._closed = False
        self._subscriptions: dict[Subscription[E], None] = {}
        self._merged: dict[int, tuple[E, E]] = {}

    def publish(self, event: E, *, request_id: str | None = None) -> Stamped[E]:
        """Number `event`, retain it and buffer it for every subscriber; never waits."""
        key, fences = self._key(event), self._fences(event)
        retained = key is None if self._retain is None else self._retain(event)
        self.seq += 1
        stamped = Stamped(self.seq, self._clock(), event, request_id, self._annotate(event))
        if retained:
            self._remember(stamped)
        for subscription in tuple(self._subscriptions):
            subscription.push(stamped, key, fences=fences)
        self._merged.clear()
        return stamped

    def subscribe(
        self,
        name: str,
        *,
        capacity: int = 1024,
        since: int | None = None,
        wants: Callable[[E], bool] | None = None,
    ) -> Subscription[E]:
        """Subscribe to what is published from now on.

        Args:
            name: name of the subscriber, for statistics.
            capacity: how many events are buffered before the oldest is dropped, at least 1.
            since: replay what was retained after this number first; no gap and no double towards the live events.
            wants: which events to take; all by default.
        """
        if capacity < 1:
            raise ValueError(f"the subscriber {name} needs a capacity of at least 1, not {capacity}")
        subscription = Subscription(
            name,
            capacity=capacity,
            replay=self._replay(since, wants),
            merge=self._merge_once,
            wants=wants,
            leave=self._forget,
        )
        self._subscriptions[subscription] = None
        if self._closed:
            subscription.end()
        return subscription

    @property
    def forgotten(self) -> int:
        """Number of the newest event that the ring had and let go: a replay is complete from there on."""
        return self._forgotten

    @property
    def lagged(self) -> int:
        """How many events subscribers missed so far because they were too slow, those who left included."""
        return self._lagged + sum(subscription.lagged for subscription in self._subscriptions)

    def subscribers(self) -> tuple[SubscriberStatistics, ...]:
        """Return the figures of all subscribers."""
        return tuple(subscription.statistics() for subscription in self._subscriptions)

    def close(self) -> None:
        """End all subscriptions: each still gets what is buffered for it. Later events reach nobody."""
        self._closed = True
        for subscription in tuple(self._subscriptions):
            subscription.end()

    def _merge_once(self, older: E, newer: E) -> E:
        """Merge two events for all subscribers that buffer the older one: they share it, not only its value."""
        known = self._merged.get(id(older))
        if known is None:
            known = self._merged[id(older)] = (older, self._merge(older, newer))
        return known[1]

    def _forget(self, subscription: Subscription[E]) -> None:
        if subscription in self._subscriptions:
            del self._subscriptions[subscription]
            self._lagged += subscription.lagged

    def _remember(self, stamped: Stamped[E]) -> None:
        self._ring.append(stamped)
        if len(self._ring) > self._ring_size:
            self._forgotten = self._ring.popleft().seq

    def _replay(self, since: int | None, wants: Callable[[E], bool] | None) -> deque[Stamped[E]] | None:
        if since is None:
            return deque()
        if not self._forgotten <= since <= self.seq:
            return None
        replay: deque[Stamped[E]] = deque()
        for stamped in reversed(self._ring):
            if stamped.seq <= since:
                break
            if wants is None or wants(stamped.event):
                replay.appendleft(stamped)
        return replay
