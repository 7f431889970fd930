"""What every command of the control plane has in common: refusals, silence, help, and that nothing private shows."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from revaer.cli.tree import load_command
from tests.cli.conftest import Revaer
from tests.support.fake_api import CUT, SILENCE, Answer, problem
from tests.support.fake_node import FakeNode

COMMANDS = [
    "config get",
    "config set /a/b=1",
    "config set /a/b=1 --dry-run",
    "config validate /a/b=1",
    "config history",
    "config rollback 3",
    "config rollback 3 --dry-run",
    "config schema",
    "config schema fs_policy",
    "keys ls",
    "keys issue --scope read",
    "keys issue --scope read --save key.json",
    "keys rotate rk_a",
    "keys revoke rk_a",
    "keys revoke rk_a --dry-run",
    "secrets ls",
    "secrets set a",
    "secrets rm a",
    "secrets rm a --dry-run",
    "secrets rotate-key",
    "labels ls",
    "labels set tag a",
    "labels rm tag a",
    "labels rm tag a --dry-run",
    "factory-reset --confirm",
    "factory-reset --dry-run",
    "setup",
    "setup start",
    "setup complete",
]
BODILESS = ("keys revoke rk_a", "labels rm tag a")
ANY_OBJECT = ("labels set tag a", "labels rm tag a --dry-run", "config schema fs_policy")
CODES = {400: 2, 401: 3, 403: 3, 404: 3, 409: 2, 412: 2, 413: 2, 415: 2, 422: 2, 429: 3, 500: 3, 503: 3}
GROUPS = ["config", "keys", "secrets", "labels", "setup"]


@pytest.fixture(autouse=True)
def data_directory(environment: Path) -> None:
    """The setup stores its key there."""
    environment.mkdir(parents=True)


def every_command(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for inner, found in command.commands.items():
            yield from every_command(found, f"{name} {inner}")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_refusal_ends_with_its_code_and_says_why(revaer: Revaer, api: FakeNode, command: str) -> None:
    for status, code in CODES.items():
        params = [{"pointer": "/a/b", "message": "is wrong"}]
        refusal = problem(status, "Refused", "for a reason", instance=f"req-{status}", invalid_params=params)
        api.next_answers.append(Answer(status, refusal.body, refusal.content_type, {"retry-after": "7"}))

        result = revaer(*command.split(), stdin=b"private-words")

        assert (result.code, result.out) == (code, "")
        assert result.err.startswith("error: Refused\n  for a reason\n  /a/b: is wrong\n")
        assert result.err.endswith(f"  Try again in 7 s.\n  request id: req-{status}\n")
        assert "private-words" not in result.err


@pytest.mark.parametrize("detail", ["/a: is wrong; /: too much", "/a: is wrong; and 1 more"])
def test_a_detail_that_only_lists_the_pointers_is_not_shown_twice(revaer: Revaer, api: FakeNode, detail: str) -> None:
    params = [{"pointer": "/a", "message": "is wrong"}, {"pointer": "", "message": "too much"}]
    api.next_answers.append(problem(422, "Not valid", detail, instance="req", invalid_params=params))

    result = revaer("config", "set", "/a/b=1")

    assert result.err == "error: Not valid\n  /a: is wrong\n  /: too much\n  request id: req\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_cut_ends_with_three(revaer: Revaer, api: FakeNode, command: str) -> None:
    api.next_answers.append(CUT)

    result = revaer(*command.split(), stdin=b"private-words")

    assert (result.code, result.out) == (3, "")
    assert "the connection broke" in result.err
    assert "private-words" not in result.err


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in BODILESS])
def test_an_answer_that_makes_no_sense_ends_with_three(revaer: Revaer, api: FakeNode, command: str) -> None:
    documents = [] if command in ANY_OBJECT else [Answer(200, {"a": 1})]
    for answer in (Answer(200, "<html>", "text/html"), Answer(200, []), *documents):
        api.next_answers.append(answer)

        result = revaer(*command.split(), stdin=b"private-words")

        assert (result.code, result.out) == (3, "")
        assert result.err.startswith("error: the answer makes no sense\n")
        assert "private-words" not in result.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_daemon_that_is_away_ends_with_three(bare: Revaer, free_url: str, command: str) -> None:
    result = bare("--api-url", free_url, *command.split(), stdin=b"private-words")

    assert (result.code, result.out) == (3, "")
    assert result.err.startswith(f"error: no answer from {free_url}\n  nothing listens there\n")


def test_silence_says_how_to_wait_longer(revaer: Revaer, api: FakeNode) -> None:
    api.next_answers.append(SILENCE)

    result = revaer("--timeout", "0.05", "config", "get")

    assert result.code == 3
    assert "give it longer with --timeout SECONDS" in result.err


@pytest.mark.parametrize("group", GROUPS)
def test_every_command_and_option_of_a_group_is_described(bare: Revaer, group: str) -> None:
    for name, command in every_command(load_command(group), group):
        assert command.help
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.help, f"{name} {option.name}"
        result = bare(*name.split(), "--help")
        assert result.code == 0
        assert result.out.startswith(f"Usage: revaer {name} ")


@pytest.mark.parametrize("group", [group for group in GROUPS if group != "setup"])
def test_a_group_without_a_command_shows_its_help(bare: Revaer, group: str) -> None:
    result = bare(group)

    assert result.code == 2
    assert "Commands:" in result.out + result.err


def test_the_old_name_of_config_set_still_works(bare: Revaer) -> None:
    result = bare("settings", "patch", "--help")

    assert result.code == 0
    assert result.out.startswith("Usage: revaer settings patch ")
