"""Many clients at once, idle, rude, or coming and going: each is served or let go, and nothing of them stays."""

from __future__ import annotations

import contextlib
import gc
import itertools
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import structlog.testing
import trio
import trio.testing

from revaer.api.connection import Connection
from revaer.api.replay import Feed
from revaer.daemon.open_files import allow_many_open_files
from tests.api.conftest import READER, Running, StartApi, make_view
from tests.support.raw_http import RawConnection, raw_connection, request
from tests.support.web_socket import WebSocket

WITHIN = 30.0
IDLE = 1000
SUBSCRIBERS = 500


@pytest.fixture(autouse=True)
def nothing_unforeseen(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """No test here may leave a traceback in the log."""
    yield
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    for event in ("request_failed", "stream_failed", "connection_failed", "too_many_connections"):
        assert event not in said.out


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends of each connection are in this process; one key may hold all streams."""
    if allow_many_open_files() < 4 * IDLE:
        monkeypatch.setattr("revaer.api.server.resource.getrlimit", lambda _: (4 * IDLE, 4 * IDLE))
    monkeypatch.setattr("revaer.api.streams.STREAMS_PER_KEY", 10_000)


def tasks() -> int:
    """How many tasks live."""
    return trio.lowlevel.current_statistics().tasks_living


async def until_as_before(api: Running, living: int) -> None:
    """Wait until no task and no subscription is left of those who were there."""
    with trio.fail_after(WITHIN):
        while tasks() > living or any(one.name.startswith(("sse:", "ws:")) for one in api.bus.subscribers()):
            await trio.lowlevel.checkpoint()


def held() -> int:
    """How many connections and feeds are in memory."""
    gc.collect()
    return sum(isinstance(one, Connection | Feed) for one in gc.get_objects())


SLACK = 2
"""A frame that is still running may hold on to the last of them."""


async def test_a_thousand_idle_connections_delay_nobody_and_are_all_kept(start_api: StartApi) -> None:
    async with start_api(views=5) as api:
        await api.http.get("/health")
        living, before = tasks(), held()
        async with AsyncExitStack() as stack:
            idle = [await stack.enter_async_context(raw_connection(api.settings.port)) for _ in range(IDLE)]
            for one in idle[::2]:
                await one.send(request("/health/live"))
                assert (await one.answer()).status == 200
            with trio.fail_after(WITHIN):
                for _ in range(50):
                    assert (await api.http.get("/v1/torrents")).status_code == 200
            for one in idle[::50]:
                await one.send(request("/health/live"))
                assert (await one.answer()).status == 200, "it was kept"
        await until_as_before(api, living)
        assert held() <= before + SLACK


async def test_beyond_the_bound_the_longest_idle_makes_room(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revaer.api.server.CONNECTIONS", 20)
    async with start_api() as api, AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(raw_connection(api.settings.port)) for _ in range(40)]
        for one in idle[20:]:
            await one.send(request("/health/live"))
            assert (await one.answer()).status == 200
        assert await idle[0].rest() == b""
        assert (await api.http.get("/health/live")).status_code == 200


async def test_beyond_the_bound_nobody_is_let_in_while_all_are_at_work(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revaer.api.server.CONNECTIONS", 3)
    monkeypatch.setattr("revaer.api.server.log", structlog.testing.CapturingLogger())  # else the log is read as a fault
    async with start_api() as api, AsyncExitStack() as stack:
        for _ in range(3):
            busy = await stack.enter_async_context(raw_connection(api.settings.port))
            await busy.send(stream_head())
            while b"\r\n\r\n" not in busy.raw:
                busy.raw += await busy.stream.receive_some()
        for _ in range(3):
            late = await stack.enter_async_context(raw_connection(api.settings.port))
            assert await late.rest() == b""


def stream_head(path: str = "/v1/events") -> bytes:
    """The request for a stream."""
    return request(path, key=READER)


@asynccontextmanager
async def narrow_connection(api: Running) -> AsyncIterator[RawConnection]:
    """A connection whose client has little room for what it does not read."""
    plain = trio.socket.socket()
    plain.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
    await plain.connect(("127.0.0.1", api.settings.port))
    async with trio.SocketStream(plain) as stream:
        yield RawConnection(stream)


@asynccontextmanager
async def subscriber(api: Running, *, narrow: bool = False) -> AsyncIterator[RawConnection]:
    """A reader of events whose stream has begun."""
    async with narrow_connection(api) if narrow else raw_connection(api.settings.port) as connection:
        await connection.send(stream_head())
        with trio.fail_after(WITHIN):
            while b"retry:" not in connection.raw:
                assert await connection._more()
        yield connection


async def test_five_hundred_subscribers_hear_everything_beside_a_stuck_one(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revaer.api.sse.BUFFER", 64)
    events = 30
    async with start_api(views=5) as api:
        living = tasks()
        async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
            stuck = await stack.enter_async_context(subscriber(api, narrow=True))
            readers = [await stack.enter_async_context(subscriber(api)) for _ in range(SUBSCRIBERS)]
            heard = [0] * SUBSCRIBERS
            round_is_over = trio.Event()

            async def read(number: int) -> None:
                nonlocal round_is_over
                connection, told = readers[number], 0
                connection.raw = b""
                while True:
                    while (told := connection.raw.count(b"event: torrent_added\n")) > heard[number]:
                        heard[number] = told
                        if min(heard) == told:
                            round_is_over.set()
                    assert await connection._more()

            for number in range(SUBSCRIBERS):
                nursery.start_soon(read, number)
            for turn in range(events):
                round_is_over = trio.Event()
                # All of them are twice what the system keeps for a stream: the stuck one is stuck half-way.
                api.catalogue.add(make_view(10_000 + turn, name="x" * 4000))
                with trio.fail_after(WITHIN):
                    await round_is_over.wait()
            assert set(heard) == {events}
            waiting = [one for one in api.bus.subscribers() if one.name.startswith("sse:")]
            assert len(waiting) == SUBSCRIBERS + 1
            assert [one.depth > 0 for one in waiting].count(True) == 1, "the stuck one, and no other"
            assert all(one.depth <= one.capacity == 64 for one in waiting)
            assert b"event:" not in stuck.raw
            nursery.cancel_scope.cancel()
        await until_as_before(api, living)


async def test_a_stuck_reader_of_events_holds_a_bounded_buffer(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revaer.api.sse.BUFFER", 64)
    async with start_api(views=5) as api, subscriber(api, narrow=True) as stuck, subscriber(api) as reader:
        for number in range(300):
            api.catalogue.add(make_view(10_000 + number, name="x" * 4000))
            with trio.fail_after(WITHIN):
                while b"event: torrent_added" not in reader.raw:
                    assert await reader._more()
            reader.raw = b""
        (held_back,) = (one for one in api.bus.subscribers() if one.name.startswith("sse:") and one.depth)
        assert held_back.depth == 64
        assert held_back.lagged > 100
        with trio.fail_after(WITHIN):
            while b"event: lagged" not in stuck.raw:
                assert await stuck._more(), "who reads on is told what it missed"


async def leave_rudely(stream: trio.SocketStream) -> None:
    """Reset the connection instead of closing it."""
    stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
    await stream.aclose()


async def come_and_go(api: Running, turn: int) -> None:
    """One subscriber, over either transport, which leaves at some point, in order or not."""
    stream = await trio.open_tcp_stream("127.0.0.1", api.settings.port)
    if turn % 2:
        with contextlib.suppress(AssertionError):
            await WebSocket(stream).handshake("/v1/events/ws", {"x-revaer-api-key": str(READER)})
        socket = WebSocket(stream)
        await socket.send({"op": "subscribe", "snapshot": turn % 4 == 1})
        await socket.send({"op": "ping"})
    else:
        await stream.send_all(stream_head())
    match turn % 6:
        case 0 | 1:
            await stream.receive_some(1000)
        case 2 | 3:
            await stream.send_eof()
    if turn % 5:
        await stream.aclose()
    else:
        await leave_rudely(stream)


async def test_subscribers_that_come_and_go_leave_nothing_behind(start_api: StartApi) -> None:
    async with start_api(views=50) as api:
        await api.http.get("/health")
        living, before = tasks(), held()
        numbers = itertools.count()
        for _ in range(12):
            async with trio.open_nursery() as nursery:
                for turn in range(60):
                    nursery.start_soon(come_and_go, api, turn)
                    if turn % 10 == 0:
                        api.catalogue.add(make_view(20_000 + next(numbers)))
            await until_as_before(api, living)
        assert held() <= before + SLACK
        assert (await api.http.get("/v1/torrents")).status_code == 200


@pytest.mark.parametrize("path", ["/v1/events", "/v1/torrents/events"])
async def test_a_half_closed_reader_of_events_is_let_go(start_api: StartApi, path: str) -> None:
    async with start_api() as api:
        living = tasks()
        async with raw_connection(api.settings.port) as connection:
            await connection.send(stream_head(path))
            await connection.stream.send_eof()
            await connection.rest()
            await until_as_before(api, living)


async def test_a_half_closed_caller_gets_its_answer_or_a_clean_close(api: Running) -> None:
    for target in ("/health/live", "/v1/torrents", "/nowhere"):
        async with raw_connection(api.settings.port) as connection:
            await connection.send(request(target, key=READER))
            await connection.stream.send_eof()
            answer = await connection.answer()
            assert answer.status in (200, 404, None)
            await connection.rest()


async def test_half_a_request_and_half_a_close_end_the_connection(api: Running) -> None:
    await api.http.get("/health/live")
    living = tasks()
    for beginning in (b"GE", b"GET /health HTTP/1.1\r\n", b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: "):
        async with raw_connection(api.settings.port) as connection:
            await connection.send(beginning)
            await connection.stream.send_eof()
            await connection.rest()
    await until_as_before(api, living)


async def test_who_asks_and_never_reads_is_disconnected(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who sends requests without end and reads no answer fills the buffers of its own connection, and no more."""
    monkeypatch.setattr("revaer.api.outlet.WRITE_STALL_SECONDS", 0.3)
    async with start_api(views=1000) as api:
        await api.http.get("/health/live")
        living = tasks()
        async with narrow_connection(api) as connection:
            asked = request("/v1/torrents?limit=1000", key=READER)
            with trio.fail_after(WITHIN), contextlib.suppress(trio.BrokenResourceError):
                while True:
                    await connection.send(asked * 100)
            for _ in range(5):
                assert (await api.http.get("/health/live")).status_code == 200
            await until_as_before(api, living)
    assert "client_stuck" in capsys.readouterr().out
