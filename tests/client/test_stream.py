"""The event stream: nothing twice, nothing missing without being told, whatever happens to the connection."""

from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from revaer.client import (
    Backoff,
    Client,
    Event,
    EventFilter,
    EventStream,
    InvalidAnswer,
    Lagged,
    Problem,
    Reset,
    Unreachable,
)
from tests.client.conftest import ids, take
from tests.support.fake_api import KEY, SILENCE, Answer, FakeApi, event_frame, frame, problem, progress_frame

HOLD, BREAK = FakeApi.HOLD, FakeApi.BREAK


@pytest.fixture
async def stream(api: FakeApi, client: Client, impatient: Backoff) -> AsyncIterator[EventStream]:
    """A stream with the two events 1-1 and 1-2 that then stays open."""
    api.streams.append([event_frame("1-1", "completed"), event_frame("1-2", "completed"), HOLD])
    async with client.events(backoff=impatient) as opened:
        yield opened


async def test_events_come_in_order_with_their_envelope(stream: EventStream) -> None:
    items = await take(stream, 2)

    first = items[0]
    assert isinstance(first, Event)
    assert (first.id, first.kind, first.torrent_id, first.figures()) == ("1-1", "completed", None, None)
    assert ids(items) == ["1-1", "1-2"]
    assert stream.position == "1-2"


async def test_the_filter_travels_as_comma_lists(api: FakeApi, client: Client) -> None:
    wanted = EventFilter(torrents=["a", "b"], kinds=["progress"], states=["seeding"], categories=["c"], tags=["t"])

    async with client.events(wanted):
        pass

    assert api.requests[0].params == {
        "torrent": "a,b",
        "event": "progress",
        "state": "seeding",
        "category": "c",
        "tags": "t",
    }


async def test_a_start_position_is_sent_as_last_event_id(api: FakeApi, client: Client) -> None:
    async with client.events(last_event_id="4-7"):
        pass

    assert api.requests[0].headers["last-event-id"] == "4-7"


async def test_progress_events_carry_figures(api: FakeApi, client: Client) -> None:
    api.streams.append([progress_frame("1-1", api.put("One"), 42.0, bps=7), HOLD])

    async with client.events() as stream:
        item = await anext(stream)

    assert isinstance(item, Event)
    figures = item.figures()
    assert figures is not None
    assert (figures.percent_complete, figures.bytes_downloaded, figures.download_bps) == (42.0, 420, 7)


async def test_pings_and_empty_frames_are_passed_over(api: FakeApi, client: Client) -> None:
    api.streams.append([b": ping\n\n", event_frame("1-1", "completed"), b": ping\n\n", b"id: 1-5\n\n", HOLD])

    async with client.events() as stream:
        assert ids(await take(stream, 1)) == ["1-1"]
        with trio.move_on_after(0) as nothing_more:
            await anext(stream)

    assert nothing_more.cancelled_caught


async def test_a_frame_in_pieces_is_put_together(api: FakeApi, client: Client) -> None:
    whole = event_frame("1-1", "completed", content_path="/a/ü")
    api.streams.append([whole[index : index + 1] for index in range(len(whole))] + [HOLD])

    async with client.events() as stream:
        item = await anext(stream)

    assert isinstance(item, Event)
    assert item.body["content_path"] == "/a/ü"


# What cannot be replayed


async def test_a_reset_is_handed_on_and_clears_the_position(api: FakeApi, client: Client) -> None:
    reset = frame(None, "reset", {"reason": "too old", "snapshot": "/v1/torrents"})
    api.streams.append([reset, event_frame("1-2", "completed"), HOLD])

    async with client.events(last_event_id="9-9") as stream:
        items = await take(stream, 1)
        assert stream.position is None
        items += await take(stream, 1)

    assert items[0] == Reset("too old")
    assert ids(items) == ["1-2"]


