"""`revaer action`, `revaer select` and `revaer rm`."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Revaer
from tests.support.fake_api import FakeApi, file_document, problem


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ("pause", {"type": "pause"}),
        ("resume", {"type": "resume"}),
        ("reannounce", {"type": "reannounce"}),
        ("recheck", {"type": "recheck"}),
        ("sequential --enable", {"type": "sequential", "enable": True}),
        ("sequential --disable", {"type": "sequential", "enable": False}),
        (
            "rate --download-bps 2M --upload-bps unlimited",
            {"type": "rate", "download_bps": 2 * 1024**2, "upload_bps": None},
        ),
        ("rate --download-bps 0 --upload-bps 1K/s", {"type": "rate", "download_bps": 0, "upload_bps": 1024}),
        ("piece_deadline --piece 3 --deadline-ms 0", {"type": "piece_deadline", "piece": 3, "deadline_ms": 0}),
        ("queue --position top", {"type": "queue", "position": "top"}),
        ("queue --position 4", {"type": "queue", "position": 4}),
        ("remove", {"type": "remove"}),
        ("remove --delete-data", {"type": "remove", "delete_data": True}),
    ],
)
def test_every_action_reaches_the_api(revaer: Revaer, api: FakeApi, arguments: str, body: dict[str, Any]) -> None:
    torrent = api.put("One")

    result = revaer("action", torrent["id"], *arguments.split())

    assert (result.code, result.err) == (0, "")
    assert result.out == f"{body['type']} done for {torrent['id']}\n"
    assert api.asked("POST", f"/v1/torrents/{torrent['id']}/action")[0].body == body


def test_a_move_is_absolute(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    torrent = api.put("One")

    revaer("action", torrent["id"], "move", "--download-dir", "elsewhere")

    assert api.requests[0].body == {"type": "move", "download_dir": str(tmp_path / "elsewhere")}


def test_a_rate_that_is_not_named_stays(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    revaer("action", torrent["id"], "rate", "--download-bps", "unlimited")

    assert api.requests[-1].body == {"type": "rate", "download_bps": None}


def test_an_action_as_json(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    result = revaer("action", torrent["id"], "pause", "--output", "json")

    assert json.loads(result.out) == {"id": torrent["id"], "type": "pause"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "Missing argument '<ID>'"),
        ("abc", "Missing argument '<ACTION>'"),
        ("abc explode", "'explode' is not one of 'pause'"),
        ("abc sequential", "`sequential` needs --enable or --disable."),
        ("abc rate", "`rate` needs --download-bps, --upload-bps or both."),
        ("abc rate --download-bps fast", "'fast' is no rate"),
        ("abc move", "`move` needs --download-dir."),
        ("abc piece_deadline", "`piece_deadline` needs --piece and --deadline-ms."),
        ("abc piece_deadline --piece -1", "-1 is not in the range"),
        ("abc queue --position first", "'first' should be a number from 0, or top, bottom, up or down"),
        ("abc pause --position 3", "--position does not go with `pause`."),
        ("abc pause --enable", "--enable or --disable does not go with `pause`."),
    ],
)
def test_wrong_use_ends_with_two_before_anything_is_sent(
    revaer: Revaer, api: FakeApi, arguments: str, words: str
) -> None:
    result = revaer("action", *arguments.split())

    assert result.code == 2
    assert words in result.err
    assert api.requests == []


def test_an_action_the_engine_refuses_ends_with_two(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")
    api.next_answers.append(problem(409, "Conflict", "there is no metadata yet"))

    result = revaer("action", torrent["id"], "recheck")

    assert result.code == 2
    assert "there is no metadata yet" in result.err


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


def test_torrents_are_removed_and_their_payload_stays(revaer: Revaer, api: FakeApi) -> None:
    first, second = api.put("One"), api.put("Two")

    result = revaer("rm", first["id"], second["info_hash"][:6], first["id"])

    assert result.out == f"removed {first['id']}\nremoved {second['id']}\n"
    assert [request.params for request in api.requests if request.method == "DELETE"] == [{}, {}]


def test_the_payload_goes_when_asked(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    result = revaer("torrent", "remove", torrent["id"], "--delete-data", "--output", "json")

    assert json.loads(result.out) == {"removed": [torrent["id"]], "data_deleted": True}
    assert api.requests[-1].params == {"delete_data": "true"}


def test_nothing_is_removed_when_one_id_is_wrong(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    result = revaer("rm", torrent["id"], "ffff")

    assert result.code == 3
    assert torrent["id"] in api.torrents


def test_an_unknown_whole_id_ends_with_three(revaer: Revaer) -> None:
    assert revaer("rm", "a" * 40).code == 3


def test_rm_without_an_id_ends_with_two(revaer: Revaer) -> None:
    assert revaer("rm").code == 2
