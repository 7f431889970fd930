"""The event socket: nothing twice, nothing missing without being told, whatever happens to the connection."""

from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from revaer.client import (
    Backoff,
    Client,
    Event,
    EventFilter,
    EventSocket,
    Interrupted,
    InvalidAnswer,
    Lagged,
    Notice,
    Problem,
    Reset,
    Resumed,
    Snapshot,
    SocketItem,
    Unreachable,
)
from tests.support.fake_api import CUT, KEY, SILENCE, Answer, FakeApi, problem, torrent_document
from tests.support.fake_sockets import Close, event, snapshot


async def take(socket: EventSocket, count: int) -> list[SocketItem]:
    """The next items."""
    return [await anext(socket) for _ in range(count)]


def ids(items: list[SocketItem]) -> list[str]:
    """The ids of the events among some items."""
    return [item.id for item in items if isinstance(item, Event)]


def subscriptions(api: FakeApi) -> list[dict[str, object]]:
    """What clients subscribed to, in order."""
    return [message for message in api.said if message["op"] == "subscribe"]


@pytest.fixture
async def socket(api: FakeApi, client: Client, impatient: Backoff) -> AsyncIterator[EventSocket]:
    """A socket with the two events 1-1 and 1-2 that then stays open."""
    api.sockets.append([event("1-1", "completed"), event("1-2", "completed")])
    async with client.socket(backoff=impatient) as opened:
        yield opened


# What comes


async def test_events_come_in_order_with_their_envelope(socket: EventSocket) -> None:
    items = await take(socket, 2)

    first = items[0]
    assert isinstance(first, Event)
    assert (first.id, first.kind, first.torrent_id) == ("1-1", "completed", None)
    assert first.document.keys() == {"id", "timestamp", "event"}, "as an event stream has it"
    assert ids(items) == ["1-1", "1-2"]
    assert socket.position == "1-2"


async def test_the_filter_and_the_start_travel_in_the_subscription(api: FakeApi, client: Client) -> None:
    wanted = EventFilter(torrents=["a", "b"], kinds=["progress"], states=["seeding"], categories=["c"], tags=["t"])
    api.sockets.append([event("4-8", "completed")])

    async with client.socket(wanted, since="4-7") as socket:
        await anext(socket)

    filters = {"torrent": ["a", "b"], "event": ["progress"], "state": ["seeding"], "category": ["c"], "tags": ["t"]}
    assert subscriptions(api) == [{"op": "subscribe", "filter": filters, "snapshot": False, "since": "4-7"}]
    assert api.requests[0].headers["x-revaer-api-key"] == KEY
    assert api.requests[0].headers["x-request-id"] == "request-1"


async def test_a_snapshot_is_one_item_however_many_chunks_it_has(api: FakeApi, client: Client) -> None:
    rows = [torrent_document(f"t{n}", number=n) for n in range(5)]
    chunks = [
        {"op": "snapshot", "id": "1-9", "total": 5, "index": n, "last": n == 2, "torrents": rows[2 * n : 2 * n + 2]}
        for n in range(3)
    ]
    api.sockets.append([*chunks, event("1-10", "completed")])

    async with client.socket(snapshot=True) as socket:
        whole, after = await take(socket, 2)

    assert isinstance(whole, Snapshot)
    assert [torrent.name for torrent in whole.torrents] == ["t0", "t1", "t2", "t3", "t4"]
    assert (whole.id, whole.loading) == ("1-9", False)
    assert isinstance(after, Event)
    assert subscriptions(api)[0]["snapshot"] is True


async def test_chunks_that_are_out_of_order_are_no_answer(api: FakeApi, client: Client) -> None:
    api.sockets.append([{"op": "snapshot", "id": "1-9", "index": 1, "last": True, "torrents": []}])

    async with client.socket(snapshot=True) as socket:
        with pytest.raises(InvalidAnswer, match="out of order"):
            await anext(socket)


