"""`revaer edit`: what is sent for each option, and what is refused before."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Revaer
from tests.support.fake_api import CUT, FakeApi, problem


def patches(api: FakeApi) -> list[Any]:
    """What was asked to be changed."""
    return [request.body for request in api.requests if request.method == "PATCH"]


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["--name", "Another", "--comment", "seen"], {"name": "Another", "comment": "seen"}),
        (["--category", "films", "--tag", "a,b", "--tag", "c"], {"category": "films", "tags": ["a", "b", "c"]}),
        (["--max-download-bps", "2M", "--max-upload-bps", "0"], {"max_download_bps": 2 * 1024**2, "max_upload_bps": 0}),
        (["--max-upload-bps", "unlimited"], {"max_upload_bps": 0}),
        (
            ["--max-connections", "9", "--queue-position", "0", "--seed-ratio-limit", "0", "--seed-time-limit", "12h"],
            {"max_connections": 9, "queue_position": 0, "seed_ratio_limit": 0.0, "seed_time_limit": 43_200},
        ),
        (
            ["--sequential", "--no-super-seeding", "--auto-managed", "--no-pex", "--no-process"],
            {
                "sequential": True,
                "super_seeding": False,
                "auto_managed": True,
                "pex_enabled": False,
                "process": False,
            },
        ),
        (
            ["--unset", "category", "--unset", "tags", "--unset", "max-upload-bps"],
            {"category": None, "tags": [], "max_upload_bps": None},
        ),
    ],
)
def test_every_option_reaches_the_api_under_its_name(
    revaer: Revaer, api: FakeApi, arguments: list[str], body: dict[str, Any]
) -> None:
    torrent = api.put("One")

    result = revaer("edit", torrent["info_hash"][:8], *arguments)

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"changed {torrent['id']}  ")
    assert patches(api) == [body]


def test_tags_are_added_and_removed_among_those_that_are_there(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One", tags=["a", "b", "c"])

    revaer("edit", torrent["id"], "--add-tag", "d,a", "--remove-tag", "b,unknown")

    assert patches(api) == [{"tags": ["a", "c", "d"]}]


def test_web_seeds_are_added_and_removed(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")
    api.looks[torrent["id"]] = {"web_seeds": ["http://old"]}

    result = revaer("edit", torrent["id"], "--add-web-seed", "http://new", "--remove-web-seed", "http://old")

    assert result.code == 0
    assert patches(api) == [{"add": ["http://new"], "remove": ["http://old"]}]
    assert api.requests[0].path.endswith("/web_seeds")


def test_an_edit_as_json_is_the_torrent(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    document = json.loads(revaer("edit", torrent["id"], "--name", "Two", "--output", "json").out)

    assert (document["id"], document["name"]) == (torrent["id"], "Two")


def test_many_are_edited_each_by_itself(revaer: Revaer, api: FakeApi) -> None:
    first, second = api.put("One"), api.put("Two")

    result = revaer("edit", first["id"], "f" * 40, second["id"], first["id"], "--category", "films")

    assert result.code == 3
    assert result.out == f"changed {first['id']}  One\nchanged {second['id']}  Two\n"
    assert result.err.startswith(f"{'f' * 40}:\nerror: Not found\n")
    assert first["category"] == second["category"] == "films"


def test_many_edits_as_json(revaer: Revaer, api: FakeApi) -> None:
    first = api.put("One")

    result = revaer("edit", first["id"], "f" * 40, "--category", "films", "--output", "json")

    done, refused = json.loads(result.out)["results"]
    assert (done["id"], done["torrent"]["category"]) == (first["id"], "films")
    assert (refused["id"], refused["problem"]["status"]) == ("f" * 40, 404)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "what shall be changed? Give at least one option"),
        (["--name", "x", "--unset", "name"], "--name and --unset name contradict each other."),
        (["--tag", "x", "--unset", "tags"], "--tag and --unset tags contradict each other."),
        (["--tag", "x", "--add-tag", "y"], "--tag replaces all tags"),
        (["--unset", "sequential"], "'sequential' is not one of"),
        (["--max-upload-bps", "fast"], "'fast' is no rate"),
        (["--max-connections", "0"], "0 is not in the range"),
        (["--seed-time-limit", "soon"], "'soon' is no span of time"),
        (["--download-dir", "/x"], "No such option"),
    ],
)
def test_wrong_use_ends_with_two_before_anything_is_sent(
    revaer: Revaer, api: FakeApi, arguments: list[str], words: str
) -> None:
    result = revaer("edit", "a" * 40, *arguments)

    assert result.code == 2
    assert words in result.err
    assert api.requests == []


def test_a_name_is_for_one_torrent(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("edit", "a" * 40, "b" * 40, "--name", "x")

    assert result.code == 2
    assert "--name is for one torrent, but there are 2." in result.err
    assert api.requests == []


def test_a_refused_value_is_shown_with_its_pointer(revaer: Revaer, api: FakeApi) -> None:
    params = [{"pointer": "/tags/0", "message": "must not be empty"}]
    api.next_answers.append(problem(422, "Some values cannot be accepted", "", instance="r", invalid_params=params))

    result = revaer("edit", "a" * 40, "--tag", "x")

    assert result.code == 2
    assert "  /tags/0: must not be empty\n" in result.err


def test_a_cut_ends_with_three(revaer: Revaer, api: FakeApi) -> None:
    api.next_answers.append(CUT)

    assert revaer("edit", "a" * 40, "--tag", "x").code == 3
