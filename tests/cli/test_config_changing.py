"""`revaer config set`, `validate` and `rollback`, and the old name `settings patch`."""

import json
from pathlib import Path

import pytest

from revaer.config.masking import MASK
from tests.cli.conftest import Revaer
from tests.support.fake_api import Answer, problem
from tests.support.fake_node import FakeNode


def test_assignments_become_one_revision(revaer: Revaer, api: FakeNode) -> None:
    result = revaer(
        *["config", "set", "/engine_profile/listen_port=7000", '/app_profile/instance_name="a=b"'],
        *["/engine_profile/tracker/extra=[]", "/engine_profile/max_download_bps=null"],
    )

    assert (result.code, result.out, result.err) == (0, "revision 8 is in force\n", "")
    assert api.requests[0].headers["content-type"] == "application/merge-patch+json"
    assert api.requests[0].body == {
        "engine_profile": {"listen_port": 7000, "tracker": {"extra": []}, "max_download_bps": None},
        "app_profile": {"instance_name": "a=b"},
    }


def test_a_patch_comes_from_a_file(revaer: Revaer, api: FakeNode) -> None:
    Path("patch.json").write_text('{"engine_profile": {"dht": false}}')

    assert revaer("config", "set", "--file", "patch.json").code == 0
    assert api.requests[0].body == {"engine_profile": {"dht": False}}


@pytest.mark.parametrize("command", [["config", "set"], ["settings", "patch"]])
def test_a_patch_comes_from_standard_input(revaer: Revaer, api: FakeNode, command: list[str]) -> None:
    result = revaer(*command, "--file", "-", stdin=b'{"engine_profile": {"dht": false}}')

    assert (result.code, result.out) == (0, "revision 8 is in force\n")
    assert api.documents["engine_profile"]["dht"] is False


def test_the_answer_to_a_change_as_json_is_the_snapshot(revaer: Revaer, api: FakeNode) -> None:
    result = revaer("config", "set", "/engine_profile/dht=false", "--output", "json")

    assert json.loads(result.out) == api.snapshot() | {"rebind": False}


@pytest.mark.parametrize(
    ("listener", "words"),
    [
        ({"url": "http://127.0.0.1:7171"}, "The API listens at http://127.0.0.1:7171 now.\n"),
        (
            {"url": "http://127.0.0.1:7070", "problem": "Port 7171 is taken."},
            "The API's listener could not move: Port 7171 is taken. It listens at http://127.0.0.1:7070.\n",
        ),
        ({"problem": "taken"}, "The API's listener could not move: taken. It listens nowhere.\n"),
        (None, "The API's listener moves to its new address.\n"),
        ({"url": "\x1b[2J"}, "The API listens at \\x1b[2J now.\n"),
    ],
)
def test_a_moving_listener_is_told_beside_the_output(
    revaer: Revaer, api: FakeNode, listener: dict[str, str] | None, words: str
) -> None:
    api.listener = listener

    result = revaer("config", "set", "/app_profile/http_port=7171")

    assert (result.code, result.out, result.err) == (0, "revision 8 is in force\n", words)


def test_a_change_for_an_older_revision_says_what_to_do(revaer: Revaer, api: FakeNode) -> None:
    result = revaer("config", "set", "/engine_profile/dht=false", "--if-match", "6")

    assert result.code == 2
    assert result.err.splitlines()[:3] == [
        "error: Precondition failed",
        "  the configuration is at revision 7",
        "  Look at what changed (`revaer config history --changes`), then repeat it with --if-match 7.",
    ]
    assert api.revision == 7
    assert revaer("config", "set", "/engine_profile/dht=false", "--if-match", "7").code == 0


def test_a_stale_revision_without_its_number_is_told_all_the_same(revaer: Revaer, api: FakeNode) -> None:
    api.next_answers.append(problem(412, "Precondition failed", context={"current": "?"}))

    assert revaer("config", "set", "/engine_profile/dht=false", "--if-match", "6").code == 2


def test_every_wrong_field_is_shown_with_its_pointer(revaer: Revaer, api: FakeNode) -> None:
    result = revaer("config", "set", "/engine_profile/dhd=true", "/app_profile/colour=1", "/colours/red=1")

    assert result.code == 2
    assert result.err.splitlines()[:5] == [
        "error: Config invalid",
        "  nothing was changed",
        "  /engine_profile/dhd: is no field here",
        "  /app_profile/colour: is no field here",
        "  /colours: is no document",
    ]
    assert api.revision == 7


