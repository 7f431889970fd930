"""The bus: publishing never waits, lag is explicit, replay has no gap and no double."""

from collections.abc import Hashable

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import Bus, Lagged, Stamped, Subscription

Event = str
Item = Stamped[Event] | Lagged


def key_of(event: Event) -> Hashable | None:
    """Events such as `progress:1` coalesce per number; all others stand alone."""
    kind, _, _ = event.partition("=")
    return kind if kind.startswith("progress") else None


def make_bus(*, ring: int = 100) -> Bus[Event]:
    return Bus(ring=ring, key=key_of, clock=lambda: 7.0)


def drain(subscription: Subscription[Event]) -> list[str | int]:
    """Take what is there: events by their text, lag by its count."""
    found: list[str | int] = []
    while (item := subscription.try_next()) is not None:
        found.append(item.missed if isinstance(item, Lagged) else item.event)
    return found


def test_published_event_is_stamped() -> None:
    bus = make_bus()
    assert bus.publish("a") == Stamped(1, 7.0, "a", None)
    assert bus.publish("b", request_id="r1") == Stamped(2, 7.0, "b", "r1")
    assert bus.seq == 2


def test_every_subscriber_gets_every_event() -> None:
    bus = make_bus()
    first, second = bus.subscribe("first"), bus.subscribe("second")
    bus.publish("a")
    bus.publish("b")
    assert drain(first) == drain(second) == ["a", "b"]


def test_subscriber_gets_nothing_from_before() -> None:
    bus = make_bus()
    bus.publish("before")
    assert drain(bus.subscribe("late")) == []


def test_subscriber_gets_only_what_it_wants() -> None:
    bus = make_bus()
    subscription = bus.subscribe("picky", wants=lambda event: event == "b")
    for event in "abc":
        bus.publish(event)
    assert drain(subscription) == ["b"]


async def test_iteration_waits_for_events_and_ends_with_the_bus() -> None:
    bus = make_bus()
    seen: list[Item] = []
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            with bus.subscribe("reader") as subscription:
                seen.extend([item async for item in subscription])

        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        bus.publish("a")
        await wait_all_tasks_blocked()
        bus.publish("b")
        bus.close()
    assert [item.event for item in seen if isinstance(item, Stamped)] == ["a", "b"]
    assert bus.subscribers() == ()


# Overflow.


def test_oldest_goes_when_the_buffer_is_full_and_the_subscriber_is_told() -> None:
    bus = make_bus()
    slow, quick = bus.subscribe("slow", capacity=2), bus.subscribe("quick")
    for event in "abcde":
        bus.publish(event)
    assert drain(slow) == [3, "d", "e"]
    assert drain(quick) == list("abcde")


def test_lag_is_told_once_and_counted_anew() -> None:
    bus = make_bus()
    slow = bus.subscribe("slow", capacity=1)
    for event in "abc":
        bus.publish(event)
    assert drain(slow) == [2, "c"]
    for event in "de":
        bus.publish(event)
    assert drain(slow) == [1, "e"]
    assert bus.subscribers()[0].lagged == 3


def test_capacity_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="reader needs a capacity of at least 1, not 0"):
        make_bus().subscribe("reader", capacity=0)


# Coalescing.


def test_newer_event_of_a_key_replaces_the_buffered_one_at_the_tail() -> None:
    bus = make_bus()
    subscription = bus.subscribe("reader")
    for event in ("progress1=10", "progress2=1", "a", "progress1=20"):
        bus.publish(event)
    items = [subscription.try_next() for _ in range(3)]
    assert [(item.seq, item.event) for item in items if isinstance(item, Stamped)] == [
        (2, "progress2=1"),
        (3, "a"),
        (4, "progress1=20"),
    ]


def test_merge_decides_what_stands_for_two_events() -> None:
    bus: Bus[Event] = Bus(key=key_of, merge=lambda older, newer: f"{older}+{newer}")
    subscription = bus.subscribe("reader")
    for event in ("progress=1", "progress=2", "progress=3"):
        bus.publish(event, request_id=event)
    item = subscription.try_next()
    assert isinstance(item, Stamped)
    assert (item.event, item.seq, item.request_id) == ("progress=1+progress=2+progress=3", 3, "progress=3")


def test_coalesced_events_do_not_fill_the_buffer() -> None:
    bus = make_bus()
    subscription = bus.subscribe("reader", capacity=2)
    bus.publish("a")
    for value in range(100):
        bus.publish(f"progress={value}")
    assert drain(subscription) == ["a", "progress=99"]


def test_events_do_not_coalesce_across_a_fence() -> None:
    bus: Bus[Event] = Bus(key=key_of, fences=lambda event: event == "removed")
    everything, figures = bus.subscribe("everything"), bus.subscribe("figures", wants=lambda event: event != "removed")
    for event in ("progress=1", "progress=2", "removed", "progress=3", "other", "progress=4"):
        bus.publish(event)
    assert drain(everything) == ["progress=2", "removed", "other", "progress=4"]
    assert drain(figures) == ["progress=2", "other", "progress=4"]


def test_event_that_was_read_is_not_coalesced_with_the_next() -> None:
    bus = make_bus()
    subscription = bus.subscribe("reader")
    bus.publish("progress=1")
    assert drain(subscription) == ["progress=1"]
    bus.publish("progress=2")
    assert drain(subscription) == ["progress=2"]


def test_key_that_looks_like_a_number_meets_no_sequence_number() -> None:
    bus: Bus[int] = Bus(key=lambda event: 1 if event < 0 else None)
    subscription = bus.subscribe("reader")
    bus.publish(10)
    bus.publish(-1)
    assert [item.event for item in iter(subscription.try_next, None) if isinstance(item, Stamped)] == [10, -1]


# Replay.


