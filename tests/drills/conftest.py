"""What the drills share: a longer patience before stacks are printed, as they run for minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.patience import patient_faulthandler  # noqa: F401 - a fixture
from tests.support.postgres import (  # noqa: F401 - fixtures
    fresh_database_url,
    postgres_url,
    server_directory,
    shared_server_home,
)


@pytest.fixture
def home(server_directory: Path) -> Path:  # noqa: F811 - the imported fixture
    """A folder for data directories; no server may outlive the drill."""
    return server_directory
