"""`revaer completion`, and what a shell gets proposed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.shell_completion import ShellComplete

from revaer.cli import completing
from revaer.cli.commands import COMMANDS
from revaer.cli.main import cli
from revaer.cli.settings import Settings
from tests.cli.conftest import Revaer
from tests.support.fake_api import CUT, KEY, SILENCE, Answer, FakeApi, problem
from tests.support.fake_node import FakeNode

Propose: TypeAlias = Callable[[str], list[str]]


def proposals(line: str, settings: Settings | None = None) -> list[str]:
    """What is proposed for the last word of a line; `:` before what a zsh shows beside it."""
    words = line.split(" ")
    complete = ShellComplete(cli, {"obj": settings or Settings()}, "revaer", "_REVAER_COMPLETE")
    return [item.value for item in complete.get_completions(words[1:-1], words[-1])]


@pytest.fixture
def propose(api: FakeApi) -> Propose:
    """Complete lines against the fake daemon."""
    return lambda line: proposals(line, Settings(api_url=api.url, api_key=KEY))


# The script


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell(bare: Revaer, shell: str) -> None:
    result = bare("completion", shell)

    assert result.code == 0
    assert f"_REVAER_COMPLETE={shell}_complete" in result.out
    assert json.loads(bare("completion", shell, "--output", "json").out) == {
        "shell": shell,
        "script": result.out.removesuffix("\n"),
    }


def test_the_help_says_where_the_script_goes(bare: Revaer) -> None:
    text = bare("completion", "--help").out

    for words in ('eval "$(revaer completion bash)"', "~/.config/fish/completions/revaer.fish", "${fpath[1]}/_revaer"):
        assert words in text


@pytest.mark.parametrize("arguments", [[], ["tcsh"], ["bash", "zsh"]])
def test_wrong_use_ends_with_two(bare: Revaer, arguments: list[str]) -> None:
    assert bare("completion", *arguments).code == 2


def test_bash_completes_an_id_of_the_running_daemon(api: FakeApi, tmp_path: Path) -> None:
    """The script as a shell takes it, and the program as the script calls it."""
    torrent = api.put("One")
    program = tmp_path / "revaer"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m revaer.cli.main "$@"\n')
    program.chmod(0o755)
    line = f"""
        eval "$({program} completion bash)"
        COMP_WORDS=(revaer status {torrent["info_hash"][:5]}) COMP_CWORD=2
        _revaer_completion {program}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    variables = {**os.environ, "REVAER_API_URL": api.url, "REVAER_API_KEY": KEY}

    shell = subprocess.run(["bash", "-c", line], capture_output=True, env=variables, check=True)

    assert (shell.stdout.decode(), shell.stderr) == (f"{torrent['info_hash']}\n", b"")


# Names and options


def test_commands_are_proposed_in_the_order_of_the_help(propose: Propose) -> None:
    assert propose("revaer ") == list(COMMANDS)
    assert propose("revaer con") == ["config"]
    assert propose("revaer config r") == ["rollback"]


def test_options_are_proposed_also_global_ones(propose: Propose) -> None:
    assert propose("revaer --out") == ["--output"]
    assert "--follow" in propose("revaer status --")
    assert propose("revaer --output ") == ["table", "json"]


def test_states_and_kinds_are_proposed_also_behind_a_comma(propose: Propose) -> None:
    assert propose("revaer ls --state se") == ["seeding"]
    assert propose("revaer ls --state seeding,c") == ["seeding,checking", "seeding,completed"]
    assert "completed,progress" in propose("revaer tail --event completed,p")
    assert "completed,completed" not in propose("revaer tail --event completed,")


def test_files_are_left_to_the_shell() -> None:
    complete = ShellComplete(cli, {"obj": Settings()}, "revaer", "_REVAER_COMPLETE")

    (item,) = complete.get_completions(["add"], "new/")

    assert (item.type, item.value) == ("file", "new/")


def test_names_and_options_need_no_daemon(api: FakeApi, propose: Propose) -> None:
    for line in ("revaer l", "revaer ls --st", "revaer ls --state s", "revaer tail --event c", "revaer add "):
        assert propose(line)

    assert api.requests == []


# From the daemon


def test_ids_are_proposed_by_hash_or_id_with_the_name(api: FakeApi, propose: Propose) -> None:
    one = api.put("One", info_hash="a1" + "0" * 38)
    two = api.put("Two\x1b[2J\n", info_hash="a2" + "0" * 38)

    assert propose("revaer status a") == [one["info_hash"], two["info_hash"]]
    assert propose("revaer status a2") == [two["info_hash"]]
    assert propose(f"revaer rm {one['id'][:-1]}") == [one["id"]]
    assert propose("revaer action paus") == ["pause"]
    complete = ShellComplete(cli, {"obj": Settings(api_url=api.url, api_key=KEY)}, "revaer", "_REVAER_COMPLETE")
    assert [item.help for item in complete.get_completions(["files"], "a")] == ["One", "Two\\x1b[2J\\n"]


def test_labels_that_torrents_have_are_proposed(api: FakeApi, propose: Propose) -> None:
    api.put("One", tags=["linux", "new"], category="films")
    api.put("Two", tags=["linux", "a\nb"], category=None)

    assert propose("revaer ls --tag ") == ["linux", "new"]
    assert propose("revaer ls --tag new,") == ["new,linux"]
    assert propose("revaer add x --category f") == ["films"]


def test_keys_are_proposed(api: FakeNode, propose: Propose) -> None:
    api.add_key("rk_one", label="sonarr")
    api.add_key("rx_two")

    assert propose("revaer keys revoke rk") == ["rk_one"]


def test_one_page_is_asked_for_and_only_what_is_needed(api: FakeApi, propose: Propose) -> None:
    api.put("One")

    propose("revaer status ")

    (request,) = api.requests
    assert request.params == {"sort": "-added_at", "limit": "1000", "fields": "info_hash,name"}


@pytest.mark.parametrize(
    "answer", [problem(401, "No key"), problem(503, "Away"), Answer(200, "<html>", "text/html"), CUT, Answer(200, {})]
)
def test_whatever_the_daemon_says_nothing_is_written(
    api: FakeApi, propose: Propose, capsys: pytest.CaptureFixture[str], answer: Answer
) -> None:
    api.next_answers.append(answer)

    assert propose("revaer status ") == []
    assert capsys.readouterr() == ("", "")


def test_a_slow_daemon_is_not_waited_for(
    api: FakeApi, propose: Propose, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completing.PATIENCE < 1
    monkeypatch.setattr(completing, "PATIENCE", 0.05)
    api.next_answers.append(SILENCE)

    assert propose("revaer status ") == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("settings", [Settings(api_url="nonsense"), Settings(api_url="http://127.0.0.1:1"), Settings()])
def test_without_a_daemon_nothing_is_proposed(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert proposals("revaer status ", settings) == []
    assert capsys.readouterr() == ("", "")


def test_global_options_on_the_line_count(api: FakeApi) -> None:
    torrent = api.put("One")

    assert proposals(f"revaer --api-url {api.url} status --api-key {KEY} ") == [torrent["info_hash"]]


def test_a_credentials_file_that_others_may_read_is_no_reason_to_write(
    environment: Path, api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.mkdir(parents=True)
    (environment / "credentials.json").write_text(json.dumps({"api_url": api.url, "api_key": KEY}))
    (environment / "credentials.json").chmod(0o644)

    assert proposals("revaer status ") == []
    assert capsys.readouterr() == ("", "")
