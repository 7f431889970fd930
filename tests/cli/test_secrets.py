"""`revaer secrets`: names come out, values only go in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Revaer
from tests.support.fake_api import KEY, problem
from tests.support.fake_node import FakeNode


def test_names_are_a_table(revaer: Revaer, api: FakeNode) -> None:
    api.secrets = {"proxy.password": "hunter2", "proxy.user": "me"}

    result = revaer("secrets", "ls")

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "NAME            SET\nproxy.password  2024-05-02 12:00:00 UTC\nproxy.user      2024-05-02 12:00:00 UTC\n"
    )


def test_names_as_json_have_no_values(revaer: Revaer, api: FakeNode) -> None:
    api.secrets = {"a": "hunter2"}

    result = revaer("secrets", "ls", "--output", "json")

    assert json.loads(result.out) == {"secrets": {"a": {"updated_at": "2024-05-02T12:00:00Z"}}}


def test_no_secrets_are_said_beside_the_output(revaer: Revaer) -> None:
    result = revaer("secrets", "ls")

    assert (result.code, result.out, result.err) == (0, "", "No secrets.\n")


@pytest.mark.parametrize(
    ("stdin", "value"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b" two\nlines\n\n", " two\nlines\n"),
        ("schlüssel".encode(), "schlüssel"),
    ],
)
def test_a_value_comes_from_standard_input(revaer: Revaer, api: FakeNode, stdin: bytes, value: str) -> None:
    result = revaer("secrets", "set", "a", stdin=stdin)

    assert (result.code, result.out, result.err) == (0, "secret a is set: revision 8\n", "")
    assert api.requests[0].body == {"secrets": {"a": value}}


def test_a_set_secret_as_json_has_no_value(revaer: Revaer) -> None:
    result = revaer("secrets", "set", "a", "--output", "json", stdin=b"hunter2")

    assert json.loads(result.out) == {"name": "a", "revision": 8}


@pytest.mark.parametrize("stdin", [b"", b"\n", b"\xff\xfe", b"x" * 70_000])
def test_what_cannot_be_a_value_is_not_sent(revaer: Revaer, api: FakeNode, stdin: bytes) -> None:
    assert revaer("secrets", "set", "a", stdin=stdin).code == 2
    assert api.requests == []


def test_a_value_on_the_command_line_is_refused_and_not_repeated(revaer: Revaer, api: FakeNode) -> None:
    result = revaer("secrets", "set", "a", "hunter2", stdin=b"x")

    assert result.code == 2
    assert "comes from standard input" in result.err
    assert "hunter2" not in result.err
    assert api.requests == []


def test_a_refused_secret_is_shown_with_its_pointer_only(revaer: Revaer, api: FakeNode) -> None:
    params = [{"pointer": "/secrets/A", "message": "must have a name of the form ^[a-z0-9]"}]
    api.next_answers.append(problem(422, "Config invalid", invalid_params=params))

    result = revaer("secrets", "set", "A", stdin=b"hunter2")

    assert result.code == 2
    assert "  /secrets/A: must have a name of the form ^[a-z0-9]\n" in result.err
    assert "hunter2" not in result.out + result.err


def test_a_secret_is_removed(revaer: Revaer, api: FakeNode) -> None:
    api.secrets = {"a": "hunter2"}

    result = revaer("secrets", "rm", "a")

    assert (result.code, result.out) == (0, "secret a is removed: revision 8\n")
    assert api.secrets == {}


def test_an_unknown_secret_ends_with_three(revaer: Revaer, api: FakeNode) -> None:
    result = revaer("secrets", "rm", "a")

    assert result.code == 3
    assert result.err.startswith("error: there is no secret 'a'\n")
    assert api.revision == 7


def test_the_encryption_key_is_replaced(revaer: Revaer, api: FakeNode) -> None:
    assert revaer("secrets", "rotate-key").out == "0 secrets sealed with a new key\n"
    api.secrets = {"a": "b"}
    assert revaer("secrets", "rotate-key").out == "1 secret sealed with a new key\n"
    assert json.loads(revaer("secrets", "rotate-key", "--output", "json").out) == {"secrets": 1}


def test_the_encryption_key_is_replaced_on_the_node_only(revaer: Revaer, api: FakeNode) -> None:
    api.next_answers.append(problem(403, "Forbidden", "the encryption key is rotated on the node itself only"))

    result = revaer("secrets", "rotate-key")

    assert result.code == 3
    assert "on the node itself only" in result.err


@pytest.mark.parametrize("arguments", [["set"], ["rm"], ["rm", "a", "b"], ["explode"], ["rotate-key", "x"]])
def test_wrong_use_ends_with_two(revaer: Revaer, api: FakeNode, arguments: list[str]) -> None:
    assert revaer("secrets", *arguments, stdin=b"x").code == 2
    assert api.requests == []


# At a terminal


class Typist:
    """A person at a terminal: reads what is shown, types what is asked for."""

    def __init__(self, api: FakeNode, *arguments: str) -> None:
        self._master, slave = os.openpty()
        command = [sys.executable, "-m", "revaer.cli.main", "--api-url", api.url, "--api-key", KEY, *arguments]
        self._process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=Path(__file__).parents[2],
            start_new_session=True,  # no controlling terminal: the prompt must not reach for that of the tests
        )
        os.close(slave)
        self.shown = b""

    def type_at(self, prompt: str, words: str) -> None:
        """Wait for a prompt, then type."""
        while not self.shown.endswith(prompt.encode()):
            self.shown += os.read(self._master, 1)
        os.write(self._master, words.encode() + b"\n")

    def end(self) -> int:
        """Read the rest and answer the exit code."""
        try:
            while part := os.read(self._master, 65536):
                self.shown += part
        except OSError:  # how a terminal says that nobody is left
            return self._process.wait()
        finally:
            os.close(self._master)
        return self._process.wait()


def test_a_person_types_a_secret_twice_and_nobody_sees_it(api: FakeNode) -> None:
    typist = Typist(api, "secrets", "set", "a")
    typist.type_at("Secret: ", "hunter2")
    typist.type_at("Repeat for confirmation: ", "hunter2")

    assert typist.end() == 0
    assert b"secret a is set: revision 8" in typist.shown
    assert b"hunter2" not in typist.shown
    assert api.secrets == {"a": "hunter2"}


def test_a_slip_of_the_fingers_is_asked_again(api: FakeNode) -> None:
    typist = Typist(api, "secrets", "set", "a")
    typist.type_at("Secret: ", "hunter2")
    typist.type_at("Repeat for confirmation: ", "hunter3")
    typist.type_at("Secret: ", "right")
    typist.type_at("Repeat for confirmation: ", "right")

    assert typist.end() == 0
    assert b"hunter" not in typist.shown
    assert api.secrets == {"a": "right"}
