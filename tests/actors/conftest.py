"""Builders for the tests of the actor engine."""

from collections.abc import Iterator
from typing import Any

import pytest

from actors import ActorRef, Health
from actors.mailbox import Mailbox


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def ref() -> ActorRef[Any]:
    """A ref to a mailbox for two, open, whose actor is the test."""
    ref: ActorRef[Any] = ActorRef("worker", capacity=2)
    ref.mailbox.open()
    return ref


@pytest.fixture
def box(ref: ActorRef[Any]) -> Iterator[Mailbox]:
    """The mailbox of `ref`, closed after the test."""
    yield ref.mailbox
    ref.mailbox.fail("test over")
