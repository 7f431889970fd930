"""What the drills share: a longer patience before stacks are printed, as they run for minutes."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import (  # noqa: F401 - fixtures
    fresh_database_url,
    postgres_url,
    server_directory,
    shared_server_home,
)

PATIENCE = 300.0
"""Seconds after which a drill counts as hung."""


@pytest.fixture(autouse=True)
def patient_faulthandler() -> Iterator[None]:
    """Take the place of the suite's own watchdog for the length of a drill."""
    faulthandler.cancel_dump_traceback_later()
    faulthandler.dump_traceback_later(PATIENCE, exit=False)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def home(server_directory: Path) -> Path:  # noqa: F811 - the imported fixture
    """A folder for data directories; no server may outlive the drill."""
    return server_directory
