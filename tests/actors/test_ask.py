"""Asking: deadlines, abandonment, and the ledger that never forgets an asker."""

from typing import Any

import outcome
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import ActorDown, ActorRef, MailboxFull, RequestExpired
from actors.envelope import Envelope
from actors.mailbox import Mailbox
from actors.testing import Note, Question


class Asker:
    """Asks in a task of its own and keeps what came of it."""

    def __init__(self, ref: ActorRef[Any], value: Any, *, within: float = 10.0, patience: float = 0.25) -> None:
        self.result: outcome.Outcome[Any] | None = None
        self.scope = trio.CancelScope()
        self._ask = lambda: ref.ask(Question(value), within=within, patience=patience)

    async def __call__(self) -> None:
        with self.scope:
            self.result = await outcome.acapture(self._ask)

    @property
    def error(self) -> BaseException:
        assert isinstance(self.result, outcome.Error)
        return self.result.error


async def take(box: Mailbox) -> Envelope:
    envelope = await box.take()
    assert envelope is not None
    return envelope


async def take_and_finish(box: Mailbox) -> Any:
    envelope = await take(box)
    box.finish(envelope, outcome.Value("done"))
    return envelope.message


# Deadlines.


async def test_answer_reaches_the_asker(ref: ActorRef[Any], box: Mailbox) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_and_finish, box)
        assert await ref.ask(Question(), within=1) == "done"


async def test_answer_given_before_a_waiting_asker_runs_is_not_lost(ref: ActorRef[Any], box: Mailbox) -> None:
    """An asker let in from the line may be answered before its task runs again."""
    for value in (1, 2):
        await ref.tell(Note(value))
    asker = Asker(ref, 3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asker)
        await wait_all_tasks_blocked()
        await take_and_finish(box)
        box.finish(await take(box), outcome.Value(None))
        waiting = box._next()
        assert waiting is not None
        box.finish(waiting, outcome.Value("quick"))
    assert asker.result == outcome.Value("quick")


async def test_request_expires_at_its_deadline(ref: ActorRef[Any], box: Mailbox, autojump_clock: MockClock) -> None:
    start = trio.current_time()
    with pytest.raises(RequestExpired) as caught:
        await ref.ask(Question(), within=3)
    assert trio.current_time() - start == pytest.approx(3)
    assert (caught.value.actor, caught.value.within) == ("worker", 3)
    assert ref.statistics().expired == 1


async def test_expired_request_leaves_the_queue(ref: ActorRef[Any], box: Mailbox, autojump_clock: MockClock) -> None:
    with pytest.raises(RequestExpired):
        await ref.ask(Question("late"), within=1)
    assert ref.statistics().depth == 0
    await ref.tell(Note("next"))
    assert await take_and_finish(box) == Note("next")


async def test_request_found_expired_is_not_begun(ref: ActorRef[Any], box: Mailbox, mock_clock: MockClock) -> None:
    """The deadline counts even before the asker's task has noticed it."""
    asker = Asker(ref, "late", within=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asker)
        await wait_all_tasks_blocked()
        mock_clock.jump(1)
        assert box._next() is None
    assert isinstance(asker.error, RequestExpired)


async def test_expired_request_gives_its_room_to_a_waiting_sender(
    ref: ActorRef[Any], box: Mailbox, autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Asker(ref, "late", within=0.1))
        await wait_all_tasks_blocked()
        await ref.tell(Note(1))
        await ref.tell(Note(2), patience=1)
    assert [(await take_and_finish(box)).value for _ in range(2)] == [1, 2]


async def test_cancelled_asker_withdraws_its_queued_request(ref: ActorRef[Any], box: Mailbox) -> None:
    asker = Asker(ref, "gone")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asker)
        await wait_all_tasks_blocked()
        asker.scope.cancel()
    figures = ref.statistics()
    assert (figures.depth, figures.abandoned, figures.expired) == (0, 1, 0)


async def test_begun_request_runs_to_its_end_after_the_asker_has_gone(ref: ActorRef[Any], box: Mailbox) -> None:
    asker = Asker(ref, "gone")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asker)
        await wait_all_tasks_blocked()
        envelope = await take(box)
        asker.scope.cancel()
    assert ref.statistics().in_flight == 1
    box.finish(envelope, outcome.Value("unheard"))
    assert ref.statistics().in_flight == 0


async def test_asker_meets_a_full_mailbox(ref: ActorRef[Any], box: Mailbox, autojump_clock: MockClock) -> None:
    for value in (1, 2):
        await ref.tell(Note(value))
    with pytest.raises(MailboxFull):
        await ref.ask(Question(), within=10, patience=0.1)


async def test_deadline_shorter_than_the_patience_expires_in_line(
    ref: ActorRef[Any], box: Mailbox, autojump_clock: MockClock
) -> None:
    for value in (1, 2):
        await ref.tell(Note(value))
    with pytest.raises(RequestExpired):
        await ref.ask(Question(), within=0.1, patience=5)
    assert ref.statistics().expired == 1


async def test_deadline_of_zero_never_begins(ref: ActorRef[Any], box: Mailbox) -> None:
    with pytest.raises(RequestExpired):
        await ref.ask(Question(), within=0)
    assert ref.statistics().depth == 0


async def test_tick_is_served_when_the_queue_holds_only_what_expired(
    ref: ActorRef[Any], box: Mailbox, mock_clock: MockClock
) -> None:
    ref.nudge(Note("first"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Asker(ref, 1, within=1))
        await wait_all_tasks_blocked()
        await take_and_finish(box)
        ref.nudge(Note("second"))
        mock_clock.jump(2)
        assert await take_and_finish(box) == Note("second")


# The ledger.


async def test_closing_fails_queued_requests_and_lets_begun_ones_go_on(ref: ActorRef[Any], box: Mailbox) -> None:
    begun, queued = Asker(ref, "begun"), Asker(ref, "queued")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(begun)
        await wait_all_tasks_blocked()
        envelope = await take(box)
        nursery.start_soon(queued)
        await wait_all_tasks_blocked()
        box.close("stopping")
        await wait_all_tasks_blocked()
        assert isinstance(queued.error, ActorDown)
        assert begun.result is None
        box.finish(envelope, outcome.Value("whole"))
    assert begun.result == outcome.Value("whole")


async def test_failing_fails_every_unanswered_request_with_the_reason(ref: ActorRef[Any], box: Mailbox) -> None:
    askers = [Asker(ref, value) for value in range(4)]
    async with trio.open_nursery() as nursery:
        for asker in askers:
            nursery.start_soon(asker)
            await wait_all_tasks_blocked()
        await take(box)
        box.fail("ValueError: boom")
    for asker in askers:
        assert isinstance(asker.error, ActorDown)
        assert (asker.error.actor, asker.error.reason) == ("worker", "ValueError: boom")
    assert (ref.statistics().depth, ref.statistics().in_flight) == (0, 0)


async def test_first_settlement_of_a_reply_counts() -> None:
    envelope = Envelope(Question())
    envelope.settle(outcome.Value("first"))
    envelope.settle(outcome.Value("second"))
    assert await envelope.wait() == "first"


async def test_sender_in_line_fails_when_the_mailbox_closes(ref: ActorRef[Any], box: Mailbox) -> None:
    for value in (1, 2):
        await ref.tell(Note(value))
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            with pytest.raises(ActorDown):
                await ref.tell(Note(3))

        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        box.close("stopping")
