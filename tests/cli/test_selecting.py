"""`revaer select`."""

import json

from tests.cli.conftest import Revaer
from tests.support.fake_api import FakeApi, file_document, problem


def test_rules_are_replaced(revaer: Revaer, api: FakeApi) -> None:
    files = [file_document(0, "a", 1), file_document(1, "b", 1, selected=False)]
    torrent = api.put("One", files=files)

    result = revaer(
        "select", torrent["id"], "--include", "**/*.mkv", "--exclude", "x", "--skip-fluff", "--priority", "1=low"
    )

    assert result.out == f"rules replaced for {torrent['id']}: 1 of 2 files selected\n"
    assert api.asked("POST", f"/v1/torrents/{torrent['id']}/select")[0].body == {
        "include": ["**/*.mkv"],
        "exclude": ["x"],
        "skip_fluff": True,
        "priorities": {"1": "low"},
    }


def test_rules_before_the_metadata_are_kept(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    assert revaer("select", torrent["id"]).out.endswith(": kept until the metadata arrives\n")


def test_a_selection_as_json_is_the_torrent(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    assert json.loads(revaer("select", torrent["id"], "--output", "json").out)["id"] == torrent["id"]


def test_a_wrong_glob_is_shown_with_its_pointer(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")
    params = [{"pointer": "/include/0", "message": "over 512 characters"}, {"pointer": "", "message": "too much"}]
    api.next_answers.append(problem(422, "Some values cannot be accepted", "see below", invalid_params=params))

    result = revaer("select", torrent["id"], "--include", "x" * 600)

    assert result.code == 2
    assert result.err.splitlines()[:4] == [
        "error: Some values cannot be accepted",
        "  see below",
        "  /include/0: over 512 characters",
        "  /: too much",
    ]