async def test_a_snapshot_that_was_cut_short_gives_way_to_the_next(api: FakeApi, client: Client) -> None:
    cut = {"op": "snapshot", "id": "1-8", "index": 0, "last": False, "torrents": [torrent_document("t0", number=0)]}
    api.sockets.append([cut, snapshot("1-9", torrent_document("t1", number=1))])

    async with client.socket(snapshot=True) as socket:
        (whole,) = await take(socket, 1)

    assert isinstance(whole, Snapshot)
    assert (whole.id, [torrent.name for torrent in whole.torrents]) == ("1-9", ["t1"])


async def test_messages_that_nobody_knows_are_passed_over(api: FakeApi, client: Client) -> None:
    api.sockets.append([{"op": "weather", "rain": True}, event("1-1", "completed")])

    async with client.socket() as socket:
        assert ids(await take(socket, 1)) == ["1-1"]


async def test_a_pong_moves_the_position_on_and_never_back(api: FakeApi, client: Client) -> None:
    api.sockets.append([{"op": "pong", "id": "1-5"}, {"op": "pong", "id": "1-3"}, {"op": "pong"}, event("1-6", "x")])

    async with client.socket() as socket:
        with trio.fail_after(5):
            while socket.position != "1-6":
                await anext(socket)
        assert api.said[1] == {"op": "ping"}, "who gets no event wants to know where it is all the same"


# Cuts


class CancellingFilter(EventFilter):
    """A filter whose reader loses patience the moment it is written into the subscription."""

    impatience = trio.CancelScope()

    def params(self) -> dict[str, str]:
        self.impatience.cancel()
        return {}


async def test_a_socket_that_is_cancelled_while_it_subscribes_lets_go(client: Client) -> None:
    with trio.fail_after(5), CancellingFilter.impatience:
        async with client.socket(CancellingFilter()):
            pytest.fail("the subscription cannot have been sent")

    assert CancellingFilter.impatience.cancelled_caught


async def test_who_stops_waiting_for_a_socket_to_return_can_wait_again(
    api: FakeApi, client: Client, autojump_clock: trio.testing.MockClock
) -> None:
    api.sockets += [[event("1-1", "completed"), Close()], [event("1-2", "completed")]]

    async with client.socket(backoff=Backoff(initial=10.0, random=lambda: 0.0)) as socket:
        items = await take(socket, 1)
        with trio.move_on_after(6) as impatience:
            await anext(socket)
        items += await take(socket, 1)

    assert impatience.cancelled_caught
    assert ids(items) == ["1-1", "1-2"]


async def test_a_cut_socket_goes_on_after_its_last_event(api: FakeApi, client: Client, impatient: Backoff) -> None:
    notices: list[Notice] = []
    api.sockets.append([event("1-1", "completed"), Close(1001, "the daemon is stopping")])
    api.sockets.append([event("1-1", "completed"), event("1-2", "completed")])

    async with client.socket(backoff=impatient, on_notice=notices.append) as socket:
        assert ids(await take(socket, 2)) == ["1-1", "1-2"]

    assert [message.get("since") for message in subscriptions(api)] == [None, "1-1"]
    assert [type(notice) for notice in notices] == [Interrupted, Resumed]
    assert isinstance(notices[0], Interrupted)
    assert notices[0].reason == "the daemon is stopping"


async def test_who_was_cut_before_the_first_event_is_told(api: FakeApi, client: Client, impatient: Backoff) -> None:
    api.sockets.append([Close(1011)])
    api.sockets.append([event("1-1", "completed")])

    async with client.socket(backoff=impatient) as socket:
        assert [type(item) for item in await take(socket, 2)] == [Reset, Event]


async def test_a_pong_before_the_cut_is_enough_to_miss_nothing(
    api: FakeApi, client: Client, impatient: Backoff
) -> None:
    api.sockets.append([{"op": "pong", "id": "1-4"}, Close(1011)])
    api.sockets.append([event("1-5", "completed")])

    async with client.socket(backoff=impatient) as socket:
        assert ids(await take(socket, 1)) == ["1-5"]

    assert subscriptions(api)[1]["since"] == "1-4"


