"""Single statements: results, deadlines, cancellation, errors."""

import uuid
from datetime import UTC, datetime

import pytest
import trio
import trio.testing

from revaer.database.messages import (
    ConstraintViolated,
    Database,
    DatabaseError,
    DatabaseUnavailable,
    StatementFailed,
    StatementTimeout,
)


async def test_columns_are_read_by_name_and_by_position(database: Database) -> None:
    rows = await database.fetch("SELECT $1::int AS answer, 'x' AS letter", 42)
    assert (rows[0]["answer"], rows[0][1], len(rows[0])) == (42, "x", 2)


async def test_an_unknown_column_is_a_key_error(database: Database) -> None:
    rows = await database.fetch("SELECT 1 AS one")
    with pytest.raises(KeyError):
        rows[0]["two"]


async def test_execute_counts_affected_rows(database: Database) -> None:
    insert = (
        "INSERT INTO api_keys (key_id, scopes, secret_hash) SELECT n::text, '{read}', '' FROM generate_series(1, 3) n"
    )
    assert await database.execute(insert) == 3
    assert await database.execute("UPDATE api_keys SET label = 'x' WHERE key_id = '1'") == 1
    assert await database.execute("DELETE FROM api_keys WHERE key_id = 'none'") == 0
    assert await database.execute("SET work_mem = '4MB'") == 0


async def test_a_group_of_intents_goes_in_as_one_statement(database: Database) -> None:
    """The shape of a group commit: arrays, one round trip, blobs intact."""
    ids = [uuid.uuid4() for _ in range(500)]
    blobs = [bytes([n % 256]) * 15_000 for n in range(500)]
    hashes = [f"{n:040x}" for n in range(500)]
    inserted = await database.execute(
        "INSERT INTO torrents (id, info_hash_v1, metainfo, options, added_at) "
        "SELECT i, h, m, o::jsonb, $5 FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[]) AS t(i, h, m, o)",
        ids,
        hashes,
        blobs,
        ['{"sequential": true}'] * 500,
        datetime.now(UTC),
    )
    rows = await database.fetch("SELECT id, metainfo, options FROM torrents ORDER BY info_hash_v1")
    assert inserted == 500
    assert [row["id"] for row in rows] == ids
    assert rows[499]["metainfo"] == blobs[499]
    assert rows[0]["options"] == '{"sequential": true}'


async def test_calls_run_side_by_side_up_to_the_pool_size(database: Database) -> None:
    """Four callers hold four sessions at once; a fifth would wait."""
    sessions = []

    async def hold(ready: trio.Event, done: trio.Event) -> None:
        async with database.transaction() as transaction:
            sessions.append((await transaction.fetch("SELECT pg_backend_pid()"))[0][0])
            if len(sessions) == 4:
                ready.set()
            await done.wait()

    ready, done = trio.Event(), trio.Event()
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(hold, ready, done)
            await ready.wait()
            done.set()
    assert len(set(sessions)) == 4


async def test_the_server_gives_up_a_statement_at_its_deadline(database: Database) -> None:
    with trio.fail_after(3), pytest.raises(StatementTimeout) as caught:
        await database.fetch("SELECT pg_sleep(30)", within=0.2)
    assert caught.value.within == 0.2
    assert (await database.fetch("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)'"))[0][0] == 0


async def test_a_deadline_does_not_stick_to_the_connection(database: Database) -> None:
    with pytest.raises(StatementTimeout):
        await database.fetch("SELECT pg_sleep(30)", within=0.1)
    assert len(await database.fetch("SELECT pg_sleep(0.2)")) == 1


async def test_a_call_that_finds_no_free_connection_is_unavailable_at_its_deadline(database: Database) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(database.fetch, "SELECT pg_sleep(30)")
        await trio.testing.wait_all_tasks_blocked(0.05)
        with pytest.raises(DatabaseUnavailable, match=r"no connection became free within 0\.1 s"):
            await database.fetch("SELECT 1", within=0.1)
        nursery.cancel_scope.cancel()


async def test_cancelled_calls_leak_no_connection(database: Database) -> None:
    """More cancellations than there are connections, at different moments of a call; then all four still work."""
    for attempt in range(24):
        with trio.move_on_after(0.0005 * attempt) as scope:
            await database.fetch("SELECT pg_sleep(30)")
        assert scope.cancelled_caught
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(database.fetch, "SELECT pg_sleep(0.1)")
    asleep = 1
    with trio.fail_after(20):
        while asleep:  # the server ends a cancelled statement a moment after it was told
            counts = await database.fetch(
                "SELECT count(*) AS sessions, "
                "count(*) FILTER (WHERE query LIKE '%pg_sleep(30)' AND state = 'active') AS asleep "
                "FROM pg_stat_activity WHERE datname = current_database()"
            )
            asleep = counts[0]["asleep"]
            assert counts[0]["sessions"] <= 5


async def test_a_broken_rule_names_its_constraint(database: Database) -> None:
    await database.execute("INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ('k', '{read}', '')")
    with pytest.raises(ConstraintViolated) as caught:
        await database.execute("INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ('k', '{read}', '')")
    assert caught.value.constraint == "api_keys_pkey"


async def test_a_missing_value_names_its_column(database: Database) -> None:
    with pytest.raises(ConstraintViolated) as caught:
        await database.execute("INSERT INTO api_keys (key_id, secret_hash) VALUES ('k', '')")
    assert caught.value.constraint == "scopes"


@pytest.mark.parametrize(
    ("sql", "arguments", "sqlstate"),
    [
        ("SELEC 1", (), "42601"),
        ("SELECT * FROM nowhere", (), "42P01"),
        ("SELECT 1 / $1::int", (0,), "22012"),
        ("SELECT $1::int", ("text",), "22000"),
        ("SELECT $1::int", (), ""),
    ],
)
async def test_a_faulty_statement_fails_and_the_next_one_works(
    database: Database, sql: str, arguments: tuple[object, ...], sqlstate: str
) -> None:
    with pytest.raises(StatementFailed) as caught:
        await database.fetch(sql, *arguments)
    assert caught.value.sqlstate == sqlstate
    assert database.status.available
    assert (await database.fetch("SELECT 1"))[0][0] == 1


async def test_a_full_server_is_unavailable_without_an_outage(database: Database) -> None:
    """Classes of "out of resources" tell the caller to come back; the status stays up."""
    with pytest.raises(DatabaseUnavailable, match="disk"):
        await database.execute("DO $$ BEGIN RAISE EXCEPTION 'no disk space left' USING ERRCODE = '53100'; END $$")
    assert database.status.available


async def test_a_write_on_a_read_only_server_is_unavailable(database: Database) -> None:
    async def attempt() -> None:
        async with database.transaction() as transaction:
            await transaction.execute("SET TRANSACTION READ ONLY")
            await transaction.execute("DELETE FROM api_keys")

    with pytest.raises(DatabaseUnavailable, match="read-only"):
        await attempt()


async def test_a_deadlock_victim_is_told_to_repeat(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable, match="repeat"):
        await database.execute("DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$")


async def test_a_terminated_session_fails_its_call_and_the_database_recovers(database: Database) -> None:
    """An administrator's disconnect is an outage of one call, not of the daemon."""
    with pytest.raises(DatabaseError):
        await database.fetch("SELECT pg_terminate_backend(pg_backend_pid())")
    with trio.fail_after(10):
        await database.wait_available()
        assert (await database.fetch("SELECT 1"))[0][0] == 1
