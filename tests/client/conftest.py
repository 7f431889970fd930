"""A fake daemon in the test's own loop, and clients for it."""

import socket
from collections.abc import AsyncIterator

import pytest
import trio

from revaer.client import Backoff, Client, Event, EventStream, StreamItem
from tests.support.fake_api import KEY, FakeApi
from tests.support.fake_node import FakeNode


async def take(stream: EventStream, count: int) -> list[StreamItem]:
    """The next items."""
    return [await anext(stream) for _ in range(count)]


def ids(items: list[StreamItem]) -> list[str]:
    """The ids of the events among some items."""
    return [item.id for item in items if isinstance(item, Event)]


@pytest.fixture
async def api(nursery: trio.Nursery) -> FakeNode:
    """A fake daemon that listens on loopback."""
    fake = FakeNode()
    await nursery.start(fake.serve)
    return fake


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[Client]:
    """A client with the right key."""
    async with Client(api.url, KEY, request_id="request-1") as made:
        yield made


@pytest.fixture
def impatient() -> Backoff:
    """Waits of a millisecond."""
    return Backoff(initial=0.001, longest=0.001)


@pytest.fixture
def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
