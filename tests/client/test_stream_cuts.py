"""A cut event stream: it goes on where it broke off, nothing twice and nothing missing."""

from typing import Any

import pytest
import trio
import trio.testing

from revaer.client import (
    Backoff,
    Client,
    Interrupted,
    Notice,
    Reset,
    Resumed,
)
from revaer.client.link import STREAM_IDLE_SECONDS
from tests.client.conftest import ids, take
from tests.support.fake_api import KEY, Answer, FakeApi, event_frame, frame, problem

HOLD, BREAK = FakeApi.HOLD, FakeApi.BREAK


@pytest.mark.parametrize("ending", [[], [BREAK], [frame(None, "closing", {})], [b"id: 1-3\nevent: comp", BREAK]])
async def test_a_cut_stream_goes_on_where_it_broke_off(
    api: FakeApi, client: Client, impatient: Backoff, ending: list[Any]
) -> None:
    api.streams.append([event_frame("1-1", "completed"), event_frame("1-2", "completed"), *ending])
    api.streams.append([event_frame("1-3", "completed"), HOLD])

    async with client.events(backoff=impatient) as stream:
        items = await take(stream, 3)

    assert ids(items) == ["1-1", "1-2", "1-3"]
    assert [request.headers.get("last-event-id") for request in api.requests] == [None, "1-2"]


async def test_what_was_handed_out_before_a_cut_is_not_repeated(
    api: FakeApi, client: Client, impatient: Backoff
) -> None:
    api.streams.append([event_frame("1-9", "completed"), event_frame("1-10", "completed")])
    api.streams.append([event_frame(f"1-{seq}", "completed") for seq in (8, 9, 10, 11)] + [HOLD])

    async with client.events(backoff=impatient) as stream:
        items = await take(stream, 3)

    assert ids(items) == ["1-9", "1-10", "1-11"]


async def test_a_later_run_of_the_daemon_is_not_taken_for_a_repetition(
    api: FakeApi, client: Client, impatient: Backoff
) -> None:
    api.streams += [[event_frame("1-100", "completed")], [event_frame("2-1", "completed"), HOLD]]

    async with client.events(backoff=impatient) as stream:
        assert ids(await take(stream, 2)) == ["1-100", "2-1"]


async def test_a_foreign_form_of_ids_is_compared_as_a_whole(api: FakeApi, client: Client, impatient: Backoff) -> None:
    api.streams += [[event_frame("b", "completed")], [event_frame(name, "completed") for name in "ba"] + [HOLD]]

    async with client.events(backoff=impatient) as stream:
        assert ids(await take(stream, 2)) == ["b", "a"]


async def test_a_cut_before_the_first_event_is_told_as_a_reset(
    api: FakeApi, client: Client, impatient: Backoff
) -> None:
    api.streams += [[], [event_frame("1-5", "completed"), HOLD]]

    async with client.events(backoff=impatient) as stream:
        items = await take(stream, 2)

    assert items[0] == Reset("the connection was lost before the first event")
    assert ids(items) == ["1-5"]


async def test_a_position_without_an_event_saves_from_that_reset(
    api: FakeApi, client: Client, impatient: Backoff
) -> None:
    api.streams += [[b"id: 3-4\n\n"], [event_frame("3-5", "completed"), HOLD]]

    async with client.events(backoff=impatient) as stream:
        assert ids(await take(stream, 1)) == ["3-5"]

    assert api.requests[1].headers["last-event-id"] == "3-4"


async def test_notices_tell_of_the_cut_and_of_the_return(api: FakeApi, client: Client, impatient: Backoff) -> None:
    api.streams += [
        [event_frame("1-1", "completed"), frame(None, "closing", {"reason": "the API key was revoked"})],
        [event_frame("1-2", "completed"), HOLD],
    ]
    notices: list[Notice] = []

    async with client.events(backoff=impatient, on_notice=notices.append) as stream:
        await take(stream, 2)

    assert [type(notice) for notice in notices] == [Interrupted, Resumed]
    assert isinstance(notices[0], Interrupted)
    assert notices[0].reason == "the API key was revoked"