def test_replay_comes_before_the_live_events() -> None:
    bus = make_bus()
    for event in "abc":
        bus.publish(event)
    subscription = bus.subscribe("reader", since=1)
    bus.publish("d")
    assert subscription.complete
    assert drain(subscription) == ["b", "c", "d"]


def test_replay_goes_only_to_the_one_who_asked() -> None:
    bus = make_bus()
    other = bus.subscribe("other")
    bus.publish("a")
    drain(other)
    bus.subscribe("reader", since=0)
    assert drain(other) == []


def test_replay_holds_what_is_retained_and_wanted() -> None:
    bus = make_bus()
    for event in ("a", "progress=1", "b", "c"):
        bus.publish(event)
    assert drain(bus.subscribe("reader", since=0, wants=lambda event: event != "b")) == ["a", "c"]


def test_replay_is_complete_when_only_older_events_were_evicted() -> None:
    bus = make_bus(ring=2)
    for event in "abc":
        bus.publish(event)
    assert bus.subscribe("reader", since=1).complete
    assert drain(bus.subscribe("reader", since=1)) == ["b", "c"]


def test_replay_is_complete_from_the_newest_event_that_was_forgotten() -> None:
    bus = make_bus(ring=2)
    assert bus.forgotten == 0
    for event in ("a", "b", "progress=1", "c", "d"):
        bus.publish(event)
    assert bus.forgotten == 2
    assert drain(bus.subscribe("reader", since=bus.forgotten)) == ["c", "d"]


@pytest.mark.parametrize("since", [0, 4, -1])
def test_replay_that_cannot_be_complete_is_not_begun(since: int) -> None:
    """0: an event after it was evicted; 4: that number was never given; -1: no number at all."""
    bus = make_bus(ring=2)
    for event in "abc":
        bus.publish(event)
    subscription = bus.subscribe("reader", since=since)
    assert not subscription.complete
    bus.publish("d")
    assert drain(subscription) == ["d"]


def test_events_that_are_not_retained_evict_nothing() -> None:
    bus = make_bus(ring=1)
    bus.publish("a")
    for value in range(10):
        bus.publish(f"progress={value}")
    assert drain(bus.subscribe("reader", since=0)) == ["a"]


def test_what_is_retained_may_be_chosen() -> None:
    bus: Bus[Event] = Bus(retain=lambda event: event != "b")
    for event in "abc":
        bus.publish(event)
    assert drain(bus.subscribe("reader", since=0)) == ["a", "c"]


def test_bus_without_a_ring_replays_nothing_past() -> None:
    bus = make_bus(ring=0)
    bus.publish("a")
    assert not bus.subscribe("reader", since=0).complete
    assert bus.subscribe("reader", since=1).complete


def test_replay_larger_than_the_buffer_does_not_lag() -> None:
    bus = make_bus()
    for value in range(50):
        bus.publish(str(value))
    subscription = bus.subscribe("reader", capacity=1, since=0)
    assert drain(subscription) == [str(value) for value in range(50)]


def test_lag_behind_a_replay_is_told_in_its_place() -> None:
    bus = make_bus()
    bus.publish("a")
    subscription = bus.subscribe("reader", capacity=1, since=0)
    for event in "bcd":
        bus.publish(event)
    assert drain(subscription) == ["a", 2, "d"]


# End.


async def test_closed_subscription_ends_at_once_and_leaves_the_bus() -> None:
    bus = make_bus()
    subscription = bus.subscribe("reader", capacity=1)
    bus.publish("a")
    bus.publish("b")
    subscription.close()
    subscription.close()
    bus.publish("c")
    assert [item async for item in subscription] == []
    assert bus.subscribers() == ()


async def test_close_wakes_the_reader() -> None:
    bus = make_bus()
    subscription = bus.subscribe("reader")
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            assert [item async for item in subscription] == []

        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        subscription.close()


async def test_end_of_the_bus_leaves_what_is_buffered_to_be_read() -> None:
    bus = make_bus()
    subscription = bus.subscribe("reader")
    bus.publish("a")
    bus.close()
    bus.publish("unheard")
    assert [item.event async for item in subscription if isinstance(item, Stamped)] == ["a"]


async def test_subscription_to_a_closed_bus_gives_the_replay_and_ends() -> None:
    bus = make_bus()
    bus.publish("a")
    bus.close()
    subscription = bus.subscribe("reader", since=0)
    assert [item.event async for item in subscription if isinstance(item, Stamped)] == ["a"]


async def test_filter_that_fails_ends_its_own_subscription_only() -> None:
    def wants(event: Event) -> bool:
        raise LookupError(event)

    bus = make_bus()
    broken, sound = bus.subscribe("broken", wants=wants), bus.subscribe("sound")
    bus.publish("a")
    bus.publish("b")
    assert drain(sound) == ["a", "b"]
    with pytest.raises(LookupError, match="a"):
        await anext(broken)
    assert [figures.name for figures in bus.subscribers()] == ["sound"]


def test_figures_of_a_subscriber() -> None:
    bus = make_bus()
    bus.publish("a")
    subscription = bus.subscribe("reader", capacity=3, since=0)
    for event in "bcde":
        bus.publish(event)
    figures = bus.subscribers()[0]
    assert (figures.name, figures.depth, figures.peak, figures.capacity, figures.lagged) == ("reader", 4, 3, 3, 1)
    drain(subscription)
    assert bus.subscribers()[0].depth == 0


async def test_who_waits_hears_what_a_faulty_filter_raised() -> None:
    def fail(_event: str) -> bool:
        raise LookupError("a fault of the filter")

    bus = make_bus()
    subscription = bus.subscribe("reader", wants=fail)
    bus.publish("a")
    with pytest.raises(LookupError, match="a fault of the filter"):
        await subscription.wait()
