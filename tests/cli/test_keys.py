"""`revaer keys`."""

import json
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Revaer
from tests.cli.test_target import write_credentials, write_runtime
from tests.support.fake_api import KEY
from tests.support.fake_node import NOW, FakeNode


@pytest.fixture
def local(bare: Revaer, api: FakeNode, environment: Path) -> Revaer:
    """A command line on the node, whose key is in the credentials file."""
    api.add_key("key_test", scopes=["admin"])
    write_runtime(environment, api.url)
    write_credentials(environment / "credentials.json", api.url)
    return bare


def test_keys_are_a_table(revaer: Revaer, api: FakeNode) -> None:
    api.add_key("rk_a", label="tv", scopes=["read", "torrents"], rate_limit={"burst": 100, "per_seconds": 60})
    api.add_key("rk_b", expires_at=NOW, grace_until=NOW)

    result = revaer("keys", "ls")

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "ID    NAME  SCOPES          ISSUED                   ENDS                     LIMIT        OLD SECRET UNTIL\n"
        "rk_a  tv    read, torrents  2024-05-01 10:00:00 UTC  never                    100 in 60 s  -\n"
        "rk_b        read            2024-05-01 10:00:00 UTC  2024-05-02 12:00:00 UTC  none         "
        "2024-05-02 12:00:00 UTC\n"
    )


def test_keys_as_json_are_the_documents(revaer: Revaer, api: FakeNode) -> None:
    key = api.add_key("rk_a")

    assert json.loads(revaer("keys", "ls", "--output", "json").out) == {"keys": [key]}


def test_no_keys_are_said_beside_the_output(revaer: Revaer) -> None:
    result = revaer("keys", "ls")

    assert (result.code, result.out, result.err) == (0, "", "No keys.\n")


def test_a_new_key_is_the_only_output(revaer: Revaer, api: FakeNode) -> None:
    result = revaer("keys", "issue", "--scope", "read,torrents", "--label", "tv")

    assert (result.code, result.out) == (0, "rk_new:clear-secret\n")
    assert result.err == "Keep it: it is not shown again. It ends 2024-07-31 12:00:00 UTC.\n"
    assert api.requests[0].body == {"scopes": ["read", "torrents"], "label": "tv"}


def test_a_new_key_as_json_is_the_answer(revaer: Revaer) -> None:
    answer = json.loads(revaer("keys", "issue", "--scope", "read", "--output", "json").out)

    assert (answer["id"], answer["api_key"]) == ("rk_new", "rk_new:clear-secret")


