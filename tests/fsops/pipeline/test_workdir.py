"""The work directory can be deleted whatever lies in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from revaer.fsops import workdir
from revaer.fsops.places import Places
from tests.fsops.pipeline.world import ID, World

DEPTH = 1_000
NAME = "a-name-of-some-length"


@pytest.fixture
def places(world: World) -> Places:
    """The places of a job with an empty work directory."""
    found = Places(world.library, ID)
    workdir.open_library(world.disk, found)
    workdir.prepare(world.disk, found)
    return found


@pytest.fixture
def nobody(fast_path: Path) -> Iterator[Path]:
    """A directory of a user whom permissions bind."""
    fast_path.chmod(0o777)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield fast_path
    finally:
        os.seteuid(before)


def dig(root: Path) -> None:
    """Make directories so deep that no path leads to the last."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir(NAME, dir_fd=here)
        below = os.open(NAME, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def test_tree_deeper_than_any_path_is_deleted(world: World, places: Places) -> None:
    dig(places.extracted)

    workdir.remove(world.disk, places)

    assert not places.work.exists()


def test_directory_of_ours_is_emptied_and_stays(world: World, places: Places) -> None:
    (places.shelf / "deep").mkdir()
    (places.shelf / "deep/file").touch()
    (places.shelf / "link").symlink_to(places.tree)

    workdir.empty(world.disk, places.shelf)

    assert list(places.shelf.iterdir()) == []
    assert places.tree.is_dir()


def test_directories_without_permissions_are_deleted(world: World, nobody: Path) -> None:
    root = nobody / "root"
    (root / "a/b/c").mkdir(parents=True)
    (root / "a/b/c/file").touch()
    for path in ("a/b/c", "a/b", "a"):
        (root / path).chmod(0o500)

    world.disk.remove_tree(root)

    assert not root.exists()
