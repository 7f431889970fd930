"""The escort: it is told of every generation and every message, and its context reaches all that an actor does."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import ActorDown, ActorRef, ChildSpec, Handled, Refused, RestartPolicy, later
from actors.escort import NO_DUTY, Duty
from actors.testing import Note, Probe, Question, running

SENDER: ContextVar[str] = ContextVar("sender", default="nobody")
LIFE: ContextVar[str] = ContextVar("life", default="outside")
WORK: ContextVar[str] = ContextVar("work", default="nothing")


class Watch:
    """One message; writes down what happens to it."""

    def __init__(self, escort: "Diary", name: str) -> None:
        self._escort = escort
        self._name = name

    def __enter__(self) -> None:
        self._token = WORK.set(self._name)
        self._escort.lines.append(f"begin {self._name}")

    def __exit__(self, kind: object, error: object, trace: object, /) -> None:
        WORK.reset(self._token)
        self._escort.lines.append(f"left {self._name}")

    def end(self, error: BaseException | None) -> None:
        self._escort.lines.append(f"end {self._name} {type(error).__name__}")


class Diary:
    """An escort that writes down what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @contextmanager
    def live(self, actor: str, generation: int) -> Iterator[None]:
        token = LIFE.set(f"{actor} {generation}")
        self.lines.append(f"live {actor} {generation}")
        try:
            yield
        finally:
            LIFE.reset(token)
            self.lines.append(f"dead {actor} {generation}")

    def handle(self, actor: str, generation: int, message: object, sender: Context) -> Duty:
        assert isinstance(message, Note | Question)
        return Watch(self, f"{message.value} of {sender.get(SENDER, 'nobody')} at {actor} {generation}")


class Refusal(Refused):
    """No."""


def where() -> tuple[str, str]:
    return LIFE.get(), WORK.get()


async def ask(ref: ActorRef[Any], value: Any, *, sender: str) -> Any:
    SENDER.set(sender)
    return await ref.ask(Question(value), within=5)


async def test_message_is_accompanied_from_its_sender_to_its_end() -> None:
    diary, ref = Diary(), ActorRef[Any]("worker")
    async with running(ChildSpec(ref, lambda: Probe(lambda _: where())), escort=diary):
        assert await ask(ref, "a", sender="alice") == ("worker 1", "a of alice at worker 1")
        SENDER.set("bob")
        await ref.tell(Note("b"))
        await wait_all_tasks_blocked()

    assert diary.lines == [
        "live worker 1",
        *("begin a of alice at worker 1", "left a of alice at worker 1", "end a of alice at worker 1 NoneType"),
        *("begin b of bob at worker 1", "left b of bob at worker 1", "end b of bob at worker 1 NoneType"),
        "dead worker 1",
    ]


async def test_what_a_message_binds_does_not_reach_the_next_one() -> None:
    seen: list[tuple[str, str]] = []
    ref: ActorRef[Any] = ActorRef("worker")
    async with running(ChildSpec(ref, lambda: Probe(lambda _: seen.append(where()))), escort=Diary()):
        await ask(ref, 1, sender="a")
        ref.nudge(Note(2))
        await wait_all_tasks_blocked()

    assert seen == [("worker 1", "1 of a at worker 1"), ("worker 1", "2 of nobody at worker 1")]


async def test_later_reply_ends_when_it_is_made_and_has_the_context_of_its_message() -> None:
    diary, ref, gate = Diary(), ActorRef[Any]("worker"), trio.Event()

    async def work() -> tuple[str, str]:
        await gate.wait()
        return where()

    replies: list[Any] = []

    async def asks() -> None:
        replies.append(await ask(ref, "slow", sender="a"))

    async with running(ChildSpec(ref, lambda: Probe(lambda message: later(message, work))), escort=diary):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(asks)
            await wait_all_tasks_blocked()
            assert diary.lines[-1] == "left slow of a at worker 1"
            gate.set()
        assert diary.lines[-1] == "end slow of a at worker 1 NoneType"

    assert replies == [("worker 1", "slow of a at worker 1")]


@pytest.mark.parametrize("is_later", [False, True])
async def test_refusal_ends_with_its_error(is_later: bool) -> None:
    diary, ref = Diary(), ActorRef[Any]("worker")

    async def refuse() -> None:
        raise Refusal

    def script(message: Any) -> Any:
        return later(message, refuse) if is_later else refuse()

    async with running(ChildSpec(ref, lambda: Probe(script)), escort=diary):
        with pytest.raises(Refusal):
            await ask(ref, "q", sender="a")

    assert diary.lines[-2] == "end q of a at worker 1 Refusal"


@pytest.mark.parametrize("is_later", [False, True])
async def test_crash_ends_what_is_begun_and_the_next_generation_is_a_new_life(
    autojump_clock: MockClock, is_later: bool
) -> None:
    diary, ref = Diary(), ActorRef[Any]("worker")

    async def crash() -> None:
        raise RuntimeError("drill")

    def script(message: Any) -> Any:
        if message.value == "again":
            return where()
        return later(message, crash) if is_later else crash()

    restart = RestartPolicy(backoff_initial=0.1)
    async with running(ChildSpec(ref, lambda: Probe(script), restart=restart), escort=diary):
        with pytest.raises(ActorDown):
            await ask(ref, "q", sender="a")
        await trio.sleep(1)
        assert await ask(ref, "again", sender="b") == ("worker 2", "again of b at worker 2")

    assert "end q of a at worker 1 RuntimeError" in diary.lines
    assert diary.lines.index("dead worker 1") < diary.lines.index("live worker 2")


async def test_reply_that_a_stop_cuts_off_ends_too() -> None:
    diary, ref = Diary(), ActorRef[Any]("worker")

    async def asks() -> None:
        with pytest.raises(ActorDown):
            await ask(ref, "endless", sender="a")

    async with trio.open_nursery() as nursery:
        probe = Probe(lambda message: later(message, trio.sleep_forever))
        async with running(ChildSpec(ref, lambda: probe, stop_within=0.05), escort=diary):
            nursery.start_soon(asks)
            await wait_all_tasks_blocked()

    assert "end endless of a at worker 1 Cancelled" in diary.lines


async def test_tasks_of_an_actor_live_in_its_context() -> None:
    seen: list[tuple[str, str]] = []

    class Worker(Probe):
        async def on_start(self) -> None:
            self.context.spawn(self.background)
            seen.append(where())

        async def handle(self, message: Any) -> Handled:
            self.context.spawn(self.background)
            return await super().handle(message)

        async def background(self) -> None:
            seen.append(where())

        async def on_stop(self) -> None:
            seen.append(where())

    ref: ActorRef[Any] = ActorRef("worker")
    async with running(ChildSpec(ref, Worker), escort=Diary()):
        await ask(ref, "q", sender="a")
        await wait_all_tasks_blocked()

    alone, on_duty = ("worker 1", "nothing"), ("worker 1", "q of a at worker 1")
    assert seen == [alone, alone, on_duty, alone]


def test_no_duty_does_nothing() -> None:
    with NO_DUTY:
        NO_DUTY.end(RuntimeError())
