"""The changeset of an unattended setup refuses a start only as long as it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from revaer.daemon.bootstrap import load_bootstrap
from revaer.daemon.errors import UsageError

WRONG = '{"engine_profile": {"max_upload_bps": -1}, "secrets": {"a": "planted"}}'


def written(folder: Path, text: str) -> Path:
    path = folder / "boot.json"
    path.write_text(text)
    return path


@pytest.mark.parametrize("needed", [True, False])
def test_no_path_is_no_changeset(needed: bool) -> None:
    assert load_bootstrap(None, needed=needed) is None


@pytest.mark.parametrize("needed", [True, False])
def test_a_good_file_is_read_secrets_included_and_not_shown(tmp_path: Path, needed: bool) -> None:
    text = '{"engine_profile": {"dht": false}, "secrets": {"a": "planted"}}'

    found = load_bootstrap(written(tmp_path, text), needed=needed)

    assert found is not None
    assert found.changeset == {"engine_profile": {"dht": False}, "secrets": {"a": "planted"}}
    assert "planted" not in repr(found)


def test_a_wrong_file_that_is_needed_names_the_pointer_and_no_value(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="/engine_profile/max_upload_bps") as caught:
        load_bootstrap(written(tmp_path, WRONG), needed=True)

    assert "planted" not in str(caught.value)


def test_a_wrong_or_missing_file_that_is_not_needed_is_kept_as_a_problem(tmp_path: Path) -> None:
    for path in (written(tmp_path, WRONG), tmp_path / "absent"):
        found = load_bootstrap(path, needed=False)

        assert found is not None
        assert found.changeset is None
        assert str(path) in found.problem