async def test_who_wants_snapshots_gets_another_one_after_a_cut(
    api: FakeApi, client: Client, impatient: Backoff
) -> None:
    api.sockets.append([snapshot("1-1"), Close(1001)])
    api.sockets.append([event("1-2", "completed"), snapshot("1-3")])

    async with client.socket(snapshot=True, backoff=impatient) as socket:
        items = await take(socket, 3)

    assert [type(item) for item in items] == [Snapshot, Event, Snapshot]
    assert subscriptions(api)[1] | {"filter": {}} == {"op": "subscribe", "filter": {}, "snapshot": True, "since": "1-1"}


async def test_a_reset_is_told_and_becomes_the_new_position(api: FakeApi, client: Client, impatient: Backoff) -> None:
    api.sockets.append([{"op": "reset", "reason": "gone", "snapshot": "/v1/torrents", "id": "3-7"}, Close(1001)])
    api.sockets.append([event("3-8", "completed")])

    async with client.socket(since="1-1", backoff=impatient) as socket:
        first, second = await take(socket, 2)

    assert first == Reset("gone")
    assert isinstance(second, Event)
    assert subscriptions(api)[1]["since"] == "3-7"


async def test_lag_is_told_and_who_wants_snapshots_asks_for_one(api: FakeApi, client: Client) -> None:
    asked = trio.Event()
    api.sockets.append([snapshot("1-1"), {"op": "lagged", "count": 3}, asked.set])

    async with client.socket(snapshot=True) as socket:
        assert (await take(socket, 2))[1] == Lagged(3)
        with trio.fail_after(5):
            while len(subscriptions(api)) < 2:
                await trio.lowlevel.checkpoint()

    assert "since" not in subscriptions(api)[1]


async def test_lag_of_who_wants_no_snapshot_is_only_told(api: FakeApi, client: Client) -> None:
    api.sockets.append([{"op": "lagged", "count": 3}, event("1-9", "completed")])

    async with client.socket() as socket:
        assert (await take(socket, 2))[0] == Lagged(3)

    assert len(subscriptions(api)) == 1