@pytest.mark.parametrize(
    ("option", "value", "sent"),
    [
        ("--rate-limit", "100/60", {"rate_limit": {"burst": 100, "per_seconds": 60}}),
        ("--rate-limit", "1000/1h", {"rate_limit": {"burst": 1000, "per_seconds": 3600}}),
        ("--rate-limit", "none", {"rate_limit": None}),
        ("--expires", "30d", {"expires_in_seconds": 2_592_000}),
        ("--expires", "90", {"expires_in_seconds": 90}),
        ("--expires", "never", {"expires_in_seconds": None}),
    ],
)
def test_limits_and_ends_may_be_said(
    revaer: Revaer, api: FakeNode, option: str, value: str, sent: dict[str, object]
) -> None:
    result = revaer("keys", "issue", "--scope", "read", option, value)

    assert result.code == 0
    assert api.requests[0].body == {"scopes": ["read"]} | sent
    assert ("It has no end." in result.err) == (value == "never")


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_saved_key_is_not_shown(revaer: Revaer, api: FakeNode, tmp_path: Path, output: str) -> None:
    result = revaer("keys", "issue", "--scope", "read", "--save", "tv.json", "--output", output)

    path = tmp_path / "tv.json"
    assert result.code == 0
    assert "clear-secret" not in result.out + result.err
    assert str(path) in result.out
    assert json.loads(path.read_bytes()) == {"api_url": api.url, "api_key": "rk_new:clear-secret"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_that_cannot_be_saved_is_not_made(revaer: Revaer, api: FakeNode) -> None:
    assert revaer("keys", "issue", "--scope", "read", "--save", "missing/tv.json").code == 3
    assert api.requests == []


def test_another_key_is_shown_when_it_is_rotated(revaer: Revaer, api: FakeNode) -> None:
    api.add_key("rk_a")

    result = revaer("keys", "rotate", "rk_a", "--grace", "0")

    assert (result.code, result.out) == (0, "rk_a:rotated-secret\n")
    assert result.err.endswith("It has no end. The old one works until 2024-05-02 13:00:00 UTC.\n")
    assert api.requests[0].body == {"grace_seconds": 0}


def test_the_key_of_the_credentials_file_is_replaced_there_when_it_is_rotated(
    local: Revaer, api: FakeNode, environment: Path
) -> None:
    path = environment / "credentials.json"

    result = local("keys", "rotate", "key_test")

    assert (result.code, result.out) == (0, f"key key_test is stored in {path}\n")
    assert json.loads(path.read_bytes()) == {"api_url": api.url, "api_key": "key_test:rotated-secret"}
    assert api.requests[0].body == {}


def test_the_key_of_the_credentials_file_may_be_saved_elsewhere(
    local: Revaer, environment: Path, tmp_path: Path
) -> None:
    local("keys", "rotate", "key_test", "--save", "other.json")

    assert "rotated-secret" in (tmp_path / "other.json").read_text()
    assert "rotated-secret" not in (environment / "credentials.json").read_text()


def test_the_file_stays_when_the_rotation_is_refused(local: Revaer, api: FakeNode, environment: Path) -> None:
    api.keys.clear()

    assert local("keys", "rotate", "key_test").code == 3
    assert json.loads((environment / "credentials.json").read_bytes())["api_key"] == KEY
    assert sorted(file.name for file in environment.iterdir()) == ["credentials.json", "runtime.json"]


def test_keys_are_revoked(revaer: Revaer, api: FakeNode) -> None:
    api.add_key("rk_a")
    api.add_key("rk_b")

    result = revaer("keys", "revoke", "rk_a", "rk_b", "rk_a")

    assert (result.code, result.out) == (0, "revoked rk_a\nrevoked rk_b\n")
    assert api.keys == {}


def test_revoked_keys_as_json_are_a_list(revaer: Revaer, api: FakeNode) -> None:
    api.add_key("rk_a")

    assert json.loads(revaer("keys", "revoke", "rk_a", "--output", "json").out) == {"revoked": ["rk_a"]}


def test_an_unknown_key_ends_with_three(revaer: Revaer) -> None:
    assert revaer("keys", "revoke", "rk_nobody").code == 3
    assert revaer("keys", "rotate", "rk_nobody").code == 3


def test_the_key_in_use_is_not_revoked_by_mistake(local: Revaer, api: FakeNode) -> None:
    api.add_key("rk_a")

    result = local("keys", "revoke", "key_test", "rk_a")

    assert result.code == 2
    assert "key_test is the key that this command uses" in result.err
    assert api.requests == []


def test_the_key_in_use_goes_last(local: Revaer, api: FakeNode) -> None:
    api.add_key("rk_a")

    assert local("keys", "revoke", "key_test", "rk_a", "--own").code == 0
    assert [request.path for request in api.requests] == ["/v1/keys/rk_a", "/v1/keys/key_test"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("issue", "say with --scope what the key reaches"),
        ("issue --scope ,", "say with --scope what the key reaches"),
        ("issue --scope read --rate-limit 100", "'100' should be CALLS/TIME"),
        ("issue --scope read --rate-limit x/60", "'x/60' should be CALLS/TIME"),
        ("issue --scope read --rate-limit 1/soon", "'1/soon' should be CALLS/TIME"),
        ("issue --scope read --expires soon", "'soon' is no span of time"),
        ("issue --scope read --save .", "'.' is a directory"),
        ("rotate", "Missing argument '<ID>'"),
        ("rotate rk_a --grace never", "'never' is no span of time"),
        ("revoke", "Missing argument '<ID>...'"),
        ("explode", "No such command 'explode'"),
    ],
)
def test_wrong_use_ends_with_two_before_anything_is_sent(
    revaer: Revaer, api: FakeNode, arguments: str, words: str
) -> None:
    result = revaer("keys", *arguments.split())

    assert result.code == 2
    assert words in result.err
    assert api.requests == []


def test_a_name_cannot_steer_the_terminal(revaer: Revaer, api: FakeNode) -> None:
    api.add_key("rk_\x1b[2J", label="a\x1b[2J", scopes=["\x1b"])

    assert "\x1b" not in revaer("keys", "ls").out
