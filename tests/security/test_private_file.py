"""Files for the eyes of their owner only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from revaer.security.errors import PrivateFileRefused
from revaer.security.private_file import create_private, read_private


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "private"
    create_private(path, b"content")
    return path


def test_a_private_file_is_read_whole(path: Path) -> None:
    assert read_private(path, limit=7) == b"content"
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_file_is_none(tmp_path: Path) -> None:
    assert read_private(tmp_path / "absent", limit=1) is None


@pytest.mark.parametrize("mode", [0o601, 0o602, 0o604, 0o610, 0o620, 0o640, 0o644, 0o666])
def test_a_file_that_others_may_touch_is_refused_with_what_to_do(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(PrivateFileRefused, match=f"chmod 600 {path}"):
        read_private(path, limit=100)


def test_a_file_of_somebody_else_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(PrivateFileRefused, match="another user"):
        read_private(path, limit=100)


def test_a_large_file_is_refused(path: Path) -> None:
    with pytest.raises(PrivateFileRefused, match="more than 6 bytes"):
        read_private(path, limit=6)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(0o700)
    for name in ("pipe", "folder"):
        with pytest.raises(PrivateFileRefused, match="is no file"):
            read_private(tmp_path / name, limit=100)


def test_a_link_is_judged_by_what_it_leads_to(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    assert read_private(link, limit=100) == b"content"
    path.chmod(0o644)
    with pytest.raises(PrivateFileRefused):
        read_private(link, limit=100)


def test_a_path_that_cannot_be_opened_is_refused(path: Path) -> None:
    with pytest.raises(PrivateFileRefused, match="cannot be read"):
        read_private(path / "below", limit=100)


def test_a_file_that_exists_is_not_replaced(path: Path) -> None:
    with pytest.raises(FileExistsError):
        create_private(path, b"other")
    assert read_private(path, limit=100) == b"content"
    assert [entry.name for entry in path.parent.iterdir()] == ["private"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"."):
        create_private(tmp_path / "absent" / "file", b"content")
    assert list(tmp_path.iterdir()) == []