def test_a_dry_run_shows_the_change_and_does_not_make_it(revaer: Revaer, api: FakeNode) -> None:
    result = revaer("config", "set", "/app_profile/http_port=7171", "/engine_profile/dht=false", "--dry-run")

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "POINTER                 BEFORE  AFTER\n"
        "/app_profile/http_port  7070    7171\n"
        "/engine_profile/dht     true    false\n"
        "applied by: api, session\n"
        "the API's listener moves\n"
    )
    assert api.revision == 7
    assert revaer("config", "validate", "/app_profile/http_port=7171", "/engine_profile/dht=false").out == result.out


def test_everything_a_change_reaches_is_told(revaer: Revaer, api: FakeNode) -> None:
    change = {"pointer": "/engine_profile/disk_io", "before": "pread", "after": "mmap"}
    impact = {"rebind": False, "restart": ["/engine_profile/disk_io"], "consumers": [], "torrents": 3}
    api.next_answers.append(Answer(200, {"valid": True, "changes": [change], "impact": impact}))

    assert revaer("config", "validate", '/engine_profile/disk_io="mmap"').out == (
        "POINTER                  BEFORE   AFTER\n"
        '/engine_profile/disk_io  "pread"  "mmap"\n'
        "torrents touched: 3\n"
        "from the next start only: /engine_profile/disk_io\n"
    )


def test_a_change_that_changes_nothing_is_said_beside_the_output(revaer: Revaer) -> None:
    result = revaer("config", "validate", "/engine_profile/dht=true")

    assert (result.code, result.out, result.err) == (0, "", "Nothing would change.\n")


def test_a_trial_as_json_is_the_answer(revaer: Revaer) -> None:
    answer = json.loads(revaer("config", "validate", "/engine_profile/dht=false", "--output", "json").out)

    assert answer["valid"] is True
    assert answer["changes"] == [{"pointer": "/engine_profile/dht", "before": True, "after": False}]


def test_a_trial_of_something_wrong_ends_with_two(revaer: Revaer) -> None:
    result = revaer("config", "validate", "/engine_profile/dhd=true")

    assert result.code == 2
    assert "  /engine_profile/dhd: is no field here\n" in result.err


# Wrong use


@pytest.mark.parametrize("command", ["set", "validate"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give either POINTER=VALUE, once or more, or --file"),
        (["/a/b=1", "--file", "x"], "give either POINTER=VALUE, once or more, or --file"),
        (["/engine_profile/dht"], "should be POINTER=VALUE"),
        (["=1"], "should be POINTER=VALUE"),
        (["/=1"], "should be POINTER=VALUE"),
        (["engine_profile=1"], "should be POINTER=VALUE"),
        (["/app_profile/instance_name=den"], "/app_profile/instance_name: the value is no JSON"),
        (["/a/b="], "the value is no JSON"),
        (["/a/b=NaN"], "the value NaN is no number"),
        (["/a/b=1e999"], "the value is a number too large"),
        (['/a/b={"x": 1, "x": 2}'], "the value is there twice"),
        (["/a/b=\udcff"], "the value is not UTF-8"),
        (["/a/b=1", "/a/b=2"], "/a/b and /a/b concern the same place"),
        (["/a/b=1", "/a={}"], "/a and /a/b concern the same place"),
        (["--file", "missing.json"], "missing.json: cannot be read"),
        (["--file", "."], ".: cannot be read"),
    ],
)
def test_wrong_use_ends_with_two_before_anything_is_sent(
    revaer: Revaer, api: FakeNode, command: str, arguments: list[str], words: str
) -> None:
    result = revaer("config", command, *arguments)

    assert result.code == 2
    assert words in result.err
    assert api.requests == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "/: is no JSON: Expecting value at line 1, column 1"),
        (b'{"a": 1, "a": 2}', "/a: is there twice"),
        (b'{"a": {"b": Infinity}}', "/a/b: Infinity is no number"),
        (b"[]", "/: must be a JSON object"),
        (b"\xff", "/: is not UTF-8 at byte 0"),
        (b"[" * 100, "/: is no JSON"),
    ],
)
def test_a_file_that_two_readers_could_read_differently_is_not_sent(
    revaer: Revaer, api: FakeNode, content: bytes, line: str
) -> None:
    result = revaer("config", "set", "--file", "-", stdin=content)

    assert result.code == 2
    assert result.err.startswith(f"error: standard input cannot be accepted\n  {line}")
    assert api.requests == []


