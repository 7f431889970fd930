"""Transactions: what is kept, what is not, and what the caller is told."""

import pytest
import trio

from revaer.database.messages import (
    ConstraintViolated,
    Database,
    DatabaseUnavailable,
    StatementFailed,
    StatementTimeout,
)
from tests.database.conftest import OpenDatabase

INSERT = "INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ($1, '{read}', '')"


async def keys(database: Database) -> list[str]:
    return [row[0] for row in await database.fetch("SELECT key_id FROM api_keys ORDER BY key_id")]


async def test_a_clean_exit_commits(database: Database) -> None:
    async with database.transaction() as transaction:
        assert await transaction.execute(INSERT, "a") == 1
        assert await keys(database) == []
    assert await keys(database) == ["a"]


async def test_an_error_in_the_body_rolls_back_and_comes_out_as_it_is(database: Database) -> None:
    error = ValueError("ours")

    async def attempt() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, "a")
            raise error

    with pytest.raises(ValueError, match="ours") as caught:
        await attempt()
    assert caught.value is error
    assert await keys(database) == []


async def test_a_cancelled_body_rolls_back(database: Database) -> None:
    with trio.CancelScope() as scope:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, "a")
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert await keys(database) == []


async def test_a_body_past_its_deadline_is_cancelled_and_rolled_back(database: Database) -> None:
    async def attempt() -> None:
        async with database.transaction(within=0.2) as transaction:
            await transaction.execute(INSERT, "a")
            await trio.sleep_forever()

    with pytest.raises(StatementTimeout):
        await attempt()
    assert await keys(database) == []


async def test_a_swallowed_failure_does_not_look_like_a_commit(database: Database) -> None:
    """PostgreSQL answers COMMIT with a silent rollback here; the caller must hear of it."""

    async def attempt() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, "a")
            with pytest.raises(ConstraintViolated):
                await transaction.execute(INSERT, "a")

    with pytest.raises(StatementFailed, match="rolled back"):
        await attempt()
    assert await keys(database) == []


async def test_a_statement_interrupted_inside_the_body_spoils_the_transaction(database: Database) -> None:
    async def attempt() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, "a")
            with trio.move_on_after(0.05):
                await transaction.fetch("SELECT pg_sleep(30)")

    with pytest.raises(StatementFailed):
        await attempt()
    assert await keys(database) == []


async def test_a_rule_checked_at_commit_fails_the_transaction(database: Database) -> None:
    await database.execute("CREATE TABLE late (n int CONSTRAINT late_once UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(ConstraintViolated) as caught:
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO late VALUES (1), (1)")
    assert caught.value.constraint == "late_once"
    assert await database.fetch("SELECT 1 FROM late") == []


async def test_a_session_lost_inside_the_body_is_unavailable(database: Database) -> None:
    async def attempt() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, "a")
            await transaction.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(DatabaseUnavailable):
        await attempt()
    with trio.fail_after(10):
        await database.wait_available()
        assert await keys(database) == []


async def test_a_commit_without_an_answer_has_an_unknown_outcome(database: Database) -> None:
    """A deferred trigger keeps the commit busy until the deadline."""
    await database.execute("CREATE TABLE slow (n int)")
    await database.execute(
        "CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql SET statement_timeout = 0 AS "
        "$$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$"
    )
    await database.execute(
        "CREATE CONSTRAINT TRIGGER doze AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION doze()"
    )

    async def attempt() -> None:
        async with database.transaction(within=0.5) as transaction:
            await transaction.execute("INSERT INTO slow VALUES (1)")
            await transaction.execute("SET LOCAL statement_timeout = 0")

    with pytest.raises(DatabaseUnavailable, match="may have happened"):
        await attempt()


async def test_a_refused_commit_leaves_no_doubt_about_what_comes_after_it(
    fresh_database_url: str, open_url: OpenDatabase
) -> None:
    async with open_url(fresh_database_url, pool_size=1) as database:
        await database.execute("CREATE TABLE late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        with pytest.raises(ConstraintViolated):
            async with database.transaction(within=0.5) as transaction:
                await transaction.execute("INSERT INTO late VALUES (1), (1)")
        # Only the caller's own deadline is left.
        await database.execute("SET statement_timeout = 0", within=0.5)
        with pytest.raises(StatementTimeout):
            await database.fetch("SELECT pg_sleep(30)", within=0.5)


async def test_the_server_waits_for_a_transaction_until_some_time_after_its_deadline(database: Database) -> None:
    async with database.transaction(within=20.0) as transaction:
        rows = await transaction.fetch("SHOW idle_in_transaction_session_timeout")
    assert rows[0][0] == "30s"


async def test_every_session_has_the_server_notice_that_its_client_is_gone(database: Database) -> None:
    """Over a unix socket the server takes the values and has no use for them."""
    rows = await database.fetch("SELECT name, context FROM pg_settings WHERE name ~ '^tcp_' AND source = 'session'")
    assert {row["name"]: row["context"] for row in rows} == dict.fromkeys(
        ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"), "user"
    )


async def test_every_transaction_starts_from_a_clean_session(database: Database) -> None:
    """After each kind of ending the next user of the one connection sees no leftover transaction."""
    for ending in (None, ValueError, KeyError):
        try:
            async with database.transaction() as transaction:
                await transaction.execute("SELECT 1")
                if ending is not None:
                    raise ending
        except (ValueError, KeyError):
            continue
    rows = await database.fetch("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
    assert rows[0][0] == 0
