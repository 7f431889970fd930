"""The control plane by the command line, against the real daemon, in processes of their own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.support.cutting_relay import open_relay
from tests.support.daemon import Daemon
from tests.support.shell import Shell, shell

pytestmark = pytest.mark.drill


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Daemon]:
    """A daemon with the simulated engine that waits for its setup."""
    daemon = Daemon(tmp_path / "node", engine="simulated", setup="token")
    try:
        await daemon.start()
        yield daemon
    finally:
        await daemon.close()


@pytest.fixture
def revaer(tmp_path: Path) -> Shell:
    """Run a command against the daemon of the data directory."""
    return shell(tmp_path / "node")


async def value(revaer: Shell, pointer: str) -> object:
    """One setting."""
    return json.loads((await revaer("config", "get", pointer, "--output", "json")).expect().out)


async def test_setup_on_the_node_makes_every_other_command_work(node: Daemon, revaer: Shell) -> None:
    assert (await revaer("config", "get")).code in (2, 3)

    (await revaer("setup")).expect()

    assert node.key() not in (await revaer("keys", "ls")).expect().out
    assert await value(revaer, "/app_profile/mode") == "active"
    again = (await revaer("setup")).expect(2)
    assert f"This node's key should be in {node.data_dir / 'credentials.json'}." in again.err


async def test_setup_in_two_steps_takes_a_changeset(node: Daemon, revaer: Shell, tmp_path: Path) -> None:
    changeset = tmp_path / "changes.json"
    changeset.write_text('{"app_profile": {"instance_name": "attic"}}')
    token = (await revaer("setup", "start", "--ttl", "60")).expect().out.strip()

    wrong = (await revaer("setup", "complete", stdin=b"A" * 32)).expect(3)
    assert token not in wrong.err
    (await revaer("setup", "complete", "--file", str(changeset), stdin=token.encode())).expect()

    assert await value(revaer, "/app_profile/instance_name") == "attic"


async def test_a_lost_answer_of_the_setup_locks_nobody_out(node: Daemon, revaer: Shell) -> None:
    """The key is on disk before the answer is, so the answer is not needed."""
    async with open_relay(node.url, cut="POST /admin/setup/complete") as relay:
        lost = (await revaer("--api-url", relay.url, "setup")).expect(3)
        assert "the setup was asked for, but no answer came" in lost.err
        assert f"its key is in {node.data_dir / 'credentials.json'}" in lost.err
        assert relay.cuts == 1

    assert "This node's key should be in" in (await revaer("setup")).expect(2).err
    direct = ["--api-url", node.url, "--api-key", node.key()]
    mode = (await revaer(*direct, "config", "get", "/app_profile/mode", "--output", "json")).expect()
    assert json.loads(mode.out) == "active"


async def test_a_key_that_was_lost_is_made_again_on_the_node(node: Daemon, revaer: Shell) -> None:
    (await revaer("setup")).expect()
    await trio.Path(node.data_dir / "credentials.json").unlink()
    assert await node.stop() == 0
    node.setup = "auto"
    await node.start()

    assert await value(revaer, "/app_profile/mode") == "active"


async def test_settings_are_changed_tried_listed_and_taken_back(node: Daemon, revaer: Shell) -> None:
    (await revaer("setup")).expect()
    place = "/engine_profile/max_download_bps"

    tried = (await revaer("config", "validate", f"{place}=5000000")).expect()
    assert (place in tried.out, await value(revaer, place)) == (True, None)
    wrong = (await revaer("config", "set", f"{place}=-1", "/engine_profile/nonsense=1")).expect(2)
    assert f"{place}: " in wrong.err
    assert "/engine_profile/nonsense: " in wrong.err

    (await revaer("config", "set", f"{place}=5000000")).expect()
    (await revaer("config", "set", "--file", "-", stdin=b'{"engine_profile": {"dht": false}}')).expect()
    assert (await value(revaer, place), await value(revaer, "/engine_profile/dht")) == (5_000_000, False)

    revisions = json.loads((await revaer("config", "history", "--output", "json")).expect().out)["revisions"]
    assert [entry["operation"] for entry in revisions] == ["patch", "patch", "complete_setup"]
    stale = (await revaer("config", "set", f"{place}=1", "--if-match", str(revisions[-1]["revision"]))).expect(2)
    assert "error:" in stale.err
    (await revaer("config", "rollback", str(revisions[1]["revision"]))).expect()
    assert (await value(revaer, place), await value(revaer, "/engine_profile/dht")) == (5_000_000, True)


async def test_a_setting_for_the_next_start_is_said_to_be_one(node: Daemon, revaer: Shell, tmp_path: Path) -> None:
    (await revaer("setup")).expect()
    (tmp_path / "records").mkdir()

    changed = (
        await revaer("config", "set", f"/engine_profile/resume_dir={json.dumps(str(tmp_path / 'records'))}")
    ).expect()

    assert "From the next start only: /engine_profile/resume_dir." in changed.out + changed.err


async def test_keys_are_issued_rotated_and_revoked(node: Daemon, revaer: Shell) -> None:
    (await revaer("setup")).expect()

    issued = json.loads((await revaer("keys", "issue", "--scope", "read", "--output", "json")).expect().out)
    first = issued["api_key"]
    (await revaer("--api-key", first, "ls")).expect()
    (await revaer("--api-key", first, "config", "set", "/engine_profile/dht=false")).expect(3)

    rotated = json.loads(
        (await revaer("keys", "rotate", issued["id"], "--grace", "0", "--output", "json")).expect().out
    )
    (await revaer("--api-key", first, "ls")).expect(3)
    (await revaer("--api-key", rotated["api_key"], "ls")).expect()

    (await revaer("keys", "revoke", issued["id"])).expect()
    (await revaer("--api-key", rotated["api_key"], "ls")).expect(3)
    assert issued["id"] not in (await revaer("keys", "ls")).expect().out


async def test_secrets_and_labels_are_set_listed_and_removed(node: Daemon, revaer: Shell) -> None:
    (await revaer("setup")).expect()

    (await revaer("secrets", "set", "proxy", stdin=b"planted-words\n")).expect()
    listed = (await revaer("secrets", "ls")).expect().out
    assert ("proxy" in listed, "planted-words" in listed) == (True, False)
    (await revaer("secrets", "rotate-key")).expect()
    (await revaer("secrets", "rm", "proxy")).expect()
    assert "proxy" not in (await revaer("secrets", "ls")).expect().out
    assert "planted-words" not in await trio.Path(node.log).read_text()

    (await revaer("labels", "set", "category", "films", "--max-upload-bps", "1M")).expect()
    assert "films" in (await revaer("labels", "ls")).expect().out
    (await revaer("labels", "rm", "category", "films")).expect()
    assert "films" not in (await revaer("labels", "ls")).expect().out


async def test_a_factory_reset_leads_back_to_the_setup(node: Daemon, revaer: Shell) -> None:
    (await revaer("setup")).expect()
    (await revaer("factory-reset")).expect(2)
    (await revaer("factory-reset", "--confirm")).expect()
    (await revaer("ls")).expect(2)
    (await revaer("setup")).expect()
    (await revaer("ls")).expect()
