"""Hearing what others notify, across outages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from revaer.database import listener as listening
from revaer.database.messages import Deaf, Heard, Listening, ListeningDatabase, Notification
from tests.database.conftest import OpenListening
from tests.support.database_gate import open_gate

CHANNEL = "revaer_test"


async def notify(database: ListeningDatabase, payload: str, channel: str = CHANNEL) -> None:
    await database.execute("SELECT pg_notify($1, $2)", channel, payload)


async def notify_and_fail(database: ListeningDatabase) -> None:
    async with database.transaction() as transaction:
        await transaction.execute("SELECT pg_notify($1, 'undone')", CHANNEL)
        raise LookupError


async def hear(heard: AsyncIterator[Heard], *, within: float = 10.0) -> Heard:
    with trio.fail_after(within):
        return await anext(heard)


async def hear_until(heard: AsyncIterator[Heard], kind: type[Heard]) -> Heard:
    """Skip what is heard until something of a kind comes."""
    while not isinstance(item := await hear(heard), kind):
        pass
    return item


@pytest.fixture
async def database(fresh_database_url: str, open_listening: OpenListening) -> AsyncIterator[ListeningDatabase]:
    async with open_listening(fresh_database_url) as opened:
        yield opened


async def test_what_is_notified_is_heard_in_order(database: ListeningDatabase) -> None:
    async with database.listen(CHANNEL) as heard:
        assert await hear(heard) == Listening()
        for number in range(5):
            await notify(database, f"n{number}")
        assert [await hear(heard) for _ in range(5)] == [Notification(f"n{number}") for number in range(5)]


async def test_a_notification_arrives_after_the_commit_and_not_before(database: ListeningDatabase) -> None:
    async with database.listen(CHANNEL) as heard:
        await hear(heard)
        async with database.transaction() as transaction:
            await transaction.execute("SELECT pg_notify($1, 'committed')", CHANNEL)
            await notify(database, "meanwhile")
            assert await hear(heard) == Notification("meanwhile")
        assert await hear(heard) == Notification("committed")


async def test_a_rolled_back_notification_is_never_heard(database: ListeningDatabase) -> None:
    async with database.listen(CHANNEL) as heard:
        await hear(heard)
        with pytest.raises(LookupError):
            await notify_and_fail(database)
        await notify(database, "after")
        assert await hear(heard) == Notification("after")


async def test_other_channels_are_not_heard(database: ListeningDatabase) -> None:
    async with database.listen(CHANNEL) as heard:
        await hear(heard)
        await notify(database, "elsewhere", "revaer_other")
        await notify(database, "here")
        assert await hear(heard) == Notification("here")


async def test_two_listeners_hear_the_same(database: ListeningDatabase) -> None:
    async with database.listen(CHANNEL) as first, database.listen(CHANNEL) as second:
        assert await hear(first) == await hear(second) == Listening()
        await notify(database, "both")
        assert await hear(first) == await hear(second) == Notification("both")


async def test_listening_takes_no_connection_of_the_pool(
    fresh_database_url: str, open_listening: OpenListening
) -> None:
    async with open_listening(fresh_database_url, pool_size=1) as database, database.listen(CHANNEL) as heard:
        await hear(heard)
        async with database.transaction(within=2.0):
            pass


async def test_an_ended_session_is_told_and_made_again(database: ListeningDatabase) -> None:
    """As when a proxy or an administrator ends only this connection."""
    async with database.listen(CHANNEL) as heard:
        await hear(heard)
        await database.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        assert isinstance(await hear(heard), Deaf)
        assert await hear(heard) == Listening()
        await notify(database, "again")
        assert await hear(heard) == Notification("again")


async def test_an_outage_is_told_and_its_end_too(fresh_database_url: str, open_listening: OpenListening) -> None:
    async with (
        open_gate(fresh_database_url) as gate,
        open_listening(gate.url) as database,
        database.listen(CHANNEL) as heard,
    ):
        assert await hear(heard) == Listening()
        gate.shut()
        assert isinstance(await hear(heard), Deaf)
        await gate.open()
        assert await hear_until(heard, Listening) == Listening()
        with trio.fail_after(10):
            await database.wait_available()
        await notify(database, "back")
        assert await hear(heard) == Notification("back")


async def test_listening_may_begin_before_the_server_answers(
    fresh_database_url: str, open_listening: OpenListening
) -> None:
    async with open_gate(fresh_database_url) as gate:
        gate.shut()
        async with open_listening(gate.url, wait=False) as database, database.listen(CHANNEL) as heard:
            await trio.testing.wait_all_tasks_blocked(0.05)
            await gate.open()
            assert await hear_until(heard, Listening) == Listening()


async def test_a_reader_that_falls_behind_is_told_to_read_anew(database: ListeningDatabase) -> None:
    async with database.listen(CHANNEL) as heard:
        await hear(heard)
        await database.execute("SELECT pg_notify($1, n::text) FROM generate_series(1, 3000) n", CHANNEL)
        await notify(database, "last")
        items = [await hear(heard)]
        while items[-1] != Notification("last"):
            items.append(await hear(heard))
    assert Listening() in items
    assert len(items) <= 1024


async def test_a_silent_server_counts_as_lost(
    fresh_database_url: str, open_listening: OpenListening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection over a dead network ends by no word of the kernel: pings find out."""
    monkeypatch.setattr(listening, "_PING_EVERY", 0.01)
    monkeypatch.setattr(listening, "_PING_WITHIN", 0.0)
    async with open_listening(fresh_database_url) as database, database.listen(CHANNEL) as heard:
        assert await hear(heard) == Listening()
        assert await hear(heard) == Deaf("the server did not answer within 0 s")


async def test_nothing_is_left_behind(database: ListeningDatabase) -> None:
    async with database.listen(CHANNEL) as heard:
        await hear(heard)
    listeners = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    with trio.fail_after(10):
        while await database.fetch(listeners):
            await trio.lowlevel.checkpoint()


async def test_an_error_of_the_reader_comes_out_as_it_is(database: ListeningDatabase) -> None:
    error = LookupError("ours")
    with pytest.raises(LookupError) as caught:
        async with database.listen(CHANNEL):
            raise error
    assert caught.value is error
