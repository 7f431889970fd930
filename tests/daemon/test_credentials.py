"""The credentials file is private, whole, and refused with advice when it is neither."""

from pathlib import Path

import pytest

from revaer.daemon.credentials import Credentials, read_credentials, write_credentials
from revaer.daemon.errors import DirectoryUnusable

SOME = Credentials(api_url="http://127.0.0.1:7070", api_key="rk_abc:secret")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_credentials(tmp_path / "credentials.json", SOME)

    assert read_credentials(tmp_path / "credentials.json") == SOME
    assert (tmp_path / "credentials.json").stat().st_mode & 0o777 == 0o600


def test_no_file_is_no_error(tmp_path: Path) -> None:
    assert read_credentials(tmp_path / "credentials.json") is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"api_url": "x"}', '{"api_url": ', "null"])
def test_a_damaged_file_is_refused_with_advice(tmp_path: Path, content: str) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(DirectoryUnusable, match="Move it away"):
        read_credentials(path)


def test_a_file_that_others_read_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    write_credentials(path, SOME)
    path.chmod(0o640)

    with pytest.raises(DirectoryUnusable, match="chmod 600"):
        read_credentials(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DirectoryUnusable, match="cannot write"):
        write_credentials(tmp_path / "absent" / "credentials.json", SOME)
