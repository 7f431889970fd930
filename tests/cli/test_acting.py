"""`revaer action`, `revaer select` and `revaer rm`."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Revaer
from tests.support.fake_api import CUT, FakeApi, problem
from tests.support.fake_torrents import REFUSED


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
        ("", "Missing argument '[ID]... <ACTION>'"),
        ("abc", "Missing argument '<ACTION>'. Choose from: pause, resume"),
        ("abc explode", "'explode' is no action. Choose from: pause, resume"),
        ("pause", "which torrents? Give <ID>..., a filter such as --state stopped, or --all."),
        ("abc pause --all", "these do not go together"),
        ("abc pause --state queued", "these do not go together"),
        ("pause --all --tag a", "these do not go together"),
        ("abc pause --dry-run", "--dry-run and --yes do not go with `pause`."),
        ("abc recheck --yes", "--dry-run and --yes do not go with `recheck`."),
        ("pause --state ,", "which torrents?"),
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


def test_the_action_may_stand_before_the_id(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    result = revaer("action", "pause", torrent["info_hash"][:7])

    assert result.out == f"pause done for {torrent['id']}\n"


# Many


def test_an_action_on_many_is_one_call_and_a_word_for_each(revaer: Revaer, api: FakeApi) -> None:
    first, second = api.put("One"), api.put("Two")

    result = revaer("action", first["id"], second["info_hash"][:8], first["id"], "rate", "--upload-bps", "unlimited")

    assert (result.code, result.err) == (0, "")
    assert result.out == f"rate done for {first['id']}  One\nrate done for {second['id']}  Two\n"
    assert api.asked("POST", "/v1/torrents/actions")[0].body == {
        "ids": [first["id"], second["id"]],
        "action": {"type": "rate", "upload_bps": None},
    }


def test_a_filter_chooses_as_a_list_does(revaer: Revaer, api: FakeApi) -> None:
    queued = [api.put(f"t{number}", state={"kind": "queued", "since": "x"}) for number in range(3)]
    api.put("other")

    result = revaer("action", "resume", "--state", "queued")

    assert result.code == 0
    assert api.requests[0].params == {"state": "queued", "limit": "1000", "fields": "name"}
    assert api.requests[1].body["ids"] == [torrent["id"] for torrent in queued]


def test_one_that_refuses_does_not_keep_the_others_from_it(revaer: Revaer, api: FakeApi) -> None:
    refused, other = api.put(REFUSED), api.put("Two")

    result = revaer("action", "pause", "--all")

    assert result.code == 2
    assert result.out == f"pause done for {other['id']}  Two\n"
    assert result.err == f"{refused['id']}:\nerror: Conflict\n  not now\n  request id: req-409\n"


def test_an_action_on_many_as_json(revaer: Revaer, api: FakeApi) -> None:
    refused, other = api.put(REFUSED), api.put("Two")

    result = revaer("action", "sequential", "--enable", "--all", "--output", "json")

    document = json.loads(result.out)
    assert (document["type"], document["enable"]) == ("sequential", True)
    assert document["results"][0]["id"] == refused["id"]
    assert document["results"][0]["problem"]["detail"] == "not now"
    assert document["results"][1] == {"id": other["id"]}


def test_a_filter_that_chooses_nothing_is_no_failure(revaer: Revaer, api: FakeApi) -> None:
    assert revaer("action", "pause", "--category", "none", "--state", "failed").err == "No torrents.\n"
    assert json.loads(revaer("action", "pause", "--all", "--output", "json").out) == {"type": "pause", "results": []}
    assert api.asked("POST", "/v1/torrents/actions") == []


def test_more_than_a_call_takes_go_in_several(revaer: Revaer, api: FakeApi) -> None:
    for number in range(1200):
        api.put(f"t{number}")

    result = revaer("action", "pause", "--all")

    assert (result.code, len(result.out.splitlines())) == (0, 1200)
    assert [len(request.body["ids"]) for request in api.asked("POST", "/v1/torrents/actions")] == [1000, 200]


def test_an_ambiguous_beginning_ends_with_two_before_anything_is_done(revaer: Revaer, api: FakeApi) -> None:
    first, second = api.put("One", info_hash="ab" + "0" * 38), api.put("Two", info_hash="ab" + "1" * 38)

    result = revaer("action", "pause", first["id"], "ab")

    assert result.code == 2
    assert result.err == f"error: 'ab' fits 2 torrents\n  {first['id']}  One\n  {second['id']}  Two\n"
    assert [request.method for request in api.requests] == ["GET"]


def test_a_daemon_that_goes_away_ends_with_three(revaer: Revaer, api: FakeApi) -> None:
    api.next_answers.append(CUT)

    result = revaer("action", "pause", "a" * 40, "b" * 40, "--output", "json")

    assert (result.code, result.out) == (3, "")
