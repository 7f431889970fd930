"""The mailbox: bounded, in order, with ticks beside the queue."""

from typing import Any

import outcome
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import ActorDown, ActorRef, MailboxFull
from actors.envelope import Envelope
from actors.mailbox import Mailbox
from actors.testing import Note, Question


async def take(box: Mailbox) -> Envelope:
    envelope = await box.take()
    assert envelope is not None
    return envelope


async def take_and_finish(box: Mailbox) -> Any:
    envelope = await take(box)
    box.finish(envelope, outcome.Value("done"))
    return envelope.message


# Order and capacity.


async def test_messages_come_out_in_the_order_they_went_in(ref: ActorRef[Any], box: Mailbox) -> None:
    await ref.tell(Note(1))
    await ref.tell(Note(2))
    assert [await take_and_finish(box), await take_and_finish(box)] == [Note(1), Note(2)]


async def test_full_mailbox_refuses_when_patience_ends(
    ref: ActorRef[Any], box: Mailbox, autojump_clock: MockClock
) -> None:
    await ref.tell(Note(1))
    await ref.tell(Note(2))
    start = trio.current_time()
    with pytest.raises(MailboxFull) as caught:
        await ref.tell(Note(3), patience=0.25)
    assert trio.current_time() - start == pytest.approx(0.25)
    assert (caught.value.actor, caught.value.capacity) == ("worker", 2)
    assert ref.statistics().rejected == 1


async def test_patience_of_zero_still_takes_what_fits(ref: ActorRef[Any], box: Mailbox) -> None:
    await ref.tell(Note(1), patience=0)
    await ref.tell(Note(2), patience=0)
    with pytest.raises(MailboxFull):
        await ref.tell(Note(3), patience=0)


async def test_waiting_senders_get_in_line_when_there_is_room(ref: ActorRef[Any], box: Mailbox) -> None:
    for value in (1, 2):
        await ref.tell(Note(value))
    async with trio.open_nursery() as nursery:
        for value in (3, 4):
            nursery.start_soon(ref.tell, Note(value))
            await wait_all_tasks_blocked()
        assert not ref.try_tell(Note("overtaking"))
        assert [(await take_and_finish(box)).value for _ in range(4)] == [1, 2, 3, 4]
    assert ref.statistics().peak == 2


async def test_cancelled_sender_leaves_the_line(ref: ActorRef[Any], box: Mailbox) -> None:
    for value in (1, 2):
        await ref.tell(Note(value))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ref.tell, Note(3))
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert [(await take_and_finish(box)).value for _ in range(2)] == [1, 2]
    assert ref.statistics().depth == 0
    assert ref.statistics().rejected == 0


async def test_cancelled_task_tells_nothing(ref: ActorRef[Any], box: Mailbox) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await ref.tell(Note(1))
    assert ref.statistics().accepted == 0


async def test_try_tell_says_whether_there_was_room(ref: ActorRef[Any], box: Mailbox) -> None:
    assert [ref.try_tell(Note(value)) for value in range(3)] == [True, True, False]
    assert ref.statistics().rejected == 1


def test_capacity_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="worker needs a capacity of at least 1, not 0"):
        ActorRef("worker", capacity=0)


# Ticks.


async def test_tick_is_served_before_queued_messages(ref: ActorRef[Any], box: Mailbox) -> None:
    await ref.tell(Note(1))
    ref.nudge(Question("tick"))
    assert [await take_and_finish(box) for _ in range(2)] == [Question("tick"), Note(1)]


async def test_newest_tick_of_a_type_wins(ref: ActorRef[Any], box: Mailbox) -> None:
    ref.nudge(Note(1))
    ref.nudge(Note(2))
    ref.nudge(Question(3))
    assert [await take_and_finish(box) for _ in range(2)] == [Note(2), Question(3)]
    assert ref.statistics().depth == 0


async def test_tick_takes_no_room(ref: ActorRef[Any], box: Mailbox) -> None:
    ref.nudge(Note("tick"))
    assert [ref.try_tell(Note(value)) for value in range(3)] == [True, True, False]


async def test_tick_that_returns_for_ever_does_not_starve_the_queue(ref: ActorRef[Any], box: Mailbox) -> None:
    for value in (1, 2):
        await ref.tell(Note(value))
    served = []
    for _ in range(5):
        ref.nudge(Note("tick"))
        served.append((await take_and_finish(box)).value)
    assert served == ["tick", 1, "tick", 2, "tick"]


async def test_tick_wakes_an_idle_actor(ref: ActorRef[Any], box: Mailbox) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_and_finish, box)
        await wait_all_tasks_blocked()
        ref.nudge(Note())


# Its life.


async def test_mailbox_that_is_down_refuses_at_once(ref: ActorRef[Any], box: Mailbox) -> None:
    box.close("stopped")
    with pytest.raises(ActorDown, match="worker is down: stopped"):
        await ref.tell(Note())
    with pytest.raises(ActorDown):
        await ref.ask(Question(), within=1)
    assert not ref.try_tell(Note())
    ref.nudge(Note())
    assert await box.take() is None
    assert ref.statistics().rejected == 0


async def test_actor_that_never_started_is_down() -> None:
    ref: ActorRef[Any] = ActorRef("worker")
    assert (ref.running, ref.generation) == (False, 0)
    with pytest.raises(ActorDown, match="not started"):
        await ref.ask(Question(), within=1)


async def test_closing_wakes_the_actor(ref: ActorRef[Any], box: Mailbox) -> None:
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            assert await box.take() is None

        nursery.start_soon(serve)
        await wait_all_tasks_blocked()
        box.close("stopping")


async def test_new_generation_begins_empty(ref: ActorRef[Any], box: Mailbox, autojump_clock: MockClock) -> None:
    await ref.tell(Note("old"))
    ref.nudge(Question("old"))
    box.fail("crashed")
    assert box.open() == 2
    with trio.move_on_after(1) as scope:
        await box.take()
    assert scope.cancelled_caught
    assert (ref.generation, ref.statistics().restarts, ref.running) == (2, 1, True)


async def test_actor_leaves_the_mailbox_to_wait_when_too_much_is_in_flight(
    ref: ActorRef[Any], box: Mailbox, autojump_clock: MockClock
) -> None:
    box.max_in_flight = 1
    await ref.tell(Note(1))
    await ref.tell(Note(2))
    ref.nudge(Question("tick"))
    first = await take(box)
    with trio.move_on_after(1) as scope:
        await box.take()
    assert scope.cancelled_caught
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_and_finish, box)
        await wait_all_tasks_blocked()
        box.finish(first, outcome.Value(None))


def test_repr_tells_name_generation_and_state() -> None:
    ref: ActorRef[Any] = ActorRef("worker")
    assert repr(ref) == "<ActorRef worker generation 0 down>"
    ref.mailbox.open()
    assert repr(ref) == "<ActorRef worker generation 1 running>"


def test_ref_knows_its_name_and_capacity() -> None:
    ref: ActorRef[Any] = ActorRef("worker", capacity=7)
    assert (ref.name, ref.capacity, ref.statistics().capacity) == ("worker", 7, 7)
