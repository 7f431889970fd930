"""Ways to files that no link can lead out of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from revaer.confined import OutsideRoots, is_below, opened_directory, opened_file, resolve_below, shown, what_is_wrong


def open_files() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with one below, a link to it, and links out."""
    root = tmp_path / "root"
    (root / "real" / "deep").mkdir(parents=True)
    (root / "real" / "deep" / "file").write_bytes(b"content")
    (root / "inside").symlink_to("real")
    (tmp_path / "outside").mkdir()
    (root / "out").symlink_to(tmp_path / "outside")
    return root


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("/a", "/a", True),
        ("/a/b", "/a", True),
        ("/ab", "/a", False),
        ("/", "/a", False),
        ("/a", "/", True),
        ("/", "/", True),
        ("/a/b", "/a/", True),
    ],
)
def test_below(path: str, root: str, expected: bool) -> None:
    assert is_below(path, root) is expected


def test_a_path_is_resolved(tree: Path) -> None:
    assert resolve_below(f"{tree}/inside/deep/../deep/file", [tree]) == str(tree / "real/deep/file")


def test_a_root_that_is_a_link_counts_by_where_it_leads(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "also").symlink_to(tree)
    assert resolve_below(f"{tmp_path}/also/real", [tmp_path / "also"]) == str(tree / "real")
    assert resolve_below(str(tree / "real"), [tmp_path / "also"]) == str(tree / "real")


@pytest.mark.parametrize("path", ["out", "out/nothing", "..", "../outside", "inside/../../outside"])
def test_what_leads_out_is_refused(tree: Path, path: str) -> None:
    with pytest.raises(OutsideRoots):
        resolve_below(f"{tree}/{path}", [tree])


def test_what_is_not_there_is_told_apart_inside_only(tree: Path) -> None:
    with pytest.raises(FileNotFoundError):
        resolve_below(f"{tree}/nothing", [tree])
    with pytest.raises(OutsideRoots):
        resolve_below("/nothing/at/all", [tree])


def test_without_roots_nothing_is_inside(tree: Path) -> None:
    with pytest.raises(OutsideRoots):
        resolve_below(str(tree), [])


@pytest.mark.parametrize("path", ["/", "{tree}", "{tree}/real/deep"])
def test_a_directory_is_opened_by_its_real_path(tree: Path, path: str) -> None:
    place = path.format(tree=tree)
    before = open_files()
    with opened_directory(place) as handle:
        assert {entry.name for entry in os.scandir(handle)} == {entry.name for entry in Path(place).iterdir()}
    assert open_files() == before


@pytest.mark.parametrize("path", ["inside", "inside/deep", "real/deep/file", "nothing/deep"])
def test_links_and_files_on_the_way_are_not_passed(tree: Path, path: str) -> None:
    before = open_files()
    with pytest.raises(OSError, match="irectory"), opened_directory(f"{tree}/{path}"):
        pass
    assert open_files() == before


def test_a_file_is_opened_below_a_directory(tree: Path) -> None:
    with opened_directory(str(tree)) as directory, opened_file(directory, "real/deep/file") as handle:
        assert os.read(handle, 100) == b"content"


def test_a_link_in_place_of_a_file_is_not_followed(tree: Path) -> None:
    (tree / "link").symlink_to("real/deep/file")
    with opened_directory(str(tree)) as directory, pytest.raises(OSError) as refusal:  # noqa: PT011  # its number counts
        opened_file(directory, "link").__enter__()
    assert "changed while" in what_is_wrong(refusal.value)


def test_a_pipe_does_not_hold_its_reader_up(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with opened_directory(str(tree)) as directory, opened_file(directory, "pipe"):
        pass


def test_words() -> None:
    assert shown(os.fsdecode(b"a\xffb")) == "a\\xffb"
    assert what_is_wrong(FileNotFoundError(2, "No such file or directory")) == "no such file or directory"
    assert what_is_wrong(OSError("odd")) == "odd"
    assert str(OutsideRoots(os.fsdecode(b"/\xff"))).startswith("/\\xff")
