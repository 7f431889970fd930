"""`--dry-run` of every command that destroys something: it shows what would go, and changes nothing.

Those of `rm`, `trackers rm` and `config` are with their commands.
"""

import json

from revaer.cli.tree import leaves
from tests.cli.conftest import Revaer
from tests.support.fake_node import FakeNode

DESTROYING = {
    "rm",
    "action",
    "trackers rm",
    "config set",
    "config rollback",
    "labels rm",
    "keys revoke",
    "secrets rm",
    "factory-reset",
}
"""The commands after which something is gone, or a configuration is."""


def test_every_command_that_destroys_has_a_dry_run() -> None:
    found = {name for name, command in leaves() if any("--dry-run" in option.opts for option in command.params)}

    assert found == DESTROYING | {"import qbittorrent", "import transmission"}


def methods(api: FakeNode) -> set[str]:
    return {request.method for request in api.requests}


def test_keys_that_would_end_are_shown(revaer: Revaer, api: FakeNode) -> None:
    api.add_key("rk_one", label="sonarr")
    api.add_key("rk_two")

    shown = revaer("keys", "revoke", "rk_one", "--dry-run")
    document = json.loads(revaer("keys", "revoke", "rk_one", "--dry-run", "--output", "json").out)

    assert "rk_one  sonarr  read" in shown.out
    assert "rk_two" not in shown.out
    assert shown.err == "1 key would end.\n"
    assert (document["dry_run"], [key["id"] for key in document["keys"]]) == (True, ["rk_one"])
    assert methods(api) == {"GET"}


def test_a_key_that_is_not_there_ends_with_three(revaer: Revaer) -> None:
    result = revaer("keys", "revoke", "rk_none", "--dry-run")

    assert result.code == 3
    assert result.err == "error: there is no such key\n  rk_none\n  `revaer keys ls` shows what is there.\n"


def test_the_key_in_use_is_guarded_in_a_dry_run_too(revaer: Revaer, api: FakeNode) -> None:
    assert revaer("keys", "revoke", "key_test", "--dry-run").code == 2
    assert api.requests == []


def test_a_policy_that_would_go_is_shown(revaer: Revaer, api: FakeNode) -> None:
    revaer("labels", "set", "tag", "new", "--max-upload-bps", "1K", "--cleanup-ratio", "2")
    api.requests.clear()

    shown = revaer("labels", "rm", "tag", "new", "--dry-run")
    document = json.loads(revaer("labels", "rm", "tag", "new", "--dry-run", "--output", "json").out)

    assert shown.out == "tag new would lose: max_upload_bps=1024, cleanup.ratio=2.0\n"
    assert document["policy"]["max_upload_bps"] == 1024
    assert methods(api) == {"GET"}
    assert revaer("labels", "rm", "tag", "none", "--dry-run").code == 3
    assert revaer("labels", "rm", "tag", "new", "--dry-run", "--if-match", "1").code == 2


def test_a_secret_that_would_go_is_named(revaer: Revaer, api: FakeNode) -> None:
    api.secrets["proxy"] = "private-words"

    shown = revaer("secrets", "rm", "proxy", "--dry-run")

    assert shown.out == "secret proxy would be removed\n"
    assert json.loads(revaer("secrets", "rm", "proxy", "--dry-run", "--output", "json").out) == {
        "dry_run": True,
        "name": "proxy",
    }
    assert "proxy" in api.secrets
    assert revaer("secrets", "rm", "other", "--dry-run").code == 3


def test_what_a_factory_reset_would_take_is_counted(revaer: Revaer, api: FakeNode) -> None:
    api.put("One")
    api.put("Two")
    api.add_key("rk_one")
    api.secrets["proxy"] = "private-words"

    shown = revaer("factory-reset", "--dry-run")

    assert shown.code == 0
    assert shown.out == (
        "torrents stopped: 2\nkeys deleted: 1\nsecrets deleted: 1\n"
        "the configuration goes back to the defaults; payload files and torrents stay\n"
    )
    assert json.loads(revaer("factory-reset", "--dry-run", "--confirm", "--output", "json").out) == {
        "dry_run": True,
        "torrents_stopped": 2,
        "keys_deleted": 1,
        "secrets_deleted": 1,
    }
    assert methods(api) == {"GET"}
