"""One actor at work: start, messages, replies, background tasks."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ClassVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import Actor, ActorDown, ActorRef, ChildSpec, Handled, Refused, RequestExpired, answer, later
from actors.testing import Note, Probe, Question, running


class Denied(Refused):
    """The answer is no."""


class Deferring(Actor[Any]):
    """Answers every question later, by a script."""

    max_in_flight: ClassVar[int] = 2

    def __init__(self, script: Callable[[Any], Awaitable[Any]]) -> None:
        self.script = script

    async def handle(self, message: Any) -> Handled:
        return later(message, lambda: self.script(message.value))


class Handling(Actor[Any]):
    """Handles with a function."""

    def __init__(self, function: Callable[[Any], Handled]) -> None:
        self.function = function

    async def handle(self, message: Any) -> Handled:
        return self.function(message)


def spec(actor: Actor[Any]) -> ChildSpec:
    return ChildSpec(ActorRef("worker"), lambda: actor)


def deny(_: object) -> None:
    raise Denied("no")


def deny_in_a_group(_: object) -> None:
    raise ExceptionGroup("nursery", [Denied("no")])


async def test_messages_are_handled_in_order() -> None:
    probe = Probe()
    child = spec(probe)
    async with running(child):
        for value in range(3):
            await child.ref.tell(Note(value))
        assert await probe.wait_for(3) == [Note(0), Note(1), Note(2)]


async def test_actor_knows_its_name_generation_and_address() -> None:
    probe = Probe()
    child = spec(probe)
    async with running(child):
        assert probe.context.name == "worker"
        assert probe.context.generation == 1
        assert probe.context.ref is child.ref


async def test_methods_run_in_the_order_start_handle_stop() -> None:
    probe = Probe()
    child = spec(probe)
    async with running(child):
        await child.ref.ask(Question(), within=1)
    assert probe.moments == ["start", "handle", "stop"]


async def test_actor_without_start_and_stop_of_its_own_serves() -> None:
    child = spec(Handling(lambda message: answer(message, message.value + 1)))
    async with running(child):
        assert await child.ref.ask(Question(1), within=1) == 2


async def test_messages_queue_up_while_the_actor_starts() -> None:
    gate = trio.Event()

    class Slow(Probe):
        async def on_start(self) -> None:
            await gate.wait()

    slow = Slow(lambda message: message.value)
    child = spec(slow)
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            await wait_all_tasks_blocked()
            assert child.ref.running
            nursery.start_soon(wait_all_tasks_blocked)
            gate.set()
            assert await child.ref.ask(Question("early"), within=1) == "early"

        nursery.start_soon(ask)
        async with running(child):
            await slow.wait_for(1)


@pytest.mark.parametrize("refuse", [deny, deny_in_a_group])
async def test_refusal_answers_the_asker_and_the_actor_lives_on(refuse: Callable[[object], None]) -> None:
    probe = Probe(lambda message: refuse(message) if message.value == "bad" else "fine")
    child = spec(probe)
    async with running(child):
        with pytest.raises(Denied):
            await child.ref.ask(Question("bad"), within=1)
        assert await child.ref.ask(Question("good"), within=1) == "fine"
        assert child.ref.generation == 1


async def test_refused_message_without_an_asker_is_dropped() -> None:
    child = spec(Probe(lambda message: deny(message) if isinstance(message, Note) else "fine"))
    async with running(child):
        await child.ref.tell(Note())
        assert await child.ref.ask(Question(), within=1) == "fine"


async def test_request_may_be_told_and_its_reply_is_dropped() -> None:
    probe = Probe()
    child = spec(probe)
    async with running(child):
        await child.ref.tell(Question("told"))
        assert await probe.wait_for(1) == [Question("told")]


# Replies that come later.


async def test_mailbox_goes_on_while_a_later_reply_is_open() -> None:
    gate = trio.Event()

    async def script(value: str) -> str:
        if value == "slow":
            await gate.wait()
        return value

    child = spec(Deferring(script))
    replies: list[str] = []

    async def ask(value: str) -> None:
        replies.append(await child.ref.ask(Question(value), within=1))

    async with running(child), trio.open_nursery() as nursery:
        nursery.start_soon(ask, "slow")
        await wait_all_tasks_blocked()
        await ask("quick")
        gate.set()
    assert replies == ["quick", "slow"]


@pytest.mark.parametrize("refuse", [deny, deny_in_a_group])
async def test_later_refusal_answers_the_asker_and_the_actor_lives_on(refuse: Callable[[object], None]) -> None:
    async def script(value: str) -> str:
        if value == "bad":
            refuse(value)
        return "fine"

    child = spec(Deferring(script))
    async with running(child):
        with pytest.raises(Denied):
            await child.ref.ask(Question("bad"), within=1)
        assert await child.ref.ask(Question("good"), within=1) == "fine"


@pytest.mark.parametrize("error", [ValueError("boom"), ExceptionGroup("x", [ValueError("boom")])])
async def test_later_error_crashes_the_actor(error: Exception, autojump_clock: MockClock) -> None:
    async def script(value: str) -> str:
        if value == "bad":
            raise error
        return "fine"

    child = ChildSpec(ActorRef("worker"), lambda: Deferring(script))
    async with running(child):
        with pytest.raises(ActorDown, match="ValueError: boom"):
            await child.ref.ask(Question("bad"), within=1)
        await trio.sleep(1)
        assert child.ref.generation == 2
        assert await child.ref.ask(Question("good"), within=1) == "fine"


async def test_no_more_is_taken_than_may_be_in_flight() -> None:
    gate = trio.Event()
    begun: list[int] = []

    async def script(value: int) -> int:
        begun.append(value)
        await gate.wait()
        return value

    child = spec(Deferring(script))
    async with running(child), trio.open_nursery() as nursery:
        for value in range(3):
            nursery.start_soon(partial(child.ref.ask, Question(value), within=1))
        await wait_all_tasks_blocked()
        assert len(begun) == 2
        assert (child.ref.statistics().in_flight, child.ref.statistics().depth) == (2, 1)
        gate.set()
    assert sorted(begun) == [0, 1, 2]


async def test_later_work_of_an_expired_request_runs_to_its_end(autojump_clock: MockClock) -> None:
    done = trio.Event()

    async def script(_: object) -> None:
        await trio.sleep(5)
        done.set()

    child = spec(Deferring(script))
    async with running(child):
        with pytest.raises(RequestExpired):
            await child.ref.ask(Question(), within=1)
        with trio.fail_after(10):
            await done.wait()


async def test_askers_are_told_before_cancelled_work_has_cleaned_up(autojump_clock: MockClock) -> None:
    async def script(message: Any) -> None:
        if message.value == "crash":
            raise ValueError("boom")

    async def clean_up_slowly() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(10)

    def handle(message: Any) -> Any:
        return later(message, clean_up_slowly) if message.value == "slow" else script(message)

    child = ChildSpec(ActorRef("worker"), lambda: Probe(handle))
    failures: list[float] = []

    async def ask(value: str) -> None:
        with pytest.raises(ActorDown, match="ValueError: boom"):
            await child.ref.ask(Question(value), within=100)
        failures.append(trio.current_time())

    async with running(child), trio.open_nursery() as nursery:
        nursery.start_soon(ask, "slow")
        await wait_all_tasks_blocked()
        nursery.start_soon(ask, "crash")
    assert failures == [0.0, 0.0]


# Broken contracts.


@pytest.mark.parametrize(
    ("function", "message", "text"),
    [
        (lambda _: None, Question(), "Question was handled with NoneType"),
        (lambda _: answer(Question("other"), 1), Question(), "Question was handled with Answer"),
        (lambda _: answer(Question(), 1), Note(), "Note was handled with Answer"),
        (lambda _: "yes", Question(), "Question was handled with str"),
    ],
)
async def test_reply_to_the_wrong_thing_crashes_the_actor(
    function: Callable[[Any], Handled], message: Any, text: str, autojump_clock: MockClock
) -> None:
    child = ChildSpec(ActorRef("worker"), lambda: Handling(function))
    async with running(child) as supervisor:
        await child.ref.tell(message)
        await wait_all_tasks_blocked()
        assert supervisor.children[0].fault == f"ReplyMissing: {text}"


# Background tasks.


class Background(Probe):
    """Runs one background task from its start."""

    def __init__(self, work: Callable[[], Awaitable[object]], name: str | None = None) -> None:
        super().__init__()
        self.work = work
        self.name = name

    async def on_start(self) -> None:
        self.context.spawn(self.work, name=self.name)


async def test_background_task_runs_beside_the_mailbox() -> None:
    ran = trio.Event()

    async def work() -> None:
        ran.set()

    child = spec(Background(work))
    async with running(child):
        await ran.wait()
        assert await child.ref.ask(Question(), within=1) is None


@pytest.mark.parametrize(("name", "expected"), [(None, "worker/work"), ("poller", "worker/poller")])
async def test_background_task_has_a_name_for_task_dumps(name: str | None, expected: str) -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append(trio.lowlevel.current_task().name)

    async with running(spec(Background(work, name))):
        await wait_all_tasks_blocked()
    assert seen == [expected]


async def test_background_task_lives_until_on_stop_has_ended() -> None:
    events: list[str] = []

    class Stopping(Background):
        async def on_stop(self) -> None:
            await wait_all_tasks_blocked()
            events.append("on_stop")

    async def work() -> None:
        try:
            await trio.sleep_forever()
        finally:
            events.append("cancelled")

    async with running(spec(Stopping(work))):
        await wait_all_tasks_blocked()
    assert events == ["on_stop", "cancelled"]


async def test_refusal_has_no_meaning_in_a_background_task(autojump_clock: MockClock) -> None:
    async def work() -> None:
        raise Denied("no")

    gate = trio.Event()

    async def wait_and_work() -> None:
        await gate.wait()
        await work()

    child = ChildSpec(ActorRef("worker"), lambda: Background(wait_and_work))
    async with running(child) as supervisor:
        gate.set()
        await wait_all_tasks_blocked()
        assert supervisor.children[0].fault == "Denied: no"
