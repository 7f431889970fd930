"""A server that goes away and comes back, seen through a URL."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from revaer.database.embedded import EmbeddedServer
from revaer.database.messages import Database, DatabaseUnavailable, InvalidDatabaseUrl
from revaer.database.postmaster import find_postmaster
from revaer.database.service import open_database
from tests.database.conftest import OpenDatabase, StatusLog
from tests.support.postgres import url_of


class Outsider:
    """A server that somebody else runs: here, the test."""

    def __init__(self, home: Path) -> None:
        self.server = EmbeddedServer(home)
        self.data = home.resolve() / "data"
        self.url = url_of(home)

    async def start(self) -> None:
        await self.server.ensure()

    async def stop(self) -> None:
        await self.server.stop()

    async def kill(self) -> None:
        """End it as the kernel would when memory runs out, and wait until it is gone."""
        found = find_postmaster(self.data)
        assert found is not None
        os.kill(found.pid, signal.SIGKILL)
        child = self.server._child
        assert child is not None
        await child.wait()


@pytest.fixture
async def outsider(server_directory: Path) -> AsyncIterator[Outsider]:
    outsider = Outsider(server_directory / "postgres")
    await outsider.start()
    yield outsider
    await outsider.stop()


async def test_a_server_that_is_down_at_boot_is_used_when_it_comes(
    outsider: Outsider, status_log: StatusLog, server_directory: Path
) -> None:
    await outsider.stop()
    async with open_database(data_dir=server_directory, url=outsider.url, on_status=status_log) as database:
        await status_log.until_down("cannot reach the server")
        with pytest.raises(DatabaseUnavailable, match="cannot reach the server"):
            await database.fetch("SELECT 1")
        await outsider.start()
        status = await status_log.until_up()
        assert (await database.fetch("SELECT count(*) FROM torrents"))[0][0] == 0
    assert status.server_version is not None
    assert status.latency is not None


async def test_calls_before_the_first_attempt_fail_at_once(outsider: Outsider, server_directory: Path) -> None:
    async with open_database(data_dir=server_directory, url=outsider.url, on_status=StatusLog()) as database:
        with pytest.raises(DatabaseUnavailable):
            await database.execute("SELECT 1")


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_an_outage_fails_calls_in_flight_and_ends_by_itself(
    outsider: Outsider, open_url: OpenDatabase, status_log: StatusLog, end: str
) -> None:
    failures = []

    async def caller(database: Database) -> None:
        with pytest.raises(DatabaseUnavailable) as caught:
            await database.fetch("SELECT pg_sleep(60)", within=60)
        failures.append(caught.value.reason)

    async with open_url(outsider.url, log=status_log) as database:
        before = database.status.since
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                for _ in range(6):
                    nursery.start_soon(caller, database)
                await trio.testing.wait_all_tasks_blocked(0.05)
                nursery.start_soon(outsider.stop if end == "stop" else outsider.kill)
        down = await status_log.until_down()
        assert len(failures) == 6
        assert down.reason
        await outsider.start()
        up = await status_log.until_up()
        assert before <= down.since <= up.since
        assert (await database.fetch("SELECT 1"))[0][0] == 1


async def test_an_idle_daemon_notices_an_outage_at_once(
    outsider: Outsider, open_url: OpenDatabase, status_log: StatusLog
) -> None:
    """The watching connection ends with the server; no ping is needed."""
    async with open_url(outsider.url, log=status_log) as database:
        await outsider.kill()
        with trio.fail_after(0.9):
            await status_log.until_down()
        assert not database.status.available


async def test_a_transaction_across_an_outage_is_lost_whole(
    outsider: Outsider, open_url: OpenDatabase, status_log: StatusLog
) -> None:
    async with open_url(outsider.url, log=status_log) as database:

        async def attempt() -> None:
            async with database.transaction() as transaction:
                await transaction.execute("INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ('k', '{}', '')")
                await outsider.kill()
                await transaction.execute("SELECT 1")

        with pytest.raises(DatabaseUnavailable):
            await attempt()
        await outsider.start()
        await status_log.until_up()
        assert await database.fetch("SELECT 1 FROM api_keys") == []


async def test_committed_rows_survive_a_killed_server(
    outsider: Outsider, open_url: OpenDatabase, status_log: StatusLog
) -> None:
    async with open_url(outsider.url, log=status_log) as database:
        await database.execute("INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ('k', '{}', '')")
        await outsider.kill()
        await status_log.until_down()
        await outsider.start()
        await status_log.until_up()
        assert len(await database.fetch("SELECT 1 FROM api_keys")) == 1


async def test_a_missing_database_is_a_state_with_a_reason(
    postgres_url: str, server_directory: Path, status_log: StatusLog
) -> None:
    url = postgres_url.replace("/postgres?", "/nowhere?")
    async with open_database(data_dir=server_directory, url=url, on_status=status_log):
        await status_log.until_down('database "nowhere" does not exist')


async def test_a_tcp_port_without_a_server_is_a_state_with_a_reason(
    server_directory: Path, status_log: StatusLog
) -> None:
    url = "postgresql://somebody:secret@127.0.0.1:1/revaer"
    async with open_database(data_dir=server_directory, url=url, on_status=status_log):
        status = await status_log.until_down("cannot reach the server")
    assert "secret" not in status.reason


@pytest.mark.parametrize(
    "url",
    [
        "",
        "revaer",
        "mysql://localhost/revaer",
        "postgresql://user:secret@localhost:port/revaer",
        "postgresql://user:secret@[::1/revaer",
        "postgresql://user:secret@localhost/revaer?sslmode=sometimes",
        "postgresql://user@one:1,two:secret/revaer",
    ],
)
async def test_an_unusable_url_is_refused_without_quoting_it(server_directory: Path, url: str) -> None:
    with trio.fail_after(5), pytest.raises(InvalidDatabaseUrl) as caught:
        async with open_database(data_dir=server_directory, url=url, on_status=StatusLog()):
            await trio.sleep_forever()
    assert "secret" not in str(caught.value)


async def test_an_error_of_the_body_comes_out_as_it_is(postgres_url: str, server_directory: Path) -> None:
    error = LookupError("ours")
    with pytest.raises(LookupError) as caught:
        async with open_database(data_dir=server_directory, url=postgres_url, on_status=StatusLog()):
            raise error
    assert caught.value is error


async def test_the_database_works_until_a_cancelled_body_has_ended(
    fresh_database_url: str, open_url: OpenDatabase
) -> None:
    """Actors stop in a shielded scope after the daemon was cancelled; what they write then must arrive."""
    with trio.CancelScope() as scope:
        async with open_url(fresh_database_url) as database:
            scope.cancel()
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await database.execute("INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ('k', '{}', '')")
    assert scope.cancelled_caught
    async with open_url(fresh_database_url) as database:
        assert len(await database.fetch("SELECT 1 FROM api_keys")) == 1