async def test_a_connection_that_says_nothing_is_given_up(
    api: FakeApi, client: Client, impatient: Backoff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revaer.client.socket.PING_SECONDS", 0.05)
    notices: list[Notice] = []
    api.sockets.append([])
    api.sockets.append([event("1-1", "completed")])

    async with client.socket(since="1-0", backoff=impatient, on_notice=notices.append) as socket:
        assert ids(await take(socket, 1)) == ["1-1"]

    assert {"op": "ping"} in api.said
    assert isinstance(notices[0], Interrupted)
    assert "nothing came" in notices[0].reason


# Refusals


async def test_a_refused_handshake_is_a_problem(api: FakeApi, client: Client) -> None:
    api.next_answers.append(problem(401, "Unauthorized", "this key is not known", instance="req-1"))

    with pytest.raises(Problem) as caught:
        async with client.socket():
            pass

    assert (caught.value.status, caught.value.detail, caught.value.instance) == (401, "this key is not known", "req-1")


async def test_a_refusal_by_somebody_else_is_a_problem_too(api: FakeApi, client: Client) -> None:
    api.next_answers.append(Answer(502, "<html>", "text/html"))

    with pytest.raises(Problem) as caught:
        async with client.socket():
            pass

    assert caught.value.status == 502


async def test_a_refusal_that_may_pass_is_waited_for(api: FakeApi, client: Client, impatient: Backoff) -> None:
    notices: list[Notice] = []
    api.sockets.append([event("1-1", "completed"), lambda: api.next_answers.append(problem(503, "Not now")), Close()])
    api.sockets.append([event("1-2", "completed")])

    async with client.socket(backoff=impatient, on_notice=notices.append) as socket:
        assert ids(await take(socket, 2)) == ["1-1", "1-2"]

    assert [type(notice) for notice in notices] == [Interrupted, Interrupted, Resumed]


async def test_a_refusal_that_does_not_pass_ends_the_iteration(
    api: FakeApi, client: Client, impatient: Backoff
) -> None:
    api.sockets.append(
        [event("1-1", "completed"), lambda: api.next_answers.append(problem(401, "Unauthorized")), Close(1008)]
    )

    async with client.socket(backoff=impatient) as socket:
        await anext(socket)
        with pytest.raises(Problem) as caught:
            await anext(socket)

    assert caught.value.status == 401


async def test_a_refused_subscription_is_a_problem(api: FakeApi, client: Client) -> None:
    told = {"type": "about:blank", "title": "The request cannot be understood", "status": 400, "detail": "bad filter"}
    api.sockets.append([{"op": "error", "problem": told}])

    async with client.socket() as socket:
        with pytest.raises(Problem) as caught:
            await anext(socket)

    assert (caught.value.status, caught.value.detail) == (400, "bad filter")


async def test_a_subscription_that_is_refused_for_now_is_tried_again(
    api: FakeApi, client: Client, impatient: Backoff
) -> None:
    notices: list[Notice] = []
    api.sockets.append([{"op": "error", "problem": {"title": "Not available now", "status": 503}, "retry_after": 0}])
    api.sockets.append([snapshot("1-1")])

    async with client.socket(snapshot=True, backoff=impatient, on_notice=notices.append) as socket:
        assert [type(item) for item in await take(socket, 1)] == [Snapshot]

    assert isinstance(notices[0], Interrupted)
    assert "Not available now" in notices[0].reason


async def test_nobody_there_is_told(free_port: int) -> None:
    async with Client(f"http://127.0.0.1:{free_port}", KEY) as client:
        with pytest.raises(Unreachable) as caught:
            async with client.socket():
                pass

    assert caught.value.refused
    assert caught.value.reason == "nothing listens there"


async def test_a_daemon_that_does_not_answer_is_told(api: FakeApi) -> None:
    api.next_answers.append(SILENCE)

    async with Client(api.url, KEY, timeout=0.05) as client:
        with pytest.raises(Unreachable) as caught:
            async with client.socket():
                pass

    assert caught.value.ran_out_of_time


async def test_a_connection_that_breaks_in_the_handshake_is_told(api: FakeApi, client: Client) -> None:
    api.next_answers.append(CUT)

    with pytest.raises(Unreachable, match="broke before"):
        async with client.socket():
            pass


# Endings


async def test_leaving_closes_the_connection(api: FakeApi, client: Client) -> None:
    api.sockets.append([event("1-1", "completed")])

    async with client.socket() as socket:
        await anext(socket)

    assert await client.list() == ()


async def test_messages_that_nobody_read_do_not_keep_it_open(api: FakeApi, client: Client) -> None:
    api.sockets.append([event(f"1-{seq}", "completed") for seq in range(1, 500)])

    async with client.socket() as socket:
        await anext(socket)


async def test_cancellation_passes_through_and_leaves_at_once(socket: EventSocket) -> None:
    await take(socket, 2)

    with trio.move_on_after(0.01) as scope:
        await anext(socket)

    assert scope.cancelled_caught


async def test_who_is_cancelled_while_holding_it_leaves_at_once(api: FakeApi, client: Client) -> None:
    began = trio.current_time()
    with trio.CancelScope() as scope:
        async with client.socket():
            scope.cancel()
            await trio.sleep_forever()
    assert trio.current_time() - began < 0.5


async def test_an_error_of_the_reader_is_not_wrapped(api: FakeApi, client: Client) -> None:
    with pytest.raises(ZeroDivisionError):
        async with client.socket():
            _ = 1 / 0
