"""A longer patience before stacks are printed, for tests that take minutes."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator

import pytest

PATIENCE = 300.0
"""Seconds after which such a test counts as hung."""


@pytest.fixture(autouse=True)
def patient_faulthandler() -> Iterator[None]:
    """Take the place of the suite's own watchdog for the length of a test."""
    faulthandler.cancel_dump_traceback_later()
    faulthandler.dump_traceback_later(PATIENCE, exit=False)
    yield
    faulthandler.cancel_dump_traceback_later()
