"""The rules that the second migration gives the tables of the control plane."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from revaer.database.messages import ConstraintViolated, Database
from revaer.database.migrations import default_folder
from tests.database.conftest import OpenDatabase


async def test_the_revision_is_one_row_that_begins_at_zero(database: Database) -> None:
    assert [row["revision"] for row in await database.fetch("SELECT revision FROM config_revision")] == [0]
    for statement in (
        "INSERT INTO config_revision (revision) VALUES (1)",
        "INSERT INTO config_revision (singleton, revision) VALUES (false, 1)",
        "UPDATE config_revision SET revision = -1",
    ):
        with pytest.raises(ConstraintViolated):
            await database.execute(statement)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ("rate_burst = 5", "api_keys_rate_whole"),
        ("rate_per_seconds = 5", "api_keys_rate_whole"),
        ("rate_burst = 0, rate_per_seconds = 5", "api_keys_rate_positive"),
        ("rate_burst = 5, rate_per_seconds = 0", "api_keys_rate_positive"),
        ("previous_hash = 'x'", "api_keys_grace_whole"),
        ("grace_until = now()", "api_keys_grace_whole"),
    ],
)
async def test_half_a_fact_of_a_key_is_refused(database: Database, fields: str, constraint: str) -> None:
    await database.execute("INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ('k', '{read}', '')")
    with pytest.raises(ConstraintViolated) as caught:
        await database.execute(f"UPDATE api_keys SET {fields}")
    assert caught.value.constraint == constraint


async def test_a_document_is_an_object(database: Database) -> None:
    with pytest.raises(ConstraintViolated) as caught:
        await database.execute("INSERT INTO config_documents VALUES ('x', '[]', 1)")
    assert caught.value.constraint == "config_documents_object"


async def test_there_is_at_most_one_setup_token(database: Database) -> None:
    token = "(token_id, token_hash, issued_by, issued_at, expires_at) VALUES (gen_random_uuid(), '', '', now(), now())"
    await database.execute(f"INSERT INTO setup_token {token}")
    with pytest.raises(ConstraintViolated):
        await database.execute(f"INSERT INTO setup_token {token}")


async def test_a_change_is_in_the_history_once(database: Database) -> None:
    row = "'6f1c1c1e-0000-4000-8000-000000000000', now(), 'a', NULL, 'patch', '[]'"
    await database.execute(f"INSERT INTO config_history VALUES (1, {row})")
    with pytest.raises(ConstraintViolated) as caught:
        await database.execute(f"INSERT INTO config_history VALUES (2, {row})")
    assert caught.value.constraint == "config_history_change_unique"


async def test_keys_of_the_first_schema_are_kept(
    fresh_database_url: str, open_url: OpenDatabase, tmp_path: Path
) -> None:
    shutil.copy(default_folder() / "0001_foundation.sql", tmp_path)
    async with open_url(fresh_database_url, migrations=tmp_path) as before:
        await before.execute("INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ('k', '{admin}', 'h')")
    async with open_url(fresh_database_url) as after:
        row = (await after.fetch("SELECT secret_hash, rate_burst, grace_until FROM api_keys"))[0]
        assert (row["secret_hash"], row["rate_burst"], row["grace_until"]) == ("h", None, None)


async def test_a_daemon_of_the_first_schema_starts_on_the_second(
    fresh_database_url: str, open_url: OpenDatabase, tmp_path: Path
) -> None:
    shutil.copy(default_folder() / "0001_foundation.sql", tmp_path)
    async with open_url(fresh_database_url):
        pass
    async with open_url(fresh_database_url, migrations=tmp_path) as older:
        await older.execute("INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ('k', '{admin}', 'h')")
        assert len(await older.fetch("SELECT 1 FROM api_keys")) == 1
