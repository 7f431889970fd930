"""Fixtures of the tests against foreign clients."""

from pathlib import Path

import pytest

from tests.support.postgres import server_directory  # noqa: F401 - fixture


@pytest.fixture
def home(server_directory: Path) -> Path:  # noqa: F811 - the imported fixture
    """A folder for data directories; no server may outlive the test."""
    return server_directory
