"""A world for jobs: an empty library and an empty download directory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fsops.pipeline.world import World, make_world

MEMORY = Path("/dev/shm")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Empty directories, the real disk, and an extractor for zip files."""
    return make_world(tmp_path)


@pytest.fixture
def fast_path(tmp_path: Path) -> Iterator[Path]:
    """A directory for thousands of small files, in memory where that is possible."""
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else tmp_path) as name:
        yield Path(name)


@pytest.fixture
def other_volume(tmp_path: Path) -> Iterator[Path | None]:
    """A directory on another volume than `tmp_path`, or None when there is none here."""
    if not os.access(MEMORY, os.W_OK) or MEMORY.stat().st_dev == tmp_path.stat().st_dev:
        yield None
        return
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        yield Path(name)
