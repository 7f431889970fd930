"""The box of finished spans: batches go out, and a collector that is slow, broken or away costs spans only."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from structlog.testing import capture_logs

from revaer.telemetry.spanbox import BATCH, Outcome, SpanBox

WITHIN = 5.0


class Sender:
    """Takes batches as the test says.

    Attributes:
        answer: what it returns, or raises.
        gate: it waits for this.
        batches: what it took.
    """

    def __init__(self) -> None:
        self.answer: str | Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.batches: list[list[int]] = []
        self.counts: Counter[str] = Counter()
        self.counted = threading.Condition()
        self.now = 0.0
        self.boxes: list[SpanBox[int]] = []

    def send(self, spans: Sequence[int]) -> str | None:
        self.entered.set()
        self.gate.wait(WITHIN)
        self.batches.append(list(spans))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def count(self, outcome: Outcome, count: int) -> None:
        with self.counted:
            self.counts[outcome] += count
            self.counted.notify_all()

    def box(self, *, capacity: int = 8192, pause: float = 0.001) -> SpanBox[int]:
        made: SpanBox[int] = SpanBox(
            self.send, on_count=self.count, capacity=capacity, pause=pause, clock=lambda: self.now
        )
        self.boxes.append(made)
        return made

    def wait_for(self, outcome: Outcome, count: int) -> None:
        with self.counted:
            assert self.counted.wait_for(lambda: self.counts[outcome] >= count, WITHIN), self.counts


@pytest.fixture
def sender() -> Iterator[Sender]:
    made = Sender()
    yield made
    made.gate.set()
    assert all(box.close(WITHIN) for box in made.boxes)


def test_spans_arrive_in_order(sender: Sender) -> None:
    box = sender.box()
    for number in range(5):
        box.put(number)
    sender.wait_for("sent", 5)
    assert [span for batch in sender.batches for span in batch] == list(range(5))


def test_full_batch_does_not_wait_for_the_pause(sender: Sender) -> None:
    box = sender.box(pause=3600.0)
    for number in range(BATCH):
        box.put(number)
    sender.wait_for("sent", BATCH)


def test_batches_are_bounded(sender: Sender) -> None:
    sender.gate.clear()
    box = sender.box()
    for number in range(BATCH * 2 + 10):
        box.put(number)
    sender.gate.set()
    sender.wait_for("sent", BATCH * 2 + 10)
    assert max(map(len, sender.batches)) <= BATCH


def test_what_finds_no_room_is_dropped_and_told_once(sender: Sender) -> None:
    with capture_logs() as lines:
        sender.gate.clear()
        box = sender.box(capacity=10)
        box.put(0)
        assert sender.entered.wait(WITHIN)
        for number in range(30):
            box.put(number)
        assert sender.counts["dropped"] == 20
    assert [line["event"] for line in lines] == ["traces_lost"]


@pytest.mark.parametrize("answer", ["the collector said no", RuntimeError("broken")])
def test_batch_that_fails_is_counted_and_the_next_one_is_tried(sender: Sender, answer: str | Exception) -> None:
    with capture_logs() as lines:
        sender.answer = answer
        box = sender.box()
        box.put(1)
        sender.wait_for("failed", 1)
        sender.answer = None
        box.put(2)
        sender.wait_for("sent", 1)
    assert [line["event"] for line in lines] == ["traces_lost"]
    assert str(answer) in lines[0]["reason"]


def test_end_of_the_losses_is_told_when_it_was_calm_for_a_while(sender: Sender) -> None:
    with capture_logs() as lines:
        sender.answer = "no"
        box = sender.box()
        box.put(1)
        sender.wait_for("failed", 1)
        sender.answer = None
        box.put(2)
        sender.wait_for("sent", 1)
        sender.now = 31.0
        box.put(3)
        sender.wait_for("sent", 2)
        assert box.close(WITHIN)
    assert [line["event"] for line in lines] == ["traces_lost", "traces_sent_again"]
    assert lines[1]["lost"] == 1


def test_closing_sends_what_waits_and_takes_nothing_more(sender: Sender) -> None:
    box = sender.box(pause=3600.0)
    box.put(1)
    assert box.close(WITHIN)
    box.put(2)
    assert sender.batches == [[1]]


def test_closing_waits_only_so_long(sender: Sender) -> None:
    sender.gate.clear()
    box = sender.box()
    box.put(1)
    assert sender.entered.wait(WITHIN)
    assert not box.close(0.01)
