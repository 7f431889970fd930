"""A node per test. Every test asks for the clock itself: trio only sees a clock that is an argument of the test."""

from __future__ import annotations

from pathlib import Path

import pytest
from trio.testing import MockClock

from tests.session.actor.node import Node


@pytest.fixture
def clock(autojump_clock: MockClock) -> MockClock:
    """A clock that jumps when everybody waits."""
    return autojump_clock


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node that a test runs."""
    return Node(tmp_path)
