"""A node per test. Every test asks for the clock itself: trio only sees a clock that is an argument of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from trio.testing import MockClock

from tests.throttle.node import Node


@pytest.fixture
def clock(autojump_clock: MockClock) -> MockClock:
    """A clock that jumps when everybody waits."""
    return autojump_clock


@pytest.fixture
def node() -> Node:
    """A node whose governor is not running yet."""
    return Node()


@pytest.fixture
async def running_node(node: Node) -> AsyncIterator[Node]:
    """A node with a running governor, and no limits set."""
    async with node.run():
        yield node
