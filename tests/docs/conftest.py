"""What the tests of the documentation share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.postgres import (  # noqa: F401 - fixtures
    fresh_database_url,
    postgres_url,
    server_directory,
    shared_server_home,
)


@pytest.fixture
def home(server_directory: Path) -> Path:  # noqa: F811 - the imported fixture
    """A folder for data directories; no server may outlive the test."""
    return server_directory
