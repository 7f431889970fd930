"""A start without the database: from the node's own copy, or from nothing, and never from a damaged or foreign one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from revaer.config.local_copy import CopyDamaged, read_copy
from revaer.config.messages import ConfigUnavailable, ReadHistory, ReadSecret
from revaer.database.messages import ListeningDatabase
from revaer.security.authenticate import Authenticator
from tests.config.store.conftest import EAGER, Listener, RunConfig, RunningConfig
from tests.config.store.faults import NoDatabase, WatchedDatabase
from tests.support.waiting import eventually

CHANGESET = {"engine_profile": {"max_download_bps": 1000}, "secrets": {"proxy": "s3cr3t-value"}}


async def until_copied(config: RunningConfig, revision: int) -> None:
    def copied() -> bool:
        state = read_copy(config.copy)
        return state is not None and state.revision >= revision

    await eventually(copied, f"a copy of revision {revision}")


@pytest.fixture
async def home(database: WatchedDatabase, run_config: RunConfig, tmp_path: Path) -> Path:
    """A directory of a node that was set up and stopped; its key is in `key.txt`."""
    async with run_config(database, tmp_path) as config:
        done = await config.set_up(CHANGESET)
        await until_copied(config, 1)
    (tmp_path / "key.txt").write_text(done.key.clear)
    return tmp_path


async def test_a_start_without_the_database_takes_the_copy(home: Path, run_config: RunConfig) -> None:
    async with run_config(NoDatabase(), home) as config:
        snapshot = await config.read()
        assert snapshot.revision == 1
        assert snapshot.configuration.engine_profile.max_download_bps == 1000
        assert snapshot.configuration.app_profile.mode == "active"
        assert await config.ask(ReadSecret("proxy")) == "s3cr3t-value"
        assert config.health.state == "degraded"
        assert "revision 1 of the local copy" in config.reason
        with pytest.raises(ConfigUnavailable, match="nobody home"):
            await config.patch({"engine_profile": {"max_download_bps": 1}})


async def test_keys_open_the_node_without_the_database(home: Path, run_config: RunConfig) -> None:
    async with run_config(NoDatabase(), home) as config:
        authenticator = Authenticator(config.keys[-1])
    attempt = authenticator.begin((home / "key.txt").read_text(), "127.0.0.1")
    assert authenticator.finish(attempt, proven=attempt.prove()).scopes == {"admin"}


async def test_a_database_that_returns_takes_over(home: Path, database: WatchedDatabase, run_config: RunConfig) -> None:
    database.leave()
    async with run_config(database, home, timing=EAGER) as config:
        assert "local copy" in config.reason
        listener = Listener(config.bus)
        await database._real.execute(
            "UPDATE config_documents SET body = '{\"max_download_bps\": 7}' WHERE name = 'engine_profile'"
        )
        await database._real.execute("UPDATE config_revision SET revision = 2")
        database.come_back()
        snapshot = await config.until_revision(2)
        assert snapshot.configuration.engine_profile.max_download_bps == 7
        assert listener.news()[0].pointers == ("/engine_profile/max_download_bps",)
        await eventually(lambda: config.health.state == "up", lambda: config.reason)
        await until_copied(config, 2)


async def test_the_same_revision_from_the_database_is_no_change(
    home: Path, database: WatchedDatabase, run_config: RunConfig
) -> None:
    database.leave()
    async with run_config(database, home, timing=EAGER) as config:
        listener = Listener(config.bus)
        database.come_back()
        await eventually(lambda: config.health.state == "up", lambda: config.reason)
        assert listener.news() == []


async def test_another_database_under_an_old_copy_gets_a_revision_above_it(
    home: Path, real_database: ListeningDatabase, run_config: RunConfig
) -> None:
    await real_database.execute("DELETE FROM config_documents")
    await real_database.execute("DELETE FROM config_history")
    await real_database.execute("UPDATE config_revision SET revision = 0")
    async with run_config(real_database, home) as config:
        snapshot = await config.read()
        assert (snapshot.revision, snapshot.configuration.app_profile.mode) == (2, "setup")


EMPTYING = (
    "DELETE FROM config_documents",
    "DELETE FROM config_history",
    "DELETE FROM config_versions",
    "DELETE FROM secrets",
    "UPDATE config_revision SET revision = 0",
)


async def test_a_database_that_lost_everything_is_given_what_the_copy_has(
    home: Path, real_database: ListeningDatabase, run_config: RunConfig
) -> None:
    for statement in (*EMPTYING, "DELETE FROM api_keys"):
        await real_database.execute(statement)
    async with run_config(real_database, home) as config:
        snapshot = await config.read()
        assert snapshot.revision == 2
        assert snapshot.configuration.engine_profile.max_download_bps == 1000
        assert snapshot.configuration.app_profile.mode == "active"
        assert await config.ask(ReadSecret("proxy")) == "s3cr3t-value"
        entries = await config.ask(ReadHistory())
        assert [entry.operation for entry in entries] == ["restored_from_copy"]
        authenticator = Authenticator(config.keys[-1])
        await until_copied(config, 2)
    attempt = authenticator.begin((home / "key.txt").read_text(), "127.0.0.1")
    assert authenticator.finish(attempt, proven=attempt.prove()).scopes == {"admin"}
    async with run_config(real_database, home) as config:
        assert (await config.read()).revision == 2


async def test_a_key_of_the_emptied_database_stays_beside_those_of_the_copy(
    home: Path, real_database: ListeningDatabase, run_config: RunConfig
) -> None:
    """A start registers the key of its credentials file before anything is restored."""
    for statement in EMPTYING:
        await real_database.execute(statement)
    async with run_config(real_database, home) as config:
        assert len(config.keys[-1]) == 1
        assert (await config.read()).configuration.engine_profile.max_download_bps == 1000


async def test_neither_database_nor_copy_is_a_node_in_setup(tmp_path: Path, run_config: RunConfig) -> None:
    async with run_config(NoDatabase(), tmp_path) as config:
        snapshot = await config.read()
        assert (snapshot.revision, snapshot.configuration.app_profile.mode) == (0, "setup")
        assert "the defaults are in force" in config.reason
        assert config.keys == [()]


async def test_the_copy_is_private_and_has_no_clear_secret(home: Path) -> None:
    path = home / "configuration.json"
    content = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "s3cr3t-value" not in content
    assert (home / "key.txt").read_text().partition(":")[2] not in content
    assert "$argon2id$" in content


def _digest_kept(content: bytes) -> bytes:
    frame = json.loads(content)
    frame["state"] = frame["state"].replace("1000", "9999")
    return json.dumps(frame).encode()


def _newer(content: bytes) -> bytes:
    return json.dumps(json.loads(content) | {"version": 99}).encode()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda content: content[: len(content) // 2],
    "zeroes": lambda content: b"\0" * len(content),
    "changed": _digest_kept,
    "newer": _newer,
    "list": lambda _: b"[1, 2]",
    "text": lambda _: b'"text"',
    "deep": lambda _: b"[" * 200_000,
    "foreign": lambda _: b'{"version": 1, "digest": 5, "state": {}}',
    "nothing inside": lambda _: json.dumps(_frame("{}")).encode(),
    "wrong inside": lambda _: json.dumps(_frame('{"revision": "x", "documents": 3}')).encode(),
}


def _frame(state: str) -> dict[str, Any]:
    return {"version": 1, "digest": hashlib.sha256(state.encode()).hexdigest(), "state": state}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_copy_is_not_used_and_set_aside(home: Path, run_config: RunConfig, damage: str) -> None:
    path = home / "configuration.json"
    content = DAMAGES[damage](path.read_bytes())
    path.write_bytes(content)
    with pytest.raises(CopyDamaged):
        read_copy(path)
    async with run_config(NoDatabase(), home) as config:
        assert (await config.read()).revision == 0
        assert "the local copy is not used" in config.reason
        assert "s3cr3t" not in config.reason
    assert not path.exists()
    assert (home / "configuration.json.damaged").read_bytes() == content


async def test_a_damaged_copy_is_made_anew_from_the_database(
    home: Path, database: WatchedDatabase, run_config: RunConfig
) -> None:
    (home / "configuration.json").write_bytes(b"{")
    async with run_config(database, home) as config:
        assert (await config.read()).revision == 1
        await until_copied(config, 1)
        await eventually(lambda: config.health.state == "up", lambda: config.reason)


async def test_a_copy_that_others_may_write_is_not_trusted(home: Path, run_config: RunConfig) -> None:
    """Whoever can write it could let himself in."""
    path = home / "configuration.json"
    path.chmod(0o660)
    async with run_config(NoDatabase(), home) as config:
        assert (await config.read()).revision == 0
        assert "can be used by others" in config.reason
    assert path.exists()


async def test_a_copy_that_is_no_file_is_told_and_does_not_stop_the_start(
    tmp_path: Path, run_config: RunConfig
) -> None:
    os.mkfifo(tmp_path / "configuration.json", 0o600)
    async with run_config(NoDatabase(), tmp_path) as config:
        assert (await config.read()).revision == 0
        assert "is no file" in config.reason


async def test_a_copy_that_cannot_be_written_is_told_and_tried_again(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    blocked = tmp_path / "configuration.json"
    blocked.mkdir()
    async with run_config(database, tmp_path) as config:
        await config.patch({"engine_profile": {"max_download_bps": 1}})
        await eventually(lambda: "cannot be written" in config.reason, "a degraded watcher")
        blocked.rmdir()
        await config.patch({"engine_profile": {"max_download_bps": 2}})
        await eventually(lambda: config.health.state == "up", lambda: config.reason)
        await until_copied(config, 2)


async def test_every_revision_ends_in_the_copy(node: RunningConfig) -> None:
    for rate in range(1, 20):
        await node.patch({"engine_profile": {"max_download_bps": rate}})
    await until_copied(node, 19)
    state = read_copy(node.copy)
    assert state is not None
    assert state.documents["engine_profile"] == {"max_download_bps": 19}
