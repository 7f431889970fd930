"""Which daemon a command finds, with which key, and what it says when there is none."""

import json
from pathlib import Path

import pytest

from revaer.cli.settings import Settings
from revaer.cli.target import DEFAULT_URL, find_target
from tests.cli.conftest import Revaer
from tests.support.fake_api import KEY, SILENCE, Answer, FakeApi, problem


def write_credentials(path: Path, url: str, *, mode: int = 0o600) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"api_url": url, "api_key": KEY}))
    path.chmod(mode)


def write_runtime(directory: Path, url: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "runtime.json").write_text(json.dumps({"pid": 4_000_000, "url": url, "epoch": 1}))


def test_a_local_daemon_is_found_by_what_it_announced(bare: Revaer, api: FakeApi, environment: Path) -> None:
    write_runtime(environment, api.url)
    write_credentials(environment / "credentials.json", "http://127.0.0.1:1")

    assert bare("ls").code == 0


def test_the_data_directory_may_be_named(
    bare: Revaer, api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_credentials(tmp_path / "node" / "credentials.json", api.url)

    assert bare("ls", "--data-dir", "node").code == 0
    monkeypatch.setenv("REVAER_DATA_DIR", "node")
    assert bare("ls").code == 0


def test_the_credentials_file_may_be_named(
    bare: Revaer, api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_credentials(tmp_path / "key.json", api.url)
    monkeypatch.setenv("REVAER_CREDENTIALS", "key.json")

    assert bare("ls").code == 0


def test_url_and_key_may_come_from_the_environment(bare: Revaer, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVAER_API_URL", api.url)
    monkeypatch.setenv("REVAER_API_KEY", f"{KEY}\n")

    assert bare("ls").code == 0


def test_an_option_after_the_command_wins(bare: Revaer, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVAER_API_KEY", "from:environment")

    result = bare("--api-url", "http://127.0.0.1:1", "ls", "--api-url", api.url, "--api-key", KEY)

    assert result.code == 0


def test_without_anything_the_default_is_tried() -> None:
    target = find_target(Settings())

    assert (target.url, target.api_key) == (DEFAULT_URL, None)


def test_a_damaged_announcement_is_as_good_as_none(environment: Path) -> None:
    environment.mkdir(parents=True)
    for content in ("", "[]", "{}", '{"url": 7}', "\ufffd"):
        (environment / "runtime.json").write_text(content)
        assert find_target(Settings()).url == DEFAULT_URL


# Where the key goes


def test_the_local_key_goes_to_this_machine_whatever_the_port(environment: Path) -> None:
    write_credentials(environment / "credentials.json", "http://127.0.0.1:1")

    for url in ("http://127.0.0.1:2", "http://localhost:3", "http://[::1]:4"):
        assert find_target(Settings(api_url=url)).api_key == KEY


def test_the_local_key_goes_to_the_address_it_was_made_for(environment: Path) -> None:
    write_credentials(environment / "credentials.json", "http://node.example:7070")

    assert find_target(Settings()).api_key == KEY
    assert find_target(Settings(api_url="http://node.example:7070/")).api_key == KEY


def test_the_local_key_goes_where_the_local_daemon_says(environment: Path) -> None:
    write_runtime(environment, "http://node.example:7070")
    write_credentials(environment / "credentials.json", "http://127.0.0.1:7070")

    assert find_target(Settings()).api_key == KEY


def test_the_local_key_goes_nowhere_else(environment: Path) -> None:
    write_credentials(environment / "credentials.json", "http://127.0.0.1:7070")

    target = find_target(Settings(api_url="http://elsewhere.example:7070"))

    assert target.api_key is None
    assert target.key_withheld


# When it does not work


def test_no_daemon_says_how_to_start_one(bare: Revaer, environment: Path, free_url: str) -> None:
    write_runtime(environment, free_url)

    result = bare("ls")

    assert result.code == 3
    assert result.err.splitlines() == [
        "error: no daemon is running",
        f"  The daemon that announced {free_url} (process 4000000) is gone.",
        "  Start one:        revaer serve",
        "  Or name another:  --api-url URL",
    ]


def test_no_daemon_on_a_named_directory_says_how_to_start_it_there(bare: Revaer, tmp_path: Path, free_url: str) -> None:
    write_credentials(tmp_path / "node" / "credentials.json", free_url)

    result = bare("ls", "--data-dir", "node")

    assert f"  Nothing listens at {free_url} (as written in {tmp_path / 'node' / 'credentials.json'})." in result.err
    assert "revaer --data-dir node serve" in result.err


def test_nobody_at_a_named_address_is_told_without_advice(bare: Revaer, free_url: str) -> None:
    result = bare("--api-url", free_url, "--api-key", KEY, "ls")

    assert result.code == 3
    assert result.err.splitlines()[:2] == [f"error: no answer from {free_url}", "  nothing listens there"]


def test_silence_says_how_to_wait_longer(bare: Revaer, api: FakeApi) -> None:
    api.next_answers.append(SILENCE)

    result = bare("--api-url", api.url, "--timeout", "0.5", "ls")

    assert result.code == 3
    assert "no answer within 0.5 s" in result.err
    assert "give it longer with --timeout SECONDS" in result.err


def test_a_missing_key_says_where_to_get_one(bare: Revaer, api: FakeApi, environment: Path) -> None:
    result = bare("--api-url", api.url, "ls")

    assert result.code == 3
    assert f"No key was sent: there is no credentials file under {environment}." in result.err
    assert "--api-key (or REVAER_API_KEY)" in result.err


def test_a_wrong_key_ends_with_three(bare: Revaer, api: FakeApi) -> None:
    result = bare("--api-url", api.url, "--api-key", "wrong:key", "ls")

    assert result.code == 3
    assert result.err.splitlines() == ["error: Unauthorized", "  this key is not known", "  request id: req-401"]


def test_a_credentials_file_that_others_may_read_is_refused(bare: Revaer, environment: Path) -> None:
    write_credentials(environment / "credentials.json", "http://127.0.0.1:1", mode=0o644)

    result = bare("ls")

    assert result.code == 3
    assert f"Run: chmod 600 {environment / 'credentials.json'}" in result.err


def test_a_damaged_credentials_file_is_named(bare: Revaer, environment: Path) -> None:
    write_credentials(environment / "credentials.json", "x")
    (environment / "credentials.json").write_text("{")

    result = bare("ls")

    assert result.code == 3
    assert str(environment / "credentials.json") in result.err


@pytest.mark.parametrize("url", ["7070", "ftp://localhost", "http://user:pass@localhost"])
def test_an_unusable_address_ends_with_two(bare: Revaer, url: str) -> None:
    assert bare("--api-url", url, "ls").code == 2


def test_an_impossible_key_ends_with_two(bare: Revaer, api: FakeApi) -> None:
    assert bare("--api-url", api.url, "--api-key", "schlüssel", "ls").code == 2


def test_another_server_is_told_apart(bare: Revaer, api: FakeApi) -> None:
    api.next_answers.append(Answer(200, "<html>It works!</html>", "text/html"))

    result = bare("--api-url", api.url, "ls")

    assert result.code == 3
    assert result.err.splitlines()[0] == "error: the answer makes no sense"
    assert "Is this the address of a revaer daemon" in result.err


def test_one_request_id_goes_through_the_invocation(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    revaer("select", torrent["info_hash"][:6])
    revaer("ls")

    ids = [request.headers["x-request-id"] for request in api.requests]
    assert len(ids) == 4
    assert len(set(ids[:3])) == 1
    assert ids[3] != ids[0]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *[(status, 2) for status in (400, 409, 412, 413, 415, 422)],
        *[(status, 3) for status in (401, 403, 404, 405, 429, 500, 502, 503)],
    ],
)
def test_every_status_has_its_exit_code(revaer: Revaer, api: FakeApi, status: int, code: int) -> None:
    api.next_answers.append(problem(status, "Refused"))

    assert revaer("ls").code == code


def test_a_limit_says_when_to_try_again(revaer: Revaer, api: FakeApi) -> None:
    api.next_answers.append(Answer(429, {"title": "Too many requests"}, headers={"retry-after": "12"}))

    result = revaer("ls")

    assert result.code == 3
    assert "  Try again in 12 s.\n" in result.err


def test_what_the_daemon_says_cannot_steer_the_terminal(revaer: Revaer, api: FakeApi) -> None:
    api.next_answers.append(problem(422, "Bad\x1b[2J", "\x1b]0;title\x07", instance="\x1b"))

    result = revaer("ls")

    assert "\x1b" not in result.err
    assert "\x07" not in result.err
