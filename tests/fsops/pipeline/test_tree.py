"""What vanishes while a tree is looked at is left out, and the rest is seen."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from revaer.fsops import tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with two directories and three files."""
    for path in ("a/film.tmp", "b/film.mkv", "z"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path


def test_file_that_vanishes_is_left_out(root: Path) -> None:
    found = tree.walk(root)
    first = next(found).path
    (root / "z").unlink()

    assert [first, *(entry.path for entry in found)] == ["a", "b", "a/film.tmp", "b/film.mkv"]


def test_directory_that_vanishes_or_becomes_a_file_is_seen_without_content(root: Path) -> None:
    found = tree.walk(root)
    first = next(found).path
    shutil.rmtree(root / "a")
    seen = [first, next(found).path]
    shutil.rmtree(root / "b")
    (root / "b").touch()

    assert [*seen, *(entry.path for entry in found)] == ["a", "b", "z"]


def test_absent_directory_has_nothing_and_cannot_be_walked(tmp_path: Path) -> None:
    assert tree.snapshot(tmp_path / "nothing") == {}
    with pytest.raises(FileNotFoundError):
        next(tree.walk(tmp_path / "nothing"))
