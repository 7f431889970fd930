"""The pure queue: order, bounds, and that nothing is lost or done twice, whatever happens in whatever order."""

from __future__ import annotations

import math
import tracemalloc

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from revaer.fsops.queue import Queue, Ticket
from revaer.types import TorrentId

LIBRARY = "library"
NAMES = [TorrentId(f"t{number}") for number in range(8)]
VOLUMES = ["a", "b", "c"]


def ticket(number: int, *, priority: int = 0, source: str = LIBRARY, due: float = -math.inf) -> Ticket:
    return Ticket(TorrentId(f"t{number}"), priority, number, source, due)


def test_higher_priority_goes_first_and_then_age() -> None:
    queue = Queue()
    for each in (ticket(3), ticket(1), ticket(2, priority=5), ticket(4, priority=-1)):
        queue.put(each)
    order = []
    while (taken := queue.take(0.0, LIBRARY)) is not None:
        order.append(taken.age)
        queue.end(taken.torrent_id)
    assert order == [2, 1, 3, 4]


def test_one_job_runs_on_a_volume() -> None:
    queue = Queue()
    queue.put(ticket(1))
    queue.put(ticket(2))
    assert queue.take(0.0, LIBRARY) is not None
    assert queue.take(0.0, LIBRARY) is None
    queue.end(TorrentId("t1"))
    assert queue.take(0.0, LIBRARY) is not None


def test_busy_source_does_not_hold_up_another() -> None:
    queue = Queue(per_volume=2)
    for each in (ticket(1, source="a"), ticket(2, source="a"), ticket(3, source="a"), ticket(4, source="b")):
        queue.put(each)
    assert [taken.age for _ in range(2) if (taken := queue.take(0.0, "x")) is not None] == [1, 2]
    assert queue.take(0.0, "y") == ticket(4, source="b")
    assert queue.take(0.0, "y") is None


def test_no_more_than_allowed_run_in_all() -> None:
    queue = Queue(per_volume=9, at_once=2)
    for number in range(5):
        queue.put(ticket(number))
    assert [queue.take(0.0, LIBRARY) is not None for _ in range(3)] == [True, True, False]


def test_job_that_is_not_due_waits() -> None:
    queue = Queue()
    queue.put(ticket(1, due=10.0))
    assert queue.take(9.9, LIBRARY) is None
    assert queue.next_due() == 10.0
    assert queue.take(10.0, LIBRARY) == ticket(1, due=10.0)
    assert queue.next_due() == math.inf


def test_new_ticket_replaces_the_old_one() -> None:
    queue = Queue()
    queue.put(ticket(1))
    queue.put(ticket(1, due=10.0))
    assert len(queue) == 1
    assert queue.take(0.0, LIBRARY) is None
    queue.put(ticket(1))
    assert queue.next_due() == math.inf
    assert queue.take(0.0, LIBRARY) == ticket(1)


def test_running_job_cannot_be_queued() -> None:
    queue = Queue()
    queue.put(ticket(1))
    queue.take(0.0, LIBRARY)
    with pytest.raises(ValueError, match="running"):
        queue.put(ticket(1))
    queue.replace_all([ticket(1), ticket(2)])
    assert [*queue] == ["t2"]


def test_dropped_jobs_leave_nothing_behind() -> None:
    queue = Queue()
    for number in range(10_000):
        queue.put(ticket(number))
        assert queue.drop(TorrentId(f"t{number}"))
    queue.put(ticket(1))
    assert queue._kept < 200
    assert not queue.drop(TorrentId("t5"))


def test_ten_thousand_jobs_take_few_bytes() -> None:
    names = [TorrentId(f"01900000-0000-7000-8000-{number:012x}") for number in range(10_000)]
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    queue = Queue()
    for number, name in enumerate(names):
        queue.put(Ticket(name, 0, number, LIBRARY))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / len(names) < 400


class QueueMachine(RuleBasedStateMachine):
    """Random operations, crashes among them, against a model that is slow and obviously right."""

    @initialize(per_volume=st.integers(1, 3), at_once=st.integers(1, 5))
    def begin(self, per_volume: int, at_once: int) -> None:
        self.per_volume, self.at_once = per_volume, at_once
        self.queue = Queue(per_volume=per_volume, at_once=at_once)
        self.now = 0.0
        self.ages = 0
        self.stored: dict[TorrentId, Ticket] = {}
        self.running: dict[TorrentId, frozenset[str]] = {}

    @rule(
        name=st.sampled_from(NAMES),
        priority=st.integers(-2, 2),
        source=st.sampled_from(VOLUMES),
        delay=st.sampled_from([-math.inf, 0.0, 1.0, 5.0]),
    )
    def put(self, name: TorrentId, priority: int, source: str, delay: float) -> None:
        self.ages += 1
        made = Ticket(name, priority, self.ages, source, self.now + delay)
        if name in self.running:
            with pytest.raises(ValueError, match="running"):
                self.queue.put(made)
        else:
            self.queue.put(made)
            self.stored[name] = made

    @rule(name=st.sampled_from(NAMES))
    def put_the_same_again(self, name: TorrentId) -> None:
        if name in self.stored and name not in self.running:
            self.queue.put(self.stored[name])

    @rule(name=st.sampled_from(NAMES))
    def drop(self, name: TorrentId) -> None:
        waits = name in self.stored and name not in self.running
        assert self.queue.drop(name) is waits
        if waits:
            del self.stored[name]

    @rule(library=st.sampled_from(VOLUMES))
    def take(self, library: str) -> None:
        expected = self.expected(library)
        taken = self.queue.take(self.now, library)
        assert taken == expected
        if taken is not None:
            self.running[taken.torrent_id] = frozenset({taken.source, library})

    @precondition(lambda self: self.running)
    @rule(data=st.data(), again=st.booleans(), delay=st.sampled_from([-math.inf, 2.0]))
    def end(self, data: st.DataObject, again: bool, delay: float) -> None:
        name = data.draw(st.sampled_from(sorted(self.running)))
        self.queue.end(name)
        del self.running[name]
        old = self.stored.pop(name)
        if again:
            self.stored[name] = made = Ticket(name, old.priority, old.age, old.source, self.now + delay)
            self.queue.put(made)

    @rule(seconds=st.floats(0.0, 6.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def crash(self) -> None:
        """A new queue is built from what is stored; what ran is queued again."""
        self.queue = Queue(per_volume=self.per_volume, at_once=self.at_once)
        self.running = {}
        self.queue.replace_all(self.stored.values())

    @rule()
    def reload(self) -> None:
        """The queue is built anew while jobs run."""
        self.queue.replace_all(self.stored.values())

    def expected(self, library: str) -> Ticket | None:
        def used(volume: str) -> int:
            return sum(volume in volumes for volumes in self.running.values())

        if len(self.running) >= self.at_once or used(library) >= self.per_volume:
            return None
        ready = [
            each
            for name, each in self.stored.items()
            if name not in self.running and each.due <= self.now and used(each.source) < self.per_volume
        ]
        return min(ready, key=lambda each: (-each.priority, each.age), default=None)

    @invariant()
    def no_job_is_lost_or_doubled(self) -> None:
        if hasattr(self, "queue"):
            assert {*self.queue} == self.stored.keys() - self.running.keys()
            assert self.queue.running.keys() == self.running.keys()
            due = [each.due for name, each in self.stored.items() if name not in self.running and each.due > self.now]
            assert self.queue.next_due() <= min(due, default=math.inf)


QueueMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestQueue = QueueMachine.TestCase
