"""`revaer setup`, `setup start`, `setup complete` and `factory-reset`."""

import json
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Revaer
from tests.cli.test_target import write_credentials, write_runtime
from tests.support.fake_api import CUT, KEY, SILENCE, Answer, problem
from tests.support.fake_node import ADMIN_KEY, TOKEN, FakeNode

HUSH = ("clear-admin-secret", TOKEN)


@pytest.fixture
def fresh(api: FakeNode, environment: Path) -> FakeNode:
    """A daemon that waits for its setup, announced in the data directory."""
    api.mode = "setup"
    write_runtime(environment, api.url)
    return api


def test_one_command_sets_a_node_up(bare: Revaer, fresh: FakeNode, environment: Path) -> None:
    result = bare("setup")

    path = environment / "credentials.json"
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"The node is set up: revision 8.\nIts admin key rk_admin is in {path}, valid until 2024-07-31 12:00:00 UTC.\n"
    )
    assert json.loads(path.read_bytes()) == {"api_url": fresh.url, "api_key": ADMIN_KEY}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(file.name for file in environment.iterdir()) == ["credentials.json", "runtime.json"]
    assert fresh.mode == "active"


def test_both_steps_carry_one_request_id_and_no_key(
    bare: Revaer, fresh: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVAER_API_KEY", KEY)

    assert bare("setup").code == 0

    start, complete = fresh.requests
    assert start.headers["x-request-id"] == complete.headers["x-request-id"]
    assert start.body["issued_by"].startswith("revaer setup, user ")
    assert complete.body == {}
    assert all("x-revaer-api-key" not in request.headers for request in fresh.requests)


def test_the_answer_as_json_has_no_key(bare: Revaer, fresh: FakeNode, environment: Path) -> None:
    result = bare("setup", "--output", "json")

    assert json.loads(result.out) == {
        "snapshot": fresh.snapshot(),
        "api_key_id": "rk_admin",
        "api_key_expires_at": "2024-07-31T12:00:00Z",
        "credentials": str(environment / "credentials.json"),
    }
    assert not any(word in result.out for word in HUSH)


def test_a_changeset_comes_from_a_file(bare: Revaer, fresh: FakeNode) -> None:
    result = bare("setup", "--file", "-", stdin=b'{"app_profile": {"instance_name": "den"}, "secrets": {"a": "b"}}')

    assert result.code == 0
    assert fresh.documents["app_profile"]["instance_name"] == "den"
    assert fresh.secrets == {"a": "b"}


def test_a_wrong_changeset_is_shown_with_its_pointers_and_leaves_no_file(
    bare: Revaer, fresh: FakeNode, environment: Path
) -> None:
    result = bare("setup", "--file", "-", stdin=b'{"app_profile": {"colour": "red"}}')

    assert result.code == 2
    assert "  /app_profile/colour: is no field here\n" in result.err
    assert [file.name for file in environment.iterdir()] == ["runtime.json"]


def test_the_key_of_an_earlier_setup_is_replaced(bare: Revaer, fresh: FakeNode, environment: Path) -> None:
    write_credentials(environment / "credentials.json", "http://127.0.0.1:1")

    assert bare("setup").code == 0
    assert json.loads((environment / "credentials.json").read_bytes())["api_key"] == ADMIN_KEY


def test_the_key_works_at_once(bare: Revaer, fresh: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.fake_node.KEY", ADMIN_KEY)

    assert bare("setup").code == 0
    assert bare("config", "get", "/app_profile/mode").out == "active\n"


def test_a_key_without_end_is_told(bare: Revaer, fresh: FakeNode) -> None:
    token = {"token": TOKEN, "expires_at": "2024-05-02T12:15:00Z"}
    done = {"snapshot": fresh.snapshot(), "api_key": ADMIN_KEY, "api_key_expires_at": None}
    fresh.next_answers += [Answer(201, token), Answer(200, done)]

    assert bare("setup").out.endswith("valid without end.\n")


@pytest.mark.parametrize(
    ("listener", "kept"),
    [({"url": "http://127.0.0.1:7171"}, "new"), ({"url": "http://127.0.0.1:7171", "problem": "taken"}, "old")],
)
def test_a_listener_that_moves_with_the_setup_is_followed(
    bare: Revaer, fresh: FakeNode, environment: Path, listener: dict[str, str], kept: str
) -> None:
    token = {"token": TOKEN, "expires_at": "2024-05-02T12:15:00Z"}
    snapshot = fresh.snapshot() | {"rebind": True, "listener": listener}
    done = {"snapshot": snapshot, "api_key": ADMIN_KEY, "api_key_expires_at": None}
    fresh.next_answers += [Answer(201, token), Answer(200, done)]

    result = bare("setup")

    assert (result.code, "http://127.0.0.1:7171" in result.err) == (0, True)
    url = {"new": "http://127.0.0.1:7171", "old": fresh.url}[kept]
    assert json.loads((environment / "credentials.json").read_bytes())["api_url"] == url


def test_a_setup_waits_longer_than_other_commands(
    bare: Revaer, fresh: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes a key and hashes it, which takes a while."""
    monkeypatch.setattr("revaer.cli.setup.PATIENCE", 0.07)
    fresh.next_answers.append(SILENCE)

    assert "no answer within 0.07 s" in bare("--timeout", "0.01", "setup").err


# When it does not work


def test_without_a_daemon_nothing_is_tried(bare: Revaer, environment: Path) -> None:
    write_credentials(environment / "credentials.json", "http://127.0.0.1:1")

    for command in (["setup"], ["setup", "start"]):
        result = bare(*command)
        assert result.code == 3
        assert result.err.splitlines() == [
            "error: no daemon is running",
            f"  None has announced itself in {environment / 'runtime.json'}.",
            "  Start one:                   revaer serve",
            "  Or name its data directory:  --data-dir DIR",
        ]


def test_a_daemon_that_is_gone_is_told(bare: Revaer, environment: Path, free_url: str) -> None:
    write_runtime(environment, free_url)

    result = bare("setup")

    assert result.code == 3
    assert f"  The daemon that announced {free_url} (process 4000000) is gone.\n" in result.err


def test_a_node_that_is_set_up_is_told_with_where_its_key_is(bare: Revaer, fresh: FakeNode, environment: Path) -> None:
    assert bare("setup").code == 0

    result = bare("setup")

    assert result.code == 2
    assert result.err.splitlines()[:3] == [
        "error: Conflict",
        "  the setup has been completed already",
        f"  This node's key should be in {environment / 'credentials.json'}.",
    ]
    assert json.loads((environment / "credentials.json").read_bytes())["api_key"] == ADMIN_KEY


def test_a_node_that_somebody_else_set_up_is_told(bare: Revaer, fresh: FakeNode) -> None:
    fresh.mode = "active"

    result = bare("setup")

    assert result.code == 2
    assert "This node's key" not in result.err


def test_a_directory_that_cannot_hold_the_key_is_told_before_anything_is_sent(
    bare: Revaer, fresh: FakeNode, tmp_path: Path
) -> None:
    result = bare("--credentials", "missing/key.json", "setup")

    assert result.code == 3
    assert result.err.splitlines() == [
        "error: the key could not be stored, so none was asked for",
        f"  {tmp_path / 'missing/key.json'}: No such file or directory",
    ]
    assert fresh.requests == []
    assert fresh.mode == "setup"


def test_the_key_of_another_daemon_is_not_replaced(bare: Revaer, fresh: FakeNode, tmp_path: Path) -> None:
    write_credentials(tmp_path / "remote.json", "http://node.example:7070")

    result = bare("--credentials", "remote.json", "setup")

    assert result.code == 2
    assert result.err.splitlines()[:2] == [
        f"error: {tmp_path / 'remote.json'} holds the key of another daemon",
        "  It is for http://node.example:7070.",
    ]
    assert json.loads((tmp_path / "remote.json").read_bytes())["api_key"] == KEY
    assert fresh.requests == []


def test_a_credentials_file_with_a_damaged_address_is_not_replaced(
    bare: Revaer, fresh: FakeNode, environment: Path
) -> None:
    write_credentials(environment / "credentials.json", "7070")

    assert bare("setup").code == 2
    assert fresh.requests == []


def test_a_lost_answer_says_what_may_have_happened(bare: Revaer, fresh: FakeNode, environment: Path) -> None:
    token = {"token": TOKEN, "expires_at": "2024-05-02T12:15:00Z"}
    fresh.next_answers += [Answer(201, token), CUT]

    result = bare("setup")

    assert result.code == 3
    assert result.err.startswith("error: the setup was asked for, but no answer came\n")
    assert f"If it is complete, its key is in {environment / 'credentials.json'}" in result.err
    assert not any(word in result.err for word in HUSH)
    kept = json.loads((environment / "credentials.json").read_bytes())
    assert kept["api_key"] == fresh.requests[-1].headers["x-revaer-admin-key"]
    assert kept["api_key"] not in result.out + result.err


def test_another_server_gets_no_token(bare: Revaer, fresh: FakeNode) -> None:
    fresh.next_answers.append(Answer(200, "<html>It works!</html>", "text/html"))

    assert bare("setup").code == 3
    assert len(fresh.requests) == 1


def test_an_answer_without_a_key_is_told(bare: Revaer, fresh: FakeNode, environment: Path) -> None:
    token = {"token": TOKEN, "expires_at": "2024-05-02T12:15:00Z"}
    fresh.next_answers += [Answer(201, token), Answer(200, {"snapshot": fresh.snapshot()})]

    result = bare("setup")

    assert result.code == 3
    assert "`api_key` should be text" in result.err
    assert [file.name for file in environment.iterdir()] == ["runtime.json"]


def test_a_caller_from_elsewhere_is_refused_by_the_daemon(bare: Revaer, fresh: FakeNode) -> None:
    fresh.next_answers.append(problem(403, "Forbidden", "a setup is started on the node itself only"))

    result = bare("setup", "start")

    assert result.code == 3
    assert "a setup is started on the node itself only" in result.err


# start and complete


def test_a_token_is_the_only_output_of_start(bare: Revaer, fresh: FakeNode) -> None:
    result = bare("setup", "start", "--ttl", "15m", "--issued-by", "me")

    assert (result.code, result.out) == (0, f"{TOKEN}\n")
    assert result.err == "It is valid until 2024-05-02 12:15:00 UTC, for: revaer setup complete\n"
    assert fresh.requests[0].body == {"issued_by": "me", "ttl_seconds": 900}


def test_a_token_as_json_has_its_end(bare: Revaer, fresh: FakeNode) -> None:
    result = bare("setup", "start", "--output", "json")

    assert json.loads(result.out) == {"token": TOKEN, "expires_at": "2024-05-02T12:15:00Z"}


def test_a_token_from_standard_input_completes_the_setup(bare: Revaer, fresh: FakeNode, environment: Path) -> None:
    token = bare("setup", "start").out
    Path("changes.json").write_text('{"app_profile": {"instance_name": "den"}}')

    result = bare("setup", "complete", "--file", "changes.json", stdin=token.encode())

    assert result.code == 0
    assert fresh.documents["app_profile"]["instance_name"] == "den"
    assert json.loads((environment / "credentials.json").read_bytes())["api_key"] == ADMIN_KEY
    assert not any(word in result.out + result.err for word in HUSH)


def test_a_wrong_token_ends_with_three_without_advice_about_keys(bare: Revaer, fresh: FakeNode) -> None:
    bare("setup", "start")

    result = bare("setup", "complete", stdin=b"wrong")

    assert result.code == 3
    assert result.err.splitlines()[:2] == ["error: Unauthorized", "  the setup token is not valid"]
    assert "key" not in result.err


def test_too_many_attempts_say_when_to_try_again(bare: Revaer, fresh: FakeNode) -> None:
    fresh.next_answers.append(Answer(429, {"title": "Rate limited"}, headers={"retry-after": "30"}))

    result = bare("setup", "complete", stdin=b"wrong")

    assert result.code == 3
    assert "  Try again in 30 s.\n" in result.err


@pytest.mark.parametrize("stdin", [b"", b"\n", b"\xff", b"x" * 70_000, b"a\nb", "schlüssel".encode()])
def test_what_cannot_be_a_token_is_not_sent(bare: Revaer, fresh: FakeNode, stdin: bytes) -> None:
    assert bare("setup", "complete", stdin=stdin).code == 2
    assert fresh.requests == []


def test_a_token_on_the_command_line_is_refused_and_not_repeated(bare: Revaer, fresh: FakeNode) -> None:
    result = bare("setup", "complete", TOKEN, stdin=TOKEN.encode())

    assert result.code == 2
    assert "comes from standard input" in result.err
    assert TOKEN not in result.err
    assert fresh.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--file", "x.json", "start"],
        ["--file", "missing.json"],
        ["complete", "--file", "-"],
        ["start", "--ttl", "soon"],
        ["start", "extra"],
        ["explode"],
    ],
)
def test_wrong_use_ends_with_two(bare: Revaer, fresh: FakeNode, arguments: list[str]) -> None:
    assert bare("setup", *arguments, stdin=b"token").code == 2
    assert fresh.requests == []


def test_a_key_for_another_machine_needs_a_place(bare: Revaer) -> None:
    result = bare("--api-url", "http://node.example:7070", "setup", "complete", stdin=b"token")

    assert result.code == 2
    assert "say with --credentials where its key shall go" in result.err


def test_an_unusable_address_ends_with_two(bare: Revaer) -> None:
    assert bare("--api-url", "7070", "setup").code == 2
    assert bare("--api-url", "7070", "setup", "start").code == 2


def test_a_named_daemon_of_this_machine_needs_no_announcement(bare: Revaer, fresh: FakeNode, environment: Path) -> None:
    (environment / "runtime.json").unlink()

    assert bare("--api-url", fresh.url, "setup").code == 0
    assert json.loads((environment / "credentials.json").read_bytes())["api_url"] == fresh.url


# factory-reset


def test_a_reset_takes_the_node_back_to_its_setup(revaer: Revaer, api: FakeNode) -> None:
    result = revaer("factory-reset", "--confirm")

    assert (result.code, result.out) == (0, "The node is back at its setup: revision 8.\n")
    assert result.err == "Set it up again on the node: revaer setup\n"
    assert api.requests[0].body == {"confirm": "factory reset"}
    assert api.mode == "setup"


def test_a_reset_without_confirmation_is_not_sent(revaer: Revaer, api: FakeNode) -> None:
    result = revaer("factory-reset")

    assert result.code == 2
    assert "every key and every secret" in result.err
    assert api.requests == []


def test_a_reset_as_json_is_the_snapshot(revaer: Revaer, api: FakeNode) -> None:
    assert json.loads(revaer("factory-reset", "--confirm", "--output", "json").out) == api.snapshot()


def test_a_node_before_its_setup_says_how_to_set_it_up(revaer: Revaer, api: FakeNode) -> None:
    api.mode = "setup"

    for command in (["ls"], ["config", "get"], ["keys", "ls"]):
        result = revaer(*command)
        assert result.code == 2
        assert "  Complete the setup on the node: revaer setup\n" in result.err
