"""Properties of the bus: nobody misses anything without being told, replay and live events join without a seam."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors import Bus, Lagged, Stamped, Subscription

Event = tuple[str, int]
"""A kind, and the numbers of the events it stands for: `fact` is never merged, all other kinds are."""

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from(["fact", "a", "b", "c"])),
        st.tuples(st.just("subscribe"), st.tuples(st.integers(1, 5), st.none() | st.integers(-1, 30))),
        st.tuples(st.just("read"), st.tuples(st.integers(0, 3), st.integers(1, 8))),
        st.tuples(st.just("close"), st.integers(0, 3)),
    ),
    max_size=60,
)


@dataclass
class Reader:
    """A subscriber and all it has read."""

    subscription: Subscription[Event]
    since: int
    expected_replay: list[int]
    items: list[Stamped[Event] | Lagged] = field(default_factory=list)

    def read(self, count: int | None = None) -> None:
        while count is None or count > 0:
            item = self.subscription.try_next()
            if item is None:
                return
            self.items.append(item)
            count = None if count is None else count - 1

    @property
    def events(self) -> list[Stamped[Event]]:
        return [item for item in self.items if isinstance(item, Stamped)]

    @property
    def missed(self) -> int:
        return sum(item.missed for item in self.items if isinstance(item, Lagged))


class Game:
    """Plays operations on one bus and keeps the whole history beside it."""

    def __init__(self, ring: int) -> None:
        self.ring = ring
        self.bus: Bus[Event] = Bus(ring=ring, key=self.key, merge=self.merge, clock=lambda: 0.0)
        self.history: list[Stamped[Event]] = []
        self.readers: list[Reader] = []

    @staticmethod
    def key(event: Event) -> Hashable | None:
        return None if event[0] == "fact" else event[0]

    @staticmethod
    def merge(older: Event, newer: Event) -> Event:
        return (newer[0], older[1] + newer[1])

    def play(self, name: str, argument: Any) -> None:
        getattr(self, f"do_{name}")(argument)
        for figures in self.bus.subscribers():
            assert figures.peak <= figures.capacity

    def do_publish(self, kind: str) -> None:
        self.history.append(self.bus.publish((kind, 1)))
        assert self.history[-1].seq == len(self.history)

    def do_subscribe(self, argument: tuple[int, int | None]) -> None:
        capacity, since = argument
        facts = [stamped.seq for stamped in self.history if stamped.event[0] == "fact"]
        retained = facts[len(facts) - min(self.ring, len(facts)) :]
        subscription = self.bus.subscribe("reader", capacity=capacity, since=since)
        missing = [seq for seq in facts if since is not None and seq > since and seq not in retained]
        complete = since is None or (0 <= since <= len(self.history) and not missing)
        assert subscription.complete == complete
        replay = [seq for seq in retained if complete and since is not None and seq > since]
        self.readers.append(Reader(subscription, len(self.history), replay))

    def do_read(self, argument: tuple[int, int]) -> None:
        index, count = argument
        if index < len(self.readers):
            self.readers[index].read(count)

    def do_close(self, index: int) -> None:
        if index < len(self.readers):
            reader = self.readers.pop(index)
            reader.read()
            self.check(reader)
            reader.subscription.close()

    def check(self, reader: Reader) -> None:
        """Replay is exact; then every event since is there, merged, or counted as missed."""
        replayed = [stamped.seq for stamped in reader.events if stamped.seq <= reader.since]
        assert replayed == reader.expected_replay
        live = [stamped for stamped in reader.events if stamped.seq > reader.since]
        assert [stamped.seq for stamped in live] == sorted({stamped.seq for stamped in live})
        assert reader.events == [stamped for stamped in reader.events if stamped.seq <= reader.since] + live
        published = self.history[reader.since :]
        covered = sum(stamped.event[1] for stamped in live)
        if reader.missed == 0:
            assert covered == len(published)
            facts = [stamped.seq for stamped in live if stamped.event[0] == "fact"]
            assert facts == [stamped.seq for stamped in published if stamped.event[0] == "fact"]
        else:
            assert covered + reader.missed <= len(published)
        if published:
            assert live[-1].seq == published[-1].seq, "the newest event is always there"


@settings(deadline=None, max_examples=300)
@given(ring=st.integers(0, 6), operations=OPERATIONS)
def test_every_event_is_delivered_merged_or_counted(ring: int, operations: list[tuple[str, Any]]) -> None:
    game = Game(ring)
    for name, argument in operations:
        game.play(name, argument)
    game.bus.close()
    for reader in game.readers:
        reader.read()
        game.check(reader)


@settings(deadline=None, max_examples=100)
@given(capacity=st.integers(1, 5), published=st.integers(0, 30))
def test_without_coalescing_the_lag_is_exact(capacity: int, published: int) -> None:
    bus: Bus[int] = Bus()
    subscription = bus.subscribe("reader", capacity=capacity)
    for number in range(published):
        bus.publish(number)
    items = list(iter(subscription.try_next, None))
    missed = sum(item.missed for item in items if isinstance(item, Lagged))
    assert missed == max(0, published - capacity)
    assert sum(isinstance(item, Lagged) for item in items) == (missed > 0)
    assert [item.event for item in items if isinstance(item, Stamped)] == list(range(missed, published))
