"""Secrets: sealed at rest, told to nobody, and never lost over a change of the key that seals them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import trio

from actors import ActorDown, RestartLimit, RestartPolicy
from revaer.config import queries
from revaer.config.key_file import KeyFile, parse_keys
from revaer.config.local_copy import read_copy
from revaer.config.messages import (
    CompleteSetup,
    ConfigInvalid,
    ConfigUnavailable,
    FactoryReset,
    ReadHistory,
    ReadSecret,
    RevokeKey,
    Rollback,
    RotateEncryptionKey,
    RotateKey,
    SecretsUnavailable,
    UnknownSecret,
    ValidatePatch,
)
from revaer.database.messages import DatabaseUnavailable, ListeningDatabase
from revaer.security.encryption import Cipher, EncryptionKey
from revaer.security.errors import KeyTextInvalid, PrivateFileRefused
from tests.config.store.conftest import EAGER, Listener, RunConfig, RunningConfig
from tests.config.store.faults import DyingKeyFile, FullDisk, NoDatabase, WatchedDatabase
from tests.support.waiting import eventually

CLEAR = "correct-horse-battery-staple"
SECRETS = {"proxy": CLEAR, "indexer": "ünïcode ✓ " * 20, "short": "x"}


async def opened(config: RunningConfig) -> dict[str, str]:
    """Every secret, as whoever needs it reads it."""
    return {name: await config.ask(ReadSecret(name)) for name in SECRETS}


async def die_rotating(node: AbstractAsyncContextManager[RunningConfig]) -> None:
    """Rotate on a node that is killed by it."""
    async with node as config:
        with pytest.raises(ActorDown):
            await config.ask(RotateEncryptionKey())
        await trio.sleep_forever()


async def stored(database: ListeningDatabase) -> dict[str, bytes]:
    return {row["name"]: row["envelope"] for row in await database.fetch("SELECT name, envelope FROM secrets")}


def written_in(directory: Path) -> list[str]:
    return [path.read_text() for path in directory.iterdir()]


def keys_in(path: Path) -> Sequence[EncryptionKey]:
    return parse_keys(path.read_text())


async def test_a_secret_is_read_inside_only_and_sealed_at_rest(node: RunningConfig, database: WatchedDatabase) -> None:
    snapshot = await node.patch({"secrets": SECRETS})
    assert await opened(node) == SECRETS
    assert set(snapshot.secrets) == set(SECRETS)
    assert snapshot.secrets["proxy"].updated_at > 0
    assert CLEAR not in repr(snapshot)
    assert all(CLEAR.encode() not in envelope for envelope in (await stored(database)).values())
    assert node.key_file.stat().st_mode & 0o777 == 0o600


async def test_the_same_secret_is_sealed_differently_every_time(node: RunningConfig, database: WatchedDatabase) -> None:
    await node.patch({"secrets": {"proxy": CLEAR}})
    first = await stored(database)
    assert (await node.patch({"secrets": {"proxy": CLEAR}})).revision == 2
    assert await stored(database) != first


async def test_a_secret_is_removed_by_null(node: RunningConfig, database: WatchedDatabase) -> None:
    await node.patch({"secrets": {"proxy": CLEAR}})
    snapshot = await node.patch({"secrets": {"proxy": None}})
    assert (snapshot.revision, snapshot.secrets) == (2, {})
    assert await stored(database) == {}
    with pytest.raises(UnknownSecret):
        await node.ask(ReadSecret("proxy"))


async def test_a_bad_secret_is_refused_and_not_repeated(node: RunningConfig) -> None:
    bad: list[Any] = [
        {"UPPER": "x"},
        {"a": 5},
        {"a": ""},
        {"a": "x" * 20_000},
        {"a": "nul\0"},
        {"a": {"b": "c"}},
        ["a"],
    ]
    for secrets in bad:
        with pytest.raises(ConfigInvalid) as caught:
            await node.patch({"secrets": secrets})
        assert all(problem.pointer.startswith("/secrets") for problem in caught.value.problems)
        assert "xxxx" not in str(caught.value)
    assert (await node.read()).revision == 0


async def test_a_secret_moved_to_another_name_does_not_open(node: RunningConfig, database: WatchedDatabase) -> None:
    """Whoever can write the table cannot make one secret pass for another."""
    await node.patch({"secrets": {"proxy": CLEAR, "other": "y"}})
    await database.execute("UPDATE secrets SET envelope = (SELECT envelope FROM secrets WHERE name = 'proxy')")
    await database.execute("UPDATE config_revision SET revision = 2")
    await database.execute(queries.NOTIFY, queries.CHANNEL, "secrets:2:by_hand")
    await node.until_revision(2)
    assert await node.ask(ReadSecret("proxy")) == CLEAR
    with pytest.raises(SecretsUnavailable) as caught:
        await node.ask(ReadSecret("other"))
    assert CLEAR not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
async def test_a_key_file_that_others_may_use_is_refused(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path, mode: int
) -> None:
    """The node runs on, without secrets, and says what to do; it recovers by itself when that was done."""
    path = tmp_path / "secret.key"
    KeyFile(path, may_create=True).load()
    path.chmod(mode)
    async with run_config(database, tmp_path, timing=EAGER) as config:
        assert "chmod 600" in config.reason
        with pytest.raises(SecretsUnavailable, match="chmod 600"):
            await config.patch({"secrets": {"proxy": CLEAR}})
        with pytest.raises(SecretsUnavailable):
            await config.ask(RotateEncryptionKey())
        assert (await config.patch({"engine_profile": {"max_download_bps": 1}})).revision == 1
        path.chmod(0o600)
        await eventually(lambda: config.health.state == "up", lambda: config.reason)
        await config.patch({"secrets": {"proxy": CLEAR}})
        assert await config.ask(ReadSecret("proxy")) == CLEAR


def test_a_key_file_of_another_owner_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.key"
    KeyFile(path, may_create=True).load()
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(PrivateFileRefused, match="belongs to another user"):
        KeyFile(path, may_create=True).load()


def test_a_key_file_that_was_named_is_not_made_up(tmp_path: Path) -> None:
    with pytest.raises(PrivateFileRefused, match="does not exist"):
        KeyFile(tmp_path / "secret.key", may_create=False).load()
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrivateFileRefused, match="cannot be made"):
        KeyFile(tmp_path / "absent" / "secret.key", may_create=True).load()


@pytest.mark.parametrize("content", ["", "# nothing\n", "nonsense\n", "AAAA\n", "x" * 70_000, "\0\n", "é\n"])
def test_a_damaged_key_file_is_refused_and_not_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secret.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises((KeyTextInvalid, PrivateFileRefused)) as caught:
        KeyFile(path, may_create=True).load()
    assert "nonsense" not in str(caught.value)
    assert path.read_text() == content


def test_a_key_of_the_operators_own_making_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_text(f"# ours\n\n{'ab' * 32}\n")
    path.chmod(0o400)
    assert [key.material for key in KeyFile(path, may_create=False).load()] == [bytes.fromhex("ab" * 32)]


def test_two_starts_make_one_key(tmp_path: Path) -> None:
    place = KeyFile(tmp_path / "secret.key", may_create=True)
    assert list(place.load()) == list(place.load())
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


async def test_a_lost_key_is_told_by_the_names_of_what_it_sealed(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    async with run_config(database, tmp_path) as config:
        await config.patch({"secrets": {"proxy": CLEAR}})
    (tmp_path / "secret.key").unlink()
    async with run_config(database, tmp_path) as config:
        assert "set them again: proxy" in config.reason
        with pytest.raises(SecretsUnavailable, match="not in the key file"):
            await config.ask(ReadSecret("proxy"))
        await config.patch({"secrets": {"proxy": "another"}})
        assert config.health.state == "up"
        assert await config.ask(ReadSecret("proxy")) == "another"


async def test_a_rotation_seals_everything_anew(node: RunningConfig, database: WatchedDatabase) -> None:
    before = await node.patch({"secrets": SECRETS})
    old = keys_in(node.key_file)
    sealed = await stored(database)
    listener = Listener(node.bus)
    assert (await node.ask(RotateEncryptionKey())).secrets == 3
    assert await opened(node) == SECRETS
    new = keys_in(node.key_file)
    assert len(new) == 1
    assert new[0] not in old
    assert not set(sealed.values()) & set((await stored(database)).values())
    after = await node.read()
    assert (after.revision, after.secrets) == (2, before.secrets), "what was set when stays"
    assert listener.news()[0].pointers == ()
    assert (await node.ask(ReadHistory()))[0].operation == "rotate_encryption_key"


async def test_a_rotation_without_secrets_changes_the_key(node: RunningConfig) -> None:
    old = keys_in(node.key_file)
    assert (await node.ask(RotateEncryptionKey())).secrets == 0
    assert keys_in(node.key_file) != old


async def test_the_copy_of_the_node_opens_with_the_new_key(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    async with run_config(database, tmp_path) as config:
        await config.patch({"secrets": SECRETS})
        await config.ask(RotateEncryptionKey())
    async with run_config(NoDatabase(), tmp_path) as config:
        assert await opened(config) == SECRETS


@pytest.mark.parametrize("death", [{"before": 1}, {"after": 1}, {"before": 2}, {"after": 2}], ids=str)
async def test_a_rotation_killed_at_any_point_loses_nothing_and_is_finished(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path, death: dict[str, int]
) -> None:
    """Before and after the new key is written; with everything sealed anew and the old key still there; at the end."""
    path = tmp_path / "secret.key"
    async with run_config(database, tmp_path) as config:
        await config.patch({"secrets": SECRETS})
    old = keys_in(path)
    dying = DyingKeyFile(KeyFile(path, may_create=True), **death)
    with pytest.raises(RestartLimit):
        await die_rotating(run_config(database, tmp_path, key_file=dying, restart=RestartPolicy(max_restarts=0)))
    cipher = Cipher(keys_in(path))
    assert {name: cipher.open(name, envelope) for name, envelope in (await stored(database)).items()} == SECRETS
    copy = read_copy(tmp_path / "configuration.json")
    assert copy is not None
    assert {name: cipher.open(name, record.envelope) for name, record in copy.secrets.items()} == SECRETS
    async with run_config(database, tmp_path, timing=EAGER) as config:
        await eventually(lambda: len(keys_in(path)) == 1, "the end of the rotation")
        assert await opened(config) == SECRETS
        assert config.health.state == "up"
    begun = death != {"before": 1}
    assert (keys_in(path) != old) == begun


@pytest.mark.parametrize("sql", ["LOCK_REVISION", "RESEAL_SECRETS", "RECORD_CHANGE"])
async def test_a_rotation_without_the_database_is_finished_when_it_returns(
    polling: RunningConfig, database: WatchedDatabase, sql: str
) -> None:
    await polling.patch({"secrets": SECRETS})
    old = keys_in(polling.key_file)
    database.refuse(getattr(queries, sql), DatabaseUnavailable("the cable is out"))
    with pytest.raises(ConfigUnavailable):
        await polling.ask(RotateEncryptionKey())
    assert await opened(polling) == SECRETS
    await eventually(lambda: len(keys_in(polling.key_file)) == 1, "the end of the rotation")
    assert keys_in(polling.key_file) != old
    assert await opened(polling) == SECRETS


async def test_a_rotation_that_was_not_finished_is_taken_up_by_the_next(
    node: RunningConfig, database: WatchedDatabase
) -> None:
    await node.patch({"secrets": SECRETS})
    database.leave()
    with pytest.raises(ConfigUnavailable):
        await node.ask(RotateEncryptionKey())
    begun = keys_in(node.key_file)
    assert len(begun) == 2
    database.come_back()
    await node.patch({"secrets": {"fresh": "sealed with the new key"}})
    await node.ask(RotateEncryptionKey())
    assert keys_in(node.key_file) == (begun[1],)
    assert await opened(node) == SECRETS
    assert await node.ask(ReadSecret("fresh")) == "sealed with the new key"


async def test_a_rotation_stops_at_a_secret_that_cannot_be_opened(
    node: RunningConfig, database: WatchedDatabase
) -> None:
    """Nothing is sealed anew, and the old key stays, until somebody sets the damaged secret again."""
    await node.patch({"secrets": SECRETS})
    sealed = await stored(database)
    await database.execute("UPDATE secrets SET envelope = envelope || '\\x00' WHERE name = 'short'")
    with pytest.raises(SecretsUnavailable, match="short"):
        await node.ask(RotateEncryptionKey())
    assert (await stored(database))["proxy"] == sealed["proxy"]
    assert len(keys_in(node.key_file)) == 2
    await node.patch({"secrets": {"short": "x"}})
    await node.ask(RotateEncryptionKey())
    assert await opened(node) == SECRETS


async def test_an_interrupted_rotation_says_what_it_waits_for(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    async with run_config(database, tmp_path) as config:
        await config.patch({"secrets": SECRETS})
        await database.execute("UPDATE secrets SET envelope = envelope || '\\x00' WHERE name = 'short'")
        with pytest.raises(SecretsUnavailable):
            await config.ask(RotateEncryptionKey())
    async with run_config(database, tmp_path, timing=EAGER) as config:
        await eventually(lambda: "is not finished" in config.reason, lambda: config.reason)
        assert "short" in config.reason
        await config.patch({"secrets": {"short": "x"}})
        await eventually(lambda: len(keys_in(config.key_file)) == 1, lambda: config.reason)
        assert config.health.state == "up"
        assert await opened(config) == SECRETS


async def test_an_old_key_that_cannot_be_dropped_stays_and_does_no_harm(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    path = tmp_path / "secret.key"
    async with run_config(database, tmp_path, key_file=FullDisk(KeyFile(path, may_create=True))) as config:
        await config.patch({"secrets": SECRETS})
        assert (await config.ask(RotateEncryptionKey())).secrets == 3
        assert len(keys_in(path)) == 2
        assert await opened(config) == SECRETS
    async with run_config(database, tmp_path, timing=EAGER) as config:
        await eventually(lambda: len(keys_in(path)) == 1, "the end of the rotation")
        assert (await config.read()).revision == 2, "nothing is sealed twice"


async def test_a_key_file_that_cannot_be_written_is_not_rotated(node: RunningConfig) -> None:
    await node.patch({"secrets": SECRETS})
    parked = node.key_file.with_name("parked")
    node.key_file.rename(parked)
    node.key_file.mkdir()
    with pytest.raises(SecretsUnavailable, match="cannot be written"):
        await node.ask(RotateEncryptionKey())
    assert await opened(node) == SECRETS
    assert "is no file" in node.reason
    node.key_file.rmdir()
    parked.rename(node.key_file)
    assert (await node.ask(RotateEncryptionKey())).secrets == 3
    assert await opened(node) == SECRETS


async def test_rotations_and_patches_at_once_lose_nothing(node: RunningConfig) -> None:
    await node.patch({"secrets": SECRETS})

    async def write(number: int) -> None:
        await node.patch({"secrets": {f"n{number}": f"value {number}"}})

    async def rotate() -> None:
        await node.ask(RotateEncryptionKey())

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(write, number)
            nursery.start_soon(rotate)
    assert await opened(node) == SECRETS
    for number in range(6):
        assert await node.ask(ReadSecret(f"n{number}")) == f"value {number}"
    assert len(keys_in(node.key_file)) == 1


async def test_no_planted_secret_is_found_in_anything_that_was_written_or_told(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path, log_lines: list[dict[str, Any]]
) -> None:
    """Everything the control plane does, good and bad, and then a search through all of it."""
    planted = ["planted-one-secret", "planted-two-secret", "planted-three-secret", "planted-in-a-bad-patch"]
    told: list[object] = []
    async with run_config(database, tmp_path, timing=EAGER) as config:
        stream = config.bus.subscribe("all")
        token = await config.start_setup()
        done = await config.ask(CompleteSetup(token.clear, {"secrets": {"one": planted[0]}}))
        planted += [token.clear, done.key.clear.partition(":")[2]]
        told += [done, await config.patch({"secrets": {"two": planted[1], "one": None}})]
        told.append(await config.ask(ValidatePatch({"secrets": {"three": planted[2]}})))
        rotated = await config.ask(RotateKey(done.key.facts.key_id))
        planted.append(rotated.clear.partition(":")[2])
        for patch in (
            {"secrets": {"BAD NAME": planted[3]}},
            {"secrets": {"bad": [planted[3]]}},
            {"secrets": planted[3]},
            {planted[3]: {}, "secrets": {"good": planted[3]}},
        ):
            with pytest.raises(ConfigInvalid) as caught:
                await config.patch(patch)
            if planted[3] not in patch:
                told += [caught.value, caught.value.problems]
        database.refuse(queries.PUT_SECRETS, DatabaseUnavailable("the cable is out"))
        with pytest.raises(ConfigUnavailable) as unavailable:
            await config.patch({"secrets": {"two": planted[2]}})
        told += [unavailable.value, unavailable.value.__cause__]
        database.fates = ["lost"]
        with pytest.raises(ConfigUnavailable):
            await config.patch({"secrets": {"two": planted[2]}})
        await config.ask(RotateEncryptionKey())
        told += [await config.ask(Rollback(1)), await config.ask(ReadHistory()), config.reason]
        await config.ask(RevokeKey(done.key.facts.key_id))
        await config.patch({"secrets": {"three": planted[2]}})
        told.append(await config.ask(FactoryReset()))
        while (item := stream.try_next()) is not None:
            told.append(item)
        await eventually(lambda: (copy := read_copy(config.copy)) is not None and copy.revision == 8, "the last copy")
    rows = [
        row[0]
        for table in await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for row in await database.fetch(f'SELECT t::text FROM "{table[0]}" AS t')
    ]
    files = written_in(tmp_path)
    everything = repr(told) + repr(log_lines) + repr(rows) + repr(files)
    assert [secret for secret in planted if secret in everything] == []
    assert [secret for secret in planted if secret.encode().hex() in everything] == []