@pytest.mark.parametrize("assignment", ["/secrets/proxy=hunter2", '/secrets={"proxy": "hunter2"}', "/secrets/proxy"])
def test_a_secret_on_the_command_line_is_refused_and_not_repeated(
    revaer: Revaer, api: FakeNode, assignment: str
) -> None:
    result = revaer("config", "set", assignment)

    assert result.code == 2
    assert "`revaer secrets set NAME`" in result.err
    assert "hunter2" not in result.err
    assert api.requests == []


def test_a_value_is_not_repeated_when_it_is_wrong(revaer: Revaer) -> None:
    assert "hunter2" not in revaer("config", "set", "/engine_profile/tracker/proxy/password=hunter2").err


@pytest.mark.parametrize(
    "arguments",
    [["set", "/a/b=1", "--dry-run", "--if-match", "7"], ["rollback", "7", "--dry-run", "--if-match", "7"]],
)
def test_a_dry_run_needs_no_guard(revaer: Revaer, api: FakeNode, arguments: list[str]) -> None:
    result = revaer("config", *arguments)

    assert result.code == 2
    assert "--if-match guards a change" in result.err
    assert api.requests == []


# rollback


def test_going_back_is_a_new_revision(revaer: Revaer, api: FakeNode) -> None:
    api.patch({"engine_profile": {"dht": False}})

    result = revaer("config", "rollback", "7", "--if-match", "8")

    assert (result.code, result.out) == (0, "revision 9 is in force\n")
    assert api.documents["engine_profile"]["dht"] is True
    assert json.loads(revaer("config", "rollback", "8", "--output", "json").out)["revision"] == 10


def test_a_rollback_for_an_older_revision_is_refused(revaer: Revaer, api: FakeNode) -> None:
    api.patch({"engine_profile": {"dht": False}})

    assert revaer("config", "rollback", "7", "--if-match", "7").code == 2
    assert api.revision == 8


def test_going_back_to_nowhere_ends_with_three(revaer: Revaer) -> None:
    result = revaer("config", "rollback", "99")

    assert result.code == 3
    assert "there is no revision 99" in result.err


@pytest.mark.parametrize("revision", ["0", "-1", "x", "1.5"])
def test_what_is_no_revision_ends_with_two(revaer: Revaer, api: FakeNode, revision: str) -> None:
    assert revaer("config", "rollback", "--", revision).code == 2
    assert api.requests == []


def test_a_dry_rollback_shows_what_would_differ(revaer: Revaer, api: FakeNode) -> None:
    api.patch({"engine_profile": {"dht": False}})
    api.patch({"label_policies": {"tags": {"tv": {"queue_position": 1}}}})
    api.patch({"engine_profile": {"dht": True, "listen_port": 7000}})

    result = revaer("config", "rollback", "8", "--dry-run")

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "POINTER                      BEFORE                 AFTER\n"
        "/engine_profile/listen_port  7000                   6881\n"
        "/engine_profile/dht          true                   false\n"
        '/label_policies/tags/tv      {"queue_position": 1}  null\n'
        "applied by: api, session\n"
    )
    assert api.revision == 10


def test_a_dry_rollback_to_the_present_changes_nothing(revaer: Revaer, api: FakeNode) -> None:
    api.patch({"engine_profile": {"dht": False}})

    result = revaer("config", "rollback", "8", "--dry-run")

    assert (result.code, result.out, result.err) == (0, "", "Nothing would change.\n")


@pytest.mark.parametrize("revision", ["5", "99"])
def test_a_dry_rollback_to_nowhere_ends_with_three(revaer: Revaer, api: FakeNode, revision: str) -> None:
    api.patch({"engine_profile": {"dht": False}})

    result = revaer("config", "rollback", revision, "--dry-run")

    assert result.code == 3
    assert f"there is no revision {revision}" in result.err


def test_a_dry_rollback_names_what_the_history_masks(revaer: Revaer, api: FakeNode) -> None:
    api.patch({"engine_profile": {"dht": False}})
    api.patch({"engine_profile": {"tracker": {"extra": ["http://b"]}, "listen_port": 7000}})
    api.history[0]["changes"][1]["before"] = [f"http://{MASK}@a"]
    assert api.history[0]["changes"][1]["pointer"] == "/engine_profile/tracker/extra"

    result = revaer("config", "rollback", "8", "--dry-run")

    assert result.code == 0
    assert result.err == "Not shown, because the history masks it: /engine_profile/tracker/extra\n"
    assert MASK not in str(api.requests[-1].body)
