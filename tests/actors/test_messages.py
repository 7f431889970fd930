"""The types of requests and replies; mypy checks the parts that no run can show."""

from dataclasses import FrozenInstanceError, dataclass
from typing import assert_never, assert_type

import pytest

from actors import Actor, ActorRef, ChildSpec, Handled, Refused, Request, answer, later
from actors.testing import running


@dataclass(frozen=True, slots=True)
class Length(Request[int]):
    text: str


@dataclass(frozen=True, slots=True)
class Upper(Request[str]):
    text: str


@dataclass(frozen=True, slots=True)
class Forget:
    text: str


Message = Length | Upper | Forget


class EmptyText(Refused):
    """There is nothing to work on."""


class Text(Actor[Message]):
    async def handle(self, message: Message) -> Handled:
        match message:
            case Length(text):
                return answer(message, len(text))
            case Upper(text):
                return later(message, lambda: self.upper(text))
            case Forget():
                return None
            case _:
                assert_never(message)

    async def upper(self, text: str) -> str:
        if not text:
            raise EmptyText("no text")
        return text.upper()


async def test_replies_have_the_type_of_their_request() -> None:
    ref: ActorRef[Message] = ActorRef("text")
    async with running(ChildSpec(ref, Text)):
        length = await ref.ask(Length("four"), within=1)
        upper = await ref.ask(Upper("four"), within=1)
        await ref.tell(Forget("four"))
    assert_type(length, int)
    assert_type(upper, str)
    assert (length, upper) == (4, "FOUR")


async def test_refusal_is_a_type_of_the_slice() -> None:
    ref: ActorRef[Message] = ActorRef("text")
    async with running(ChildSpec(ref, Text)):
        with pytest.raises(EmptyText, match="no text"):
            await ref.ask(Upper(""), within=1)
        assert await ref.ask(Length("still here"), within=1) == 10


def test_reply_of_another_type_is_a_type_error() -> None:
    answer(Length("x"), "1")  # type: ignore[misc]  # the point of the test


def test_ref_to_a_wider_union_serves_where_a_part_is_wanted() -> None:
    whole: ActorRef[Message] = ActorRef("text")
    part: ActorRef[Forget] = whole
    assert part is whole


def test_messages_are_frozen_and_slotted() -> None:
    message = Length("x")
    with pytest.raises(FrozenInstanceError):
        message.text = "y"  # type: ignore[misc]  # the point of the test
    assert not hasattr(message, "__dict__")
