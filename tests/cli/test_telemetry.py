"""`REVAER_TELEMETRY_ENDPOINT`: what is reported of each command, and that it disturbs none."""

import json
import signal
import time
from collections.abc import Iterator

import click
import pytest

from revaer.cli import telemetry
from revaer.cli.failures import Failure, WrongRequest
from revaer.client import Problem, ProblemDocument, Unreachable
from tests.cli.conftest import Revaer
from tests.cli.test_main import spawn
from tests.support.fake_api import CUT, KEY, SILENCE, Answer, FakeApi, event_frame, in_thread, problem

PRIVATE = "private-words"


class Collector(FakeApi):
    """An endpoint that takes whatever comes."""

    @property
    def told(self) -> list[dict[str, object]]:
        """What came, in order."""
        return [request.body for request in self.requests]

    def _guarded(self, request: object) -> Answer:
        return Answer(204)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """An endpoint on loopback that the environment names."""
    with in_thread(Collector()) as made:
        monkeypatch.setenv("REVAER_TELEMETRY_ENDPOINT", f"{made.url}/collect?token=1")
        yield made


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is half past nine, for ever."""
    monkeypatch.setattr(time, "time_ns", lambda: 1_714_555_800_123_456_789)


def test_a_command_is_reported_once_with_the_request_id_of_its_calls(
    revaer: Revaer, api: FakeApi, collector: Collector, stopped_clock: None
) -> None:
    assert revaer("ls").code == 0

    (report,) = collector.told
    assert report == {
        "command": "ls",
        "outcome": "success",
        "trace_id": api.requests[0].headers["x-request-id"],
        "exit_code": 0,
        "timestamp_ms": 1_714_555_800_123,
    }
    (request,) = collector.requests
    assert (request.method, request.path, request.params) == ("POST", "/collect", {"token": "1"})
    assert "x-revaer-api-key" not in request.headers


def test_a_command_of_a_group_is_named_with_it(revaer: Revaer, collector: Collector) -> None:
    revaer("config", "get", "/engine_profile")
    revaer("torrent", "remove", "a" * 40)

    assert [report["command"] for report in collector.told] == ["config get", "torrent remove"]


def test_a_refusal_is_reported_by_its_title(revaer: Revaer, api: FakeApi, collector: Collector) -> None:
    api.next_answers.append(problem(409, "It conflicts with what is there", f"{PRIVATE} is here"))

    assert revaer("action", "a" * 40, "pause").code == 2

    (report,) = collector.told
    assert (report["outcome"], report["exit_code"]) == ("failure", 2)
    assert report["message"] == "It conflicts with what is there"


def test_every_call_of_a_command_carries_one_request_id(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    revaer("select", torrent["info_hash"][:6])
    revaer("ls")

    ids = [request.headers["x-request-id"] for request in api.requests]
    assert len(set(ids[:-1])) == 1
    assert ids[-1] != ids[0]


@pytest.mark.parametrize(
    ("arguments", "command", "code", "message"),
    [
        (["ls", f"--{PRIVATE}"], "ls", 2, "wrong usage"),
        (["config", "set", f"/a={PRIVATE}"], "config set", 2, "wrong usage"),
        (["status", PRIVATE], "status", 2, "the request was wrong: MalformedId"),
        (["status", "fade"], "status", 3, "the command failed: UnknownPrefix"),
        (["secrets", "set", "name", PRIVATE], "secrets set", 2, "wrong usage"),
        (["config", "get", f"/{PRIVATE}"], "config get", 3, "the command failed"),
        (["add", f"{PRIVATE}.torrent"], "add", 2, "wrong usage"),
    ],
)
def test_nothing_that_was_given_is_reported(
    revaer: Revaer, collector: Collector, arguments: list[str], command: str, code: int, message: str
) -> None:
    result = revaer(*arguments)

    (report,) = collector.told
    assert (result.code, report["exit_code"], report["command"], report["message"]) == (code, code, command, message)
    assert PRIVATE not in json.dumps(report)
    assert KEY not in json.dumps(report)


def test_a_daemon_that_is_away_is_reported_without_its_address(
    bare: Revaer, collector: Collector, free_url: str
) -> None:
    assert bare("--api-url", free_url, "ls").code == 3

    assert collector.told[0]["message"] == "the command failed: Unreachable"


def test_a_defect_is_reported_by_its_kind(
    revaer: Revaer, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_arguments: object) -> None:
        raise ZeroDivisionError(PRIVATE)

    monkeypatch.setattr("revaer.cli.listing.converse", defect)

    assert revaer("ls").code == 3
    assert collector.told[0]["message"] == "defect: ZeroDivisionError"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"], ["ls", "--help"], ["explode"], ["--colour"]])
def test_what_is_no_command_is_not_reported(bare: Revaer, collector: Collector, arguments: list[str]) -> None:
    bare(*arguments)

    assert collector.told == []


def test_an_interrupted_command_is_reported_and_ends_by_the_signal(api: FakeApi, collector: Collector) -> None:
    api.streams.append([event_frame("1-1", "completed"), api.HOLD])
    process = spawn(api, "tail", "--output", "json")
    assert process.stdout is not None

    with process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _out, complaints = process.communicate()

    assert (process.returncode, complaints) == (-signal.SIGINT, b"")
    (report,) = collector.told
    assert (report["command"], report["outcome"], report["exit_code"]) == ("tail", "interrupted", 130)
    assert "message" not in report


# When the endpoint does not work


@pytest.mark.parametrize("answer", [Answer(500), CUT, Answer(302, headers={"location": "http://127.0.0.1:1/"})])
def test_an_endpoint_that_refuses_disturbs_nothing(
    revaer: Revaer, api: FakeApi, collector: Collector, answer: Answer
) -> None:
    api.put("One")
    collector.next_answers.append(answer)

    result = revaer("ls")

    assert (result.code, result.err) == (0, "")
    assert "One" in result.out
    assert len(collector.requests) == 1


@pytest.mark.parametrize(
    "url", ["nonsense", "http://", "ftp://127.0.0.1/x", "http://[::1", "http://revaer.invalid/", "http://127.0.0.1:1/"]
)
def test_an_endpoint_that_is_none_disturbs_nothing(revaer: Revaer, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("REVAER_TELEMETRY_ENDPOINT", url)

    result = revaer("ls")

    assert (result.code, result.err) == (0, "No torrents.\n")


def test_an_empty_endpoint_is_none(revaer: Revaer, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVAER_TELEMETRY_ENDPOINT", " ")

    revaer("ls")

    assert collector.told == []


def test_a_silent_endpoint_is_given_up(revaer: Revaer, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is two seconds; the test has no time for that."""
    assert telemetry.LONGEST_SECONDS == 2.0
    monkeypatch.setattr(telemetry, "LONGEST_SECONDS", 0.5)
    collector.next_answers.append(SILENCE)

    result = revaer("ls")

    assert (result.code, result.err) == (0, "No torrents.\n")
    assert len(collector.requests) == 1