async def test_waits_grow_while_the_daemon_is_away_and_are_honoured(
    api: FakeApi, client: Client, autojump_clock: trio.testing.MockClock
) -> None:
    refusal = problem(503, "Service unavailable")
    wish = Answer(429, {"title": "Slow down"}, headers={"retry-after": "30"})
    api.streams += [
        [event_frame("1-1", "completed")],
        [refusal],
        [refusal],
        [wish],
        [event_frame("1-2", "completed"), HOLD],
    ]
    notices: list[Notice] = []
    backoff = Backoff(initial=1.0, longest=15.0, random=lambda: 0.0)

    async with client.events(backoff=backoff, on_notice=notices.append) as stream:
        items = await take(stream, 2)

    assert ids(items) == ["1-1", "1-2"]
    assert [notice.retry_in for notice in notices if isinstance(notice, Interrupted)] == [1.0, 2.0, 4.0, 30.0]


async def test_a_hint_of_the_daemon_sets_the_first_wait(api: FakeApi, client: Client) -> None:
    api.streams += [
        [b"retry: 100\n", event_frame("1-1", "completed")],
        [event_frame("1-2", "completed"), HOLD],
    ]
    notices: list[Notice] = []
    backoff = Backoff(initial=10.0, random=lambda: 0.0)

    async with client.events(backoff=backoff, on_notice=notices.append) as stream:
        await take(stream, 2)

    assert isinstance(notices[0], Interrupted)
    assert notices[0].retry_in == 0.1


async def test_a_daemon_that_comes_back_later_is_found(api: FakeApi, impatient: Backoff, nursery: trio.Nursery) -> None:
    """While nobody listens, every attempt is refused; the stream goes on when somebody does."""
    away = trio.CancelScope()
    replacement = FakeApi()

    async def live_shortly(task_status: trio.TaskStatus[FakeApi]) -> None:
        fake = FakeApi()
        fake.streams.append([event_frame("1-1", "completed"), away.cancel, HOLD])
        with away:
            async with trio.open_nursery() as inner:
                await inner.start(fake.serve)
                task_status.started(fake)

    first = await nursery.start(live_shortly)
    attempts = 0

    async def come_back() -> None:
        replacement.streams.append([event_frame("1-2", "completed"), HOLD])
        await nursery.start(replacement.serve, first.port)

    def count(notice: Notice) -> None:
        nonlocal attempts
        if isinstance(notice, Interrupted):
            attempts += 1
            if attempts == 3:
                nursery.start_soon(come_back)

    async with Client(first.url, KEY) as client, client.events(backoff=impatient, on_notice=count) as stream:
        items = await take(stream, 2)

    assert ids(items) == ["1-1", "1-2"]
    assert attempts >= 3


async def test_a_stream_without_a_byte_counts_as_cut(
    api: FakeApi, client: Client, impatient: Backoff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revaer.client.link.STREAM_IDLE_SECONDS", 0.02)
    api.streams += [[event_frame("1-1", "completed"), HOLD], [event_frame("1-2", "completed"), HOLD]]
    notices: list[Notice] = []

    async with client.events(backoff=impatient, on_notice=notices.append) as stream:
        items = await take(stream, 2)

    assert ids(items) == ["1-1", "1-2"]
    assert isinstance(notices[0], Interrupted)
    assert "no answer within" in notices[0].reason


async def test_who_stops_waiting_for_an_event_loses_none(api: FakeApi, client: Client, impatient: Backoff) -> None:
    """Cancelling a read costs its connection."""
    impatience = trio.CancelScope()
    api.streams += [[event_frame("1-1", "completed"), impatience.cancel, HOLD], [event_frame("1-2", "completed"), HOLD]]
    notices: list[Notice] = []

    async with client.events(backoff=impatient, on_notice=notices.append) as stream:
        items = await take(stream, 1)
        with impatience:
            await anext(stream)
        items += await take(stream, 1)

    assert ids(items) == ["1-1", "1-2"]
    assert isinstance(notices[0], Interrupted)
    assert notices[0].reason == "the read was cancelled"


async def test_who_stops_waiting_for_the_return_can_wait_again(
    api: FakeApi, client: Client, autojump_clock: trio.testing.MockClock
) -> None:
    api.streams += [[event_frame("1-1", "completed")], [event_frame("1-2", "completed"), HOLD]]
    notices: list[Notice] = []
    backoff = Backoff(initial=10.0, random=lambda: 0.0)

    async with client.events(backoff=backoff, on_notice=notices.append) as stream:
        items = await take(stream, 1)
        with trio.move_on_after(6) as impatience:
            await anext(stream)
        items += await take(stream, 1)

    assert impatience.cancelled_caught
    assert ids(items) == ["1-1", "1-2"]
    assert [type(notice) for notice in notices] == [Interrupted, Resumed], "it is one wait"


def test_a_stream_outlasts_three_pings() -> None:
    assert STREAM_IDLE_SECONDS > 60