async def test_a_reset_may_name_the_new_position(api: FakeApi, client: Client) -> None:
    api.streams.append([frame("2-0", "reset", {}), HOLD])

    async with client.events(last_event_id="9-9") as stream:
        assert await take(stream, 1) == [Reset("events were missed")]
        assert stream.position == "2-0"


async def test_lag_is_handed_on_with_its_count(api: FakeApi, client: Client) -> None:
    api.streams.append([frame(None, "lagged", {"count": 12}), HOLD])

    async with client.events() as stream:
        assert await take(stream, 1) == [Lagged(12)]


# Refusals


async def test_a_refusal_at_the_start_is_raised(api: FakeApi) -> None:
    api.streams.append([problem(400, "Bad request", "no such event kind")])

    async with Client(api.url, KEY) as client:
        with pytest.raises(Problem, match="no such event kind"):
            async with client.events():
                pytest.fail("the stream must not open")


async def test_a_refusal_that_waiting_cannot_cure_ends_the_stream(
    api: FakeApi, client: Client, impatient: Backoff
) -> None:
    api.streams += [[event_frame("1-1", "completed")], [problem(401, "Unauthorized", "the key was revoked")]]

    async with client.events(backoff=impatient) as stream:
        await take(stream, 1)
        with pytest.raises(Problem, match="revoked"):
            await anext(stream)


async def test_nobody_there_at_the_start_is_raised(free_port: int) -> None:
    async with Client(f"http://127.0.0.1:{free_port}") as client:
        with pytest.raises(Unreachable):
            async with client.events():
                pytest.fail("the stream must not open")


async def test_silence_at_the_start_ends_at_the_timeout(api: FakeApi) -> None:
    api.streams.append([SILENCE])

    async with Client(api.url, KEY, timeout=0.02) as client:
        with pytest.raises(Unreachable, match="no answer within"):
            async with client.events():
                pytest.fail("the stream must not open")


@pytest.mark.parametrize("answer", [Answer(200, {"torrents": []}), Answer(200, "<html>", "text/html")])
async def test_something_else_than_a_stream_is_told_apart(api: FakeApi, client: Client, answer: Answer) -> None:
    api.streams.append([answer])

    with pytest.raises(InvalidAnswer, match="something else than an event stream"):
        async with client.events():
            pytest.fail("the stream must not open")


@pytest.mark.parametrize(
    "odd", [b"id: 1-1\ndata: {\n\n", b"id: 1-1\ndata: []\n\n", frame("1-1", "completed", {}), frame(None, "lagged", [])]
)
async def test_a_frame_that_makes_no_sense_is_told(api: FakeApi, client: Client, odd: bytes) -> None:
    api.streams.append([odd, HOLD])

    async with client.events() as stream:
        with pytest.raises(InvalidAnswer):
            await anext(stream)


# Endings


async def test_leaving_the_stream_closes_the_connection(api: FakeApi, client: Client) -> None:
    api.streams.append([event_frame("1-1", "completed"), HOLD])

    async with client.events() as stream:
        await take(stream, 1)
        response = stream._frames._response

    assert response is not None
    assert response.is_closed
    assert await client.list() == ()


async def test_frames_that_nobody_read_do_not_keep_it_open(api: FakeApi, client: Client) -> None:
    api.streams.append([event_frame(f"1-{seq}", "completed") for seq in range(1, 500)] + [HOLD])

    async with client.events() as stream:
        await take(stream, 1)


async def test_cancellation_passes_through(stream: EventStream) -> None:
    await take(stream, 2)

    with trio.move_on_after(0.01) as scope:
        await anext(stream)

    assert scope.cancelled_caught


async def test_an_error_of_the_reader_is_not_replaced(api: FakeApi, client: Client) -> None:
    api.streams.append([event_frame("1-1", "completed"), HOLD])

    async def read() -> None:
        async with client.events() as stream:
            await take(stream, 1)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await read()
