"""`revaer rm`, and `revaer action remove`: what goes, what is asked first, and what is only shown."""

import io
import json
import sys
from collections.abc import Callable

import click
import pytest

from revaer.cli.choosing import Choice
from revaer.cli.main import run
from revaer.cli.removing import Removal
from revaer.client import ListQuery
from tests.cli.conftest import Result, Revaer
from tests.support.fake_api import CUT, KEY, Answer, FakeApi, problem
from tests.support.fake_torrents import REFUSED

HALF = {"bytes_downloaded": 2048, "bytes_total": 4096, "percent_complete": 50.0}


def deletions(api: FakeApi) -> list[object]:
    """What was asked to be deleted, and how."""
    single = [request.params for request in api.requests if request.method == "DELETE"]
    return [*single, *(request.body for request in api.asked("POST", "/v1/torrents/actions"))]


def test_one_torrent_is_removed_and_its_payload_stays(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    result = revaer("rm", torrent["info_hash"][:6])

    assert (result.code, result.out, result.err) == (0, f"removed {torrent['id']}\n", "")
    assert deletions(api) == [{}]
    assert api.torrents == {}


def test_many_are_removed_each_once(revaer: Revaer, api: FakeApi) -> None:
    first, second = api.put("One"), api.put("Two")

    result = revaer("rm", first["id"], second["info_hash"][:6], first["id"])

    assert result.out == f"removed {first['id']}\nremoved {second['id']}\n"
    assert deletions(api) == [{"ids": [first["id"], second["id"]], "action": {"type": "remove"}}]


@pytest.mark.parametrize("command", ["rm", "torrent remove", "action remove"])
def test_the_payload_goes_when_asked(revaer: Revaer, api: FakeApi, command: str) -> None:
    torrent = api.put("One")

    result = revaer(*command.split(), torrent["id"], "--delete-data", "--output", "json")

    assert json.loads(result.out) == {"delete_data": True, "results": [{"id": torrent["id"]}]}
    assert deletions(api) == [{"delete_data": "true"}]


def test_the_payload_of_many_goes_when_asked(revaer: Revaer, api: FakeApi) -> None:
    first, second = api.put("One"), api.put("Two")

    result = revaer("rm", "--all", "--delete-data")

    assert result.out == f"removed, with its payload: {first['id']}\nremoved, with its payload: {second['id']}\n"
    assert api.requests[-1].body["action"] == {"type": "remove", "delete_data": True}


def test_a_filter_chooses_as_a_list_does(revaer: Revaer, api: FakeApi) -> None:
    done = api.put("One", state={"kind": "completed", "since": "x"})
    other = api.put("Two")

    assert revaer("rm", "--state", "completed").code == 0
    assert list(api.torrents) == [other["id"]]
    assert done["id"] not in api.torrents


def test_one_that_refuses_does_not_keep_the_others(revaer: Revaer, api: FakeApi) -> None:
    refused, other = api.put(REFUSED), api.put("Two")

    result = revaer("rm", refused["id"], other["id"], "--output", "json")

    document = json.loads(result.out)
    assert result.code == 2
    assert [one.get("problem", {}).get("detail") for one in document["results"]] == ["not now", None]
    assert result.err.startswith(f"{refused['id']}:\nerror: Conflict\n")


# What goes wrong


def test_nothing_is_removed_when_one_id_is_wrong(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    result = revaer("rm", torrent["id"], "ffff")

    assert (result.code, result.out) == (3, "")
    assert torrent["id"] in api.torrents


def test_an_unknown_whole_id_ends_with_three(revaer: Revaer) -> None:
    result = revaer("rm", "a" * 40, "--output", "json")

    assert (result.code, result.out) == (3, "")
    assert "request id: req-404" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "which torrents? Give <ID>..., a filter such as --state stopped, or --all."),
        (["abc", "--all"], "these do not go together"),
        (["abc", "--tag", "a"], "these do not go together"),
        (["xyz"], "'xyz' is no torrent id, no info-hash and no beginning of one"),
        (["--everything"], "No such option"),
    ],
)
def test_wrong_use_ends_with_two_before_anything_is_sent(
    revaer: Revaer, api: FakeApi, arguments: list[str], words: str
) -> None:
    result = revaer("rm", *arguments)

    assert result.code == 2
    assert words in result.err
    assert api.requests == []


def test_a_refusal_of_the_only_one_is_told_whole(revaer: Revaer, api: FakeApi) -> None:
    api.next_answers.append(problem(503, "Not available now", "the disk is away", instance="req-1"))

    result = revaer("rm", "a" * 40)

    assert (result.code, result.out) == (3, "")
    assert result.err == "error: Not available now\n  the disk is away\n  request id: req-1\n"


