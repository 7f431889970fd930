"""What a tool wrote is looked at entry by entry."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from revaer.fsops.archives.errors import BadArchive, TooMuch, UnsafeMember
from revaer.fsops.archives.guard import Guard
from revaer.fsops.archives.inspection import compare, inspect_tree
from revaer.fsops.types import Limits


def guard(root: Path, limits: Limits | None = None) -> Guard:
    return Guard(limits or Limits(), volume=root, reserve=0, on_progress=lambda _: None, cancelled=lambda: False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "out"
    made.mkdir()
    (tmp_path / "secret").write_bytes(b"not ours")
    return made


def test_plain_tree_is_counted(root: Path) -> None:
    (root / "d").mkdir()
    (root / "d" / "a").write_bytes(b"12345")
    (root / "b").write_bytes(b"")
    counting = guard(root)

    found = inspect_tree(root, counting)

    assert (found.members, found.files) == (3, {"d/a": 5, "b": 0})
    assert (counting.entries, counting.bytes) == (3, 5)


def test_hard_link_to_a_file_outside_is_refused(root: Path) -> None:
    os.link(root.parent / "secret", root / "a")
    before = (root.parent / "secret").stat().st_mode

    with pytest.raises(UnsafeMember, match="hard link to a file outside"):
        inspect_tree(root, guard(root))

    assert (root.parent / "secret").stat().st_mode == before


def test_hard_links_among_themselves_are_taken(root: Path) -> None:
    (root / "a").write_bytes(b"x")
    os.link(root / "a", root / "b")

    assert inspect_tree(root, guard(root)).files == {"a": 1, "b": 1}


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize(
    ("make", "what"), [(os.mkfifo, "a named pipe"), (make_socket, "a socket")], ids=["pipe", "socket"]
)
def test_special_file_is_refused(
    root: Path, make: Callable[[Path], None], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    make(Path("special"))

    with pytest.raises(UnsafeMember, match=what):
        inspect_tree(root, guard(root))


def test_secret_permissions_are_made_plain_and_links_are_not_followed(root: Path) -> None:
    (root / "a").write_bytes(b"")
    (root / "a").chmod(0o4000)
    (root / "closed").mkdir()
    (root / "closed" / "b").write_bytes(b"")
    (root / "closed").chmod(0)
    (root / "l").symlink_to("a")

    inspect_tree(root, guard(root))

    modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in root.rglob("*") if not path.is_symlink()}
    assert modes == {"a": 0o644, "closed": 0o755, "b": 0o644}


@pytest.mark.parametrize("target", ["/etc", "..", "../secret", "l", "missing/../../secret"])
def test_link_that_leads_out_is_refused(root: Path, target: str) -> None:
    (root / "l").symlink_to(target)

    with pytest.raises(UnsafeMember):
        inspect_tree(root, guard(root))


def test_budget_counts_for_tools_too(root: Path) -> None:
    (root / "a").write_bytes(b"x" * 100)

    with pytest.raises(TooMuch):
        inspect_tree(root, guard(root, Limits(max_extracted_bytes=99)))


def test_size_that_the_archive_does_not_know_is_not_compared(root: Path) -> None:
    (root / "a").write_bytes(b"x")
    found = inspect_tree(root, guard(root))

    compare(found, {"a": None}, "tool")
    with pytest.raises(BadArchive, match="1 bytes instead of 2"):
        compare(found, {"a": 2}, "tool")
