"""The vocabulary of messages: requests that know the type of their reply, and how a handler answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

R = TypeVar("R")


class Request(Generic[R]):
    """Base of the messages that expect a reply of type `R`.

    Subclasses are frozen, slotted dataclasses. A message without a reply is any frozen dataclass.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An immediate reply, made with `answer`."""

    request: Request[Any]
    value: Any


@dataclass(frozen=True, slots=True)
class Later:
    """A reply that a child task of the actor will give, made with `later`."""

    request: Request[Any]
    work: Callable[[], Awaitable[Any]]


Handled: TypeAlias = Answer | Later | None
"""What `Actor.handle` returns: a reply, the promise of one, or None for a message without a reply."""


def answer(request: Request[R], value: R) -> Answer:
    """Reply to `request` with `value` now."""
    return Answer(request, value)


def later(request: Request[R], work: Callable[[], Awaitable[R]]) -> Later:
    """Reply to `request` with what `work()` returns, while the actor goes on with its mailbox.

    `work` runs as a child task of the actor. `Refused` from it answers the asker; any other exception
    crashes the actor.
    """
    return Later(request, work)