def test_ctrl_c_while_it_is_reported_leaves_the_command_done(revaer: Revaer, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("REVAER_TELEMETRY_ENDPOINT", "http://127.0.0.1:1/")
    monkeypatch.setattr("trio.move_on_after", interrupted)

    telemetry.report("http://127.0.0.1:1/", {})


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(
    revaer: Revaer, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    revaer("ls")

    assert len(collector.told) == 1


# The words


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, None),
        (Failure(PRIVATE), "the command failed"),
        (WrongRequest(PRIVATE), "the request was wrong"),
        (click.UsageError(PRIVATE), "wrong usage"),
        (caused(Failure(PRIVATE), Unreachable(PRIVATE, PRIVATE)), "the command failed: Unreachable"),
        (caused(Failure(PRIVATE), Problem(ProblemDocument("t", "Not found", 404, PRIVATE))), "Not found"),
        (caused(Failure(PRIVATE), Problem(ProblemDocument("t", "x" * 900, 404))), "x" * 200),
        (ZeroDivisionError(PRIVATE), "defect: ZeroDivisionError"),
    ],
)
def test_a_failure_in_words(error: Exception | None, words: str | None) -> None:
    assert telemetry.words_of(error) == words


def test_the_endpoint_shows_in_no_help(bare: Revaer) -> None:
    assert "telemetry" not in bare("--help").out