def test_a_daemon_that_goes_away_half_way_leaves_word_of_what_is_done(revaer: Revaer, api: FakeApi) -> None:
    ids = [f"{number:040x}" for number in range(1, 1102)]
    api.next_answers += [Answer(200, {"results": [{"id": key, "status": 200} for key in ids[:1000]]}), CUT]

    result = revaer("rm", *ids, "--output", "json")

    assert result.code == 3
    assert [one["id"] for one in json.loads(result.out)["results"]] == ids[:1000]
    assert "the connection broke" in result.err


# A dry run


def test_a_dry_run_shows_what_would_go(revaer: Revaer, api: FakeApi) -> None:
    api.put(
        "One",
        info_hash="a" * 40,
        content_path="/d/One",
        progress=HALF,
    )
    api.put("Two", info_hash="b" * 40, state={"kind": "stopped", "since": "x"})

    result = revaer("rm", "--all", "--delete-data", "--dry-run")

    assert result.code == 0
    assert result.out == (
        "ID        NAME  STATE           HERE  PATH\n"
        "aaaaaaaa  One   downloading  2.0 KiB  /d/One\n"
        "bbbbbbbb  Two   stopped          0 B  /srv/downloads\n"
    )
    assert result.err == "2 torrents would be removed, with the payload.\n"
    assert deletions(api) == []


def test_a_dry_run_as_json(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One", content_path="/d/One")

    result = revaer("action", torrent["id"], "remove", "--dry-run", "--output", "json")

    assert json.loads(result.out) == {
        "dry_run": True,
        "delete_data": False,
        "torrents": [{"id": torrent["id"], "name": "One", "content_path": "/d/One"}],
    }
    assert deletions(api) == []


def test_a_dry_run_finds_out_that_a_torrent_is_not_there(revaer: Revaer) -> None:
    assert revaer("rm", "a" * 40, "--dry-run").code == 3


def test_a_dry_run_of_nothing(revaer: Revaer) -> None:
    result = revaer("rm", "--all", "--dry-run")

    assert (result.code, result.out, result.err) == (0, "", "No torrents.\n")


# Consent at a terminal


@pytest.fixture
def typing(api: FakeApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command at a terminal at which someone types."""

    def call(*arguments: str, typed: str = "") -> Result:
        typed_lines = io.StringIO(typed)
        monkeypatch.setattr(typed_lines, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", typed_lines)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setenv("NO_COLOR", "1")
        code = run(("--api-url", api.url, "--api-key", KEY, *arguments))
        captured = capsys.readouterr()
        return Result(code, captured.out, click.unstyle(captured.err))

    return call


def test_payload_goes_after_consent_only(typing: Callable[..., Result], api: FakeApi) -> None:
    torrent = api.put("One", progress=HALF)

    kept = typing("rm", torrent["id"], "--delete-data", typed="n\n")

    assert (kept.code, kept.out) == (3, "")
    assert "Remove 1 torrent and delete the payload (2.0 KiB)? [y/N]: " in kept.err
    assert kept.err.endswith("Nothing was removed.\n")
    assert torrent["id"] in api.torrents

    assert typing("rm", torrent["id"], "--delete-data", typed="y\n").code == 0
    assert api.torrents == {}


def test_what_was_shown_is_what_goes(typing: Callable[..., Result], api: FakeApi) -> None:
    """A torrent that begins to fit the filter while someone thinks stays."""
    for number in range(12):
        api.put(f"torrent {number}")

    result = typing("rm", "--all", typed="yes\n")

    assert result.code == 0
    assert "  torrent 9\n  … and 2 more\n" in result.err
    assert "Remove 12 torrents and keep the payload?" in result.err
    assert len(api.requests[-1].body["ids"]) == 12
    assert sum(request.path == "/v1/torrents" for request in api.requests) == 1


@pytest.mark.parametrize(
    "arguments", [["--delete-data", "--yes"], ["--delete-data", "-y"], []], ids=["yes", "y", "payload stays"]
)
def test_nobody_is_asked_when_it_is_clear(typing: Callable[..., Result], api: FakeApi, arguments: list[str]) -> None:
    torrent = api.put("One")

    result = typing("rm", torrent["id"], *arguments)

    assert (result.code, result.err) == (0, "")
    assert api.torrents == {}


def test_nothing_to_remove_is_no_question(typing: Callable[..., Result]) -> None:
    result = typing("rm", "--all")

    assert (result.code, result.err) == (0, "No torrents.\n")


def test_a_script_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    removal = Removal(Choice(query=ListQuery()), delete_data=True)

    assert not removal.needs_consent
