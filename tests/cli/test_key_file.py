"""The file for a key that is about to be made: proven before, written whole, nothing left behind."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from revaer.cli.failures import Failure, WrongRequest
from revaer.cli.key_file import reserved
from revaer.daemon.credentials import Credentials, read_credentials

URL = "http://127.0.0.1:7070"
NEW = Credentials(URL, "rk_new:secret")


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_kept_key_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"

    with reserved(path, url=URL) as place:
        assert not path.exists()
        place.keep(NEW)

    assert read_credentials(path) == NEW
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == ["credentials.json"]


def test_room_is_held_before_the_key_is_there(tmp_path: Path) -> None:
    with reserved(tmp_path / "credentials.json", url=URL):
        (held,) = tmp_path.iterdir()
        assert held.stat().st_size >= 1024
        assert stat.S_IMODE(held.stat().st_mode) == 0o600


def test_a_key_that_never_came_leaves_the_old_one_and_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    with reserved(path, url=URL) as place:
        place.keep(NEW)

    with pytest.raises(ZeroDivisionError), reserved(path, url=URL):
        raise ZeroDivisionError

    assert read_credentials(path) == NEW
    assert names(tmp_path) == ["credentials.json"]


def test_a_full_disk_shows_itself_before_a_key_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)

    with pytest.raises(Failure, match="so none was asked for") as caught, reserved(tmp_path / "key", url=URL):
        pytest.fail("there is no room")

    assert caught.value.detail.endswith(": No space left on device")
    assert names(tmp_path) == []


def test_a_key_that_cannot_be_stored_after_all_is_shown_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It counts already, and nobody else knows it."""
    with reserved(tmp_path / "key", url=URL) as place:

        def broken(*_arguments: object) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fsync", broken)
        with pytest.raises(Failure, match="could not be stored") as caught:
            place.keep(NEW)

    assert caught.value.exit_code == 3
    assert capsys.readouterr().out == "rk_new:secret\n"
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("known", "url", "same"),
    [
        (URL, "http://localhost:1", True),
        ("http://[::1]:5", URL, True),
        ("http://a.example:7070", "http://a.example:7070/", True),
        ("http://a.example:7070", "http://a.example:7071", False),
        ("http://a.example:7070", "https://a.example:7070", False),
        ("http://a.example:7070", URL, False),
        (URL, "http://a.example:7070", False),
        ("nonsense", URL, False),
    ],
)
def test_only_the_key_of_the_same_daemon_is_replaced(tmp_path: Path, known: str, url: str, same: bool) -> None:
    path = tmp_path / "key"
    path.write_text(json.dumps({"api_url": known, "api_key": "rk_old:secret"}))
    path.chmod(0o600)

    if same:
        with reserved(path, url=url) as place:
            place.keep(NEW)
        assert read_credentials(path) == NEW
    else:
        with pytest.raises(WrongRequest, match="another daemon"), reserved(path, url=url):
            pytest.fail("the file is taken")
        assert "rk_old" in path.read_text()


def test_a_file_that_is_no_credentials_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "thesis.txt"
    path.write_text("forty years of work")

    with pytest.raises(Failure), reserved(path, url=URL):
        pytest.fail("the file is taken")

    assert path.read_text() == "forty years of work"
